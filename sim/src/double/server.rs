//! HTTP, and the faults acted out.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::faults::{FaultKind, take};
use super::{Api, Ask, Recorded, Reply, Shared};

/// The largest body of a request.
const BODY_MAX_BYTES: usize = 1024 * 1024;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut by a fault")]
struct Cut;

/// Serves until the handle is gone. What is due later than that is lost.
pub(super) async fn run<A: Api>(
    listener: std::net::TcpListener,
    shared: Arc<Shared<A>>,
    mut stop: oneshot::Receiver<()>,
) {
    let listener = TcpListener::from_std(listener).expect("the runtime has a poller");
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let (stream, _) = accepted.expect("a test has descriptors enough");
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        }
    }
}

async fn serve<A: Api>(stream: TcpStream, shared: Arc<Shared<A>>) {
    let service = service_fn(|request| respond(request, &shared));
    // An error here is a client that went away, or a cut that was asked for.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond<A: Api>(
    request: hyper::Request<Incoming>,
    shared: &Arc<Shared<A>>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_MAX_BYTES).collect().await.map_err(|_| Cut)?.to_bytes().to_vec();
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = parts.headers.iter().map(header).collect();
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let line = parts.uri.path_and_query().map_or(path, |both| both.as_str());
    let below = shared.openapi.below_base(path);
    let ask = Ask::new(parts.method.as_str(), below.unwrap_or(path), query, headers, body);
    let fault = note(shared, &ask, line, below.is_some());
    if below.is_none() {
        return Ok(rendered(Reply::empty(404)));
    }
    act_out(fault, ask, shared).await.map(rendered)
}

/// Notes the request and what it breaks, and takes the fault that it meets.
fn note<A: Api>(shared: &Shared<A>, ask: &Ask, line: &str, is_below: bool) -> Option<FaultKind> {
    let broken = if is_below {
        shared.openapi.violations(ask)
    } else {
        vec!["not below the server's path".to_owned()]
    };
    let mut inner = shared.lock();
    inner.requests.push(Recorded::new(ask, line, &shared.url));
    inner.violations.extend(broken.into_iter().map(|why| format!("{} {line}: {why}", ask.method)));
    take(&mut inner.faults, &ask.method, line)
}

/// Carries the request out, or not, and answers, or not, as the fault says.
async fn act_out<A: Api>(fault: Option<FaultKind>, ask: Ask, shared: &Arc<Shared<A>>) -> Result<Reply, Cut> {
    match fault {
        None => Ok(carry_out(shared, &ask)),
        Some(FaultKind::Status { status, headers, body }) => {
            let reply = if body.is_null() { Reply::empty(status) } else { Reply::json(status, &body) };
            Ok(headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value)))
        }
        Some(FaultKind::StatusAfter { status }) => {
            carry_out(shared, &ask);
            Ok(Reply::empty(status))
        }
        Some(FaultKind::CutBefore) => Err(Cut),
        Some(FaultKind::CutAfter) => {
            carry_out(shared, &ask);
            Err(Cut)
        }
        Some(FaultKind::Slow { ms }) => {
            // First, since a client that gives up takes this task with it.
            let reply = carry_out(shared, &ask);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(reply)
        }
        Some(FaultKind::Late { ms }) => {
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                carry_out(&shared, &ask);
            });
            Err(Cut)
        }
    }
}

fn carry_out<A: Api>(shared: &Shared<A>, ask: &Ask) -> Reply {
    let reply = shared.lock().api.answer(ask);
    shared.changed.notify_all();
    reply
}

fn rendered(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(
        StatusCode::from_u16(reply.status)
            .ok()
            .filter(|status| !status.is_informational())
            .unwrap_or_default(),
    );
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(reply.body))).expect("a double's headers can be sent")
}
