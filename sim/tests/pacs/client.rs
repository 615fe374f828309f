//! A client that knows nothing of the simulation: one request, one connection, whatever comes back.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use doorward_sim::Handle;
use serde_json::Value;

/// A test that waits longer than this for an answer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Status and body; `None` if the connection ended without an answer or was refused.
pub(crate) type Reply = Option<(u16, Value)>;

/// Sends a request with a JSON body (`Value::Null`: none).
pub(crate) fn send(pacs: &Handle, method: &str, path: &str, body: &Value) -> Reply {
    send_with(pacs, method, path, body, "")
}

/// As [`send`], with header lines that each end in CR LF.
pub(crate) fn send_with(pacs: &Handle, method: &str, path: &str, body: &Value, headers: &str) -> Reply {
    let mut stream = TcpStream::connect(pacs.address()).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout can be set");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: pacs\r\nConnection: close\r\n{headers}");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().expect("a status is a number");
    let body =
        if body.is_empty() { Value::Null } else { serde_json::from_str(body).expect("the body is JSON") };
    Some((status, body))
}

/// Sends a request that must be answered with this status; gives the body.
pub(crate) fn expect(pacs: &Handle, status: u16, method: &str, path: &str, body: &Value) -> Value {
    let (got, answer) = send(pacs, method, path, body).expect("it answers");
    assert_eq!(got, status, "{method} {path}: {answer}");
    answer
}
