//! A client for the control API of the simulated PACS: one request, one connection, JSON both ways.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for the next byte of an answer.
const READ_MAX: Duration = Duration::from_secs(10);

/// Sends a request, with a body unless that is `null`, and gives the answer's body.
///
/// # Errors
/// When there is no answer, or it tells of an error.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, body: &Value) -> Result<Value> {
    let context = || format!("{method} {path}");
    let text = exchange(address, method, path, body).with_context(context)?;
    let (head, body) = text.split_once("\r\n\r\n").with_context(context)?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if !status.starts_with('2') {
        bail!("{method} {path}: {status} {body}");
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(body).with_context(context)
}

fn exchange(address: SocketAddr, method: &str, path: &str, body: &Value) -> std::io::Result<String> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(READ_MAX))?;
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: pacs\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
