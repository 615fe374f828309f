//! HTTP: connections, authentication, and the faults acted out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::effects::Via;
use crate::faults::FaultKind;
use crate::handle::Login;
use crate::request::{Answer, Request};
use crate::shared::Shared;
use crate::{api, control};

/// How many connections are served at a time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;
/// The largest body of a request.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// How long to leave the listener alone after it failed, e.g. for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Who may use the API.
pub(crate) struct Gate {
    /// With a slash before and none at the end, or empty.
    pub(crate) base_path: String,
    authorization: Option<String>,
    system_id: Option<String>,
}

impl Gate {
    pub(crate) fn new(base_path: &str, login: Option<&Login>, system_id: Option<String>) -> Self {
        let basic = |login: &Login| {
            format!("Basic {}", STANDARD.encode(format!("{}:{}", login.username, login.password)))
        };
        let base_path = base_path.trim_matches('/');
        Self {
            base_path: if base_path.is_empty() { String::new() } else { format!("/{base_path}") },
            authorization: login.map(basic),
            system_id,
        }
    }

    fn refuses(&self, parts: &Parts) -> Option<&'static str> {
        let is = |name: &str, wanted: &Option<String>| {
            let sent = parts.headers.get(name).map(|value| value.as_bytes());
            wanted.as_ref().is_none_or(|wanted| sent == Some(wanted.as_bytes()))
        };
        if !is(AUTHORIZATION.as_str(), &self.authorization) {
            Some("wrong or missing username and password")
        } else if !is("x-system-id", &self.system_id) {
            Some("wrong or missing X-System-Id")
        } else {
            None
        }
    }
}

/// What the handle tells the server; each is confirmed when it is done.
pub(crate) enum Command {
    /// Stop listening and drop all connections.
    Pause(SyncSender<()>),
    /// Go on with this listener.
    Resume(std::net::TcpListener, SyncSender<std::io::Result<()>>),
    /// End the server.
    Stop,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut by a fault")]
struct Cut;

/// Serves until [`Command::Stop`], or until the handle is gone.
pub(crate) async fn run(
    listener: TcpListener,
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    mut commands: mpsc::Receiver<Command>,
) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let room = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            command = commands.recv() => match command {
                None | Some(Command::Stop) => break,
                Some(Command::Pause(done)) => {
                    listener = None;
                    connections.shutdown().await;
                    // Nobody listens for the confirmation only if the handle's caller is gone.
                    let _ = done.send(());
                }
                Some(Command::Resume(fresh, done)) => {
                    let outcome = TcpListener::from_std(fresh).map(|fresh| listener = Some(fresh));
                    let _ = done.send(outcome);
                }
            },
            Some(_) = connections.join_next() => {}
            accepted = accept(listener.as_ref()), if room => {
                if let Some(stream) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&shared), Arc::clone(&gate)));
                }
            }
        }
    }
}

/// Opens a listener that the runtime can take over.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    let Some(listener) = listener else { return std::future::pending().await };
    match listener.accept().await {
        Ok((stream, _)) => Some(stream),
        Err(_) => {
            tokio::time::sleep(ACCEPT_RETRY).await;
            None
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, gate: Arc<Gate>) {
    // Answers are small and each is waited for; Nagle would only add latency to the benches.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, &shared, &gate));
    // An error here is a client that went away, or a cut that was asked for.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: hyper::Request<Incoming>,
    shared: &Arc<Shared>,
    gate: &Gate,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_MAX_BYTES).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return Ok(rendered(Answer::error(
                413,
                &format!("the body is larger than {BODY_MAX_BYTES} bytes"),
            )));
        }
        Err(_) => return Err(Cut),
    };
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let whole = Request::new(parts.method.as_str(), path, query, Vec::new());
    if whole.segments.first().is_some_and(|first| first == control::PREFIX) {
        return Ok(rendered(control::answer(shared, &Request { body, ..whole }).await));
    }
    let inside = path.strip_prefix(&gate.base_path).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some(inside) = inside else { return Ok(rendered(Answer::no_path())) };
    if let Some(words) = gate.refuses(&parts) {
        return Ok(rendered(Answer::error(401, words)));
    }
    let line = parts.uri.path_and_query().map_or(path, |both| both.as_str());
    let text = String::from_utf8_lossy(&body).into_owned();
    let fault = shared.with(|inner| inner.faults.take(parts.method.as_str(), line, &text));
    let request = Request::new(parts.method.as_str(), inside, query, body);
    act_out(fault, request, shared).await.map(rendered)
}

/// Does the act, or not, and answers, or not, as the fault says.
async fn act_out(fault: Option<FaultKind>, request: Request, shared: &Arc<Shared>) -> Result<Answer, Cut> {
    let act = |request: &Request| shared.act(Via::Api, |state, stamp| api::answer(state, request, stamp));
    match fault {
        None => Ok(act(&request)),
        Some(FaultKind::Latency { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(act(&request))
        }
        Some(FaultKind::Status { status, words }) => Ok(Answer::error(status, &words)),
        Some(FaultKind::StatusAfter { status, words }) => {
            act(&request);
            Ok(Answer::error(status, &words))
        }
        Some(FaultKind::CutBefore) => Err(Cut),
        Some(FaultKind::CutAfter) => {
            act(&request);
            Err(Cut)
        }
        Some(FaultKind::Late { ms }) => {
            let Ok(permit) = Arc::clone(&shared.late).try_acquire_owned() else {
                return Ok(Answer::error(503, "too many late acts are waiting"));
            };
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                shared.act(Via::Api, |state, stamp| api::answer(state, &request, stamp));
                drop(permit);
            });
            Err(Cut)
        }
        Some(FaultKind::Hang { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Err(Cut)
        }
    }
}

fn rendered(answer: Answer) -> Response<Full<Bytes>> {
    let body = answer.body.map(|body| body.to_string()).unwrap_or_default();
    let json = !body.is_empty();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    // A fault set through the library may carry any number; 1xx is no final answer.
    let status = StatusCode::from_u16(answer.status).ok().filter(|status| !status.is_informational());
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if json {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    }
    response
}
