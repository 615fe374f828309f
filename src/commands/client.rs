//! One request to the daemon over one of its sockets.
//!
//! Not here: what is asked.

use crate::config::Config;
use crate::service::control::socket::{ACT_SOCKET, READ_SOCKET};
use anyhow::{Context, Result, anyhow, bail};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// An answer is there within this, or the daemon is stuck; it cuts its connections as late itself.
const ANSWER_MAX_MS: u64 = 65_000;
/// Largest answer: the longest plan, with long words.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;

/// No daemon listens.
#[derive(Debug, thiserror::Error)]
#[error("no daemon listens at {}; start it (systemctl start doorward), or correct control_dir", path.display())]
pub(super) struct NoDaemon {
    path: PathBuf,
}

/// The daemon's sockets.
pub(super) struct Client {
    folder: PathBuf,
}

impl Client {
    pub(super) fn new(config: &Config) -> Client {
        Client { folder: config.control_dir.clone() }
    }

    /// Asks for something; [`NoDaemon`] when nobody listens.
    pub(super) fn read(&self, path: &str) -> Result<Value> {
        self.send(READ_SOCKET, Method::GET, path, String::new())
    }

    /// Orders something.
    pub(super) fn act(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(ACT_SOCKET, Method::POST, path, body.to_string())
    }

    fn send(&self, socket: &str, method: Method, path: &str, body: String) -> Result<Value> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let limit = Duration::from_millis(ANSWER_MAX_MS);
        let file = self.folder.join(socket);
        let answer = runtime
            .block_on(async { tokio::time::timeout(limit, exchange(&file, method, path, body)).await });
        answer.with_context(|| format!("{}: no answer within {ANSWER_MAX_MS} ms", file.display()))?
    }
}

async fn exchange(file: &Path, method: Method, path: &str, body: String) -> Result<Value> {
    let stream = UnixStream::connect(file).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => NoDaemon { path: file.into() }.into(),
        ErrorKind::PermissionDenied => anyhow!(
            "{}: not for this user; be root, or join the group of the service (usermod -aG doorward NAME)",
            file.display()
        ),
        _ => anyhow!("{}: {error}", file.display()),
    })?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let cut = || format!("{}: the daemon has cut the connection", file.display());
    let response = sender.send_request(request).await.with_context(cut)?;
    let status = response.status();
    let whole = Limited::new(response.into_body(), ANSWER_MAX_BYTES).collect().await;
    let whole = whole.map_err(|error| anyhow!("{}: the answer cannot be read: {error}", file.display()))?;
    connection.abort();
    let value: Value = serde_json::from_slice(&whole.to_bytes())
        .with_context(|| format!("{}: the answer is no JSON; is it a doorward?", file.display()))?;
    if !status.is_success() {
        bail!("{}", value["error"].as_str().unwrap_or(status.as_str()));
    }
    Ok(value)
}
