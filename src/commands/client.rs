//! One request to the daemon over one of its sockets.
//!
//! Not here: what is asked.

use crate::config::Config;
use crate::service::control::socket::{ACT_SOCKET, READ_SOCKET};
use anyhow::{Context, Result, anyhow, bail};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

/// An answer is there within this, or the daemon is stuck; it cuts its connections as late itself.
const ANSWER_MAX_MS: u64 = 65_000;
/// Largest answer: the longest plan, with long words.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Longest line of one that comes bit by bit.
const LINE_MAX_BYTES: usize = 64 * 1024;

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

    /// Orders something that is answered line by line; nothing limits how long it takes but the daemon.
    pub(super) fn follow(
        &self,
        path: &str,
        body: &Value,
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(lines(&self.folder.join(ACT_SOCKET), path, body.to_string(), each))
    }

    fn send(&self, socket: &str, method: Method, path: &str, body: String) -> Result<Value> {
        let file = self.folder.join(socket);
        // Most questions are asked with or without a daemon: no runtime is made to find that there is none.
        if std::fs::symlink_metadata(&file).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Err(NoDaemon { path: file }.into());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let limit = Duration::from_millis(ANSWER_MAX_MS);
        let answer = runtime
            .block_on(async { tokio::time::timeout(limit, exchange(&file, method, path, body)).await });
        answer.with_context(|| format!("{}: no answer within {ANSWER_MAX_MS} ms", file.display()))?
    }
}

/// Sends one request; the answer's head has come then.
async fn ask(
    file: &Path,
    method: Method,
    path: &str,
    body: String,
) -> Result<(Response<Incoming>, AbortOnDrop)> {
    let stream = UnixStream::connect(file).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => NoDaemon { path: file.into() }.into(),
        ErrorKind::PermissionDenied => anyhow!(
            "{}: not for this user; be root, or join the group of the service (usermod -aG doorward NAME)",
            file.display()
        ),
        _ => anyhow!("{}: {error}", file.display()),
    })?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = AbortOnDrop(tokio::spawn(async move { drop(connection.await) }));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let cut = || format!("{}: the daemon has cut the connection", file.display());
    Ok((sender.send_request(request).await.with_context(cut)?, connection))
}

/// The connection, which is not waited for at the end.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange(file: &Path, method: Method, path: &str, body: String) -> Result<Value> {
    let (response, _connection) = ask(file, method, path, body).await?;
    let status = response.status();
    let whole = Limited::new(response.into_body(), ANSWER_MAX_BYTES).collect().await;
    let whole = whole.map_err(|error| anyhow!("{}: the answer cannot be read: {error}", file.display()))?;
    let value: Value = contract::json::from_bytes(&whole.to_bytes())
        .with_context(|| format!("{}: the answer is no JSON; is it a doorward?", file.display()))?;
    if !status.is_success() {
        bail!("{}", value["error"].as_str().unwrap_or(status.as_str()));
    }
    Ok(value)
}

/// Passes each line of the answer on as it comes; none says where the answer ended early.
async fn lines(
    file: &Path,
    path: &str,
    body: String,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let (response, _connection) = ask(file, Method::POST, path, body).await?;
    if !response.status().is_success() {
        let whole = Limited::new(response.into_body(), LINE_MAX_BYTES).collect().await;
        let whole = whole.map_err(|error| anyhow!("{}: {error}", file.display()))?.to_bytes();
        let value: Value = contract::json::from_bytes(&whole).unwrap_or_default();
        bail!("{}", value["error"].as_str().unwrap_or("the daemon says no and not why"));
    }
    let (mut body, mut pending) = (response.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame =
            frame.with_context(|| format!("{}: the daemon has cut the connection", file.display()))?;
        pending.extend(frame.data_ref().into_iter().flatten());
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            each(line.trim_ascii())?;
        }
        if pending.len() > LINE_MAX_BYTES {
            bail!("{}: a line of more than {LINE_MAX_BYTES} bytes; is it a doorward?", file.display());
        }
    }
    Ok(())
}
