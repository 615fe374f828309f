//! The daemon's control sockets: HTTP over two Unix sockets in `control_dir`, one to read and one to act.
//!
//! Whoever may connect is let in by the kernel: both sockets are the service's and its group's (0660), in a folder
//! that nobody else may enter (0750). There are two so that a monitor can be handed the one that changes nothing.
//! An action is noted in the audit with the peer's uid, gid and pid. One request a connection; connections, bytes
//! and time are bounded.
//!
//! - `socket`: the files
//! - `routes`: what can be asked and ordered; `bodies`: what a request brings along
//! - `steps`: an answer that comes bit by bit
//!
//! Not here: what an order does ([`orders`](super::orders)).

mod bodies;
mod routes;
pub mod socket;
mod steps;

use super::enrolling::asking::{Ask, TIMEOUT_MAX_S};
use super::notices::Notices;
use super::orders::Who;
use super::planning::Planner;
use super::timekeeping::Timekeeper;
use crate::config::Config;
use crate::mirror::Writer;
use access::id::Key;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use routes::Side;
use socket::Socket;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc};

/// Connections of one socket at a time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4;
/// A request's head must be there within this.
const HEAD_MAX_MS: u64 = 5_000;
/// A connection is cut after this, whatever it is doing: the longest plan takes seconds, an enrollment as long as its
/// two taps may.
const CONNECTION_MAX_MS: u64 = TIMEOUT_MAX_S as u64 * 1_000 + 60_000;
/// Bytes of a request's head; the least that hyper takes.
const HEAD_MAX_BYTES: usize = 8 * 1024;
/// Pause after a connection that could not be accepted, for want of file descriptors.
const ACCEPT_RETRY_MS: u64 = 1_000;

/// What the sockets give access to.
pub struct Control {
    /// The configuration.
    pub config: Arc<Config>,
    /// To plan with; none when no PACS is configured.
    pub planner: Option<Arc<Planner>>,
    /// Where goes what is asked of the readers.
    pub asks: mpsc::Sender<Ask>,
    /// The panel's doors.
    pub doors: Arc<BTreeSet<Key>>,
    /// To act.
    pub writer: Writer,
    /// The time.
    pub time: Timekeeper,
    /// Whom to tell, and what is known to the daemon alone.
    pub notices: Notices,
}

impl Control {
    /// Runs for as long as the gateway does. A panel works without its sockets, so one that cannot be made is said
    /// and left.
    pub async fn run(self) {
        let this = Rc::new(self);
        tokio::join!(this.clone().side(Side::Reading), this.side(Side::Acting));
    }

    async fn side(self: Rc<Self>, side: Side) {
        let socket = match Socket::open(&self.config.control_dir, side.socket_name()) {
            Ok(socket) => socket,
            Err(error) => {
                tracing::error!(%error, "no control socket; the gateway runs without it");
                return;
            }
        };
        tracing::debug!(path = %socket.path().display(), "control socket");
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            match socket.accept().await {
                Ok(stream) => {
                    let this = self.clone();
                    tokio::task::spawn_local(async move {
                        this.connection(side, stream).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a control connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
                }
            }
        }
    }

    async fn connection(self: Rc<Self>, side: Side, stream: UnixStream) {
        let who = match stream.peer_cred() {
            Ok(peer) => Who::Local { uid: peer.uid(), gid: peer.gid(), pid: peer.pid() },
            Err(error) => {
                tracing::warn!(%error, "a control connection without credentials is closed");
                return;
            }
        };
        let answer = service_fn(|request| {
            let (this, who) = (self.clone(), who.clone());
            async move { Ok::<_, std::convert::Infallible>(this.answer(side, who, request).await) }
        });
        let serve = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(HEAD_MAX_MS))
            .max_buf_size(HEAD_MAX_BYTES)
            .keep_alive(false)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), answer);
        match tokio::time::timeout(Duration::from_millis(CONNECTION_MAX_MS), serve).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a control connection ended early"),
            Err(_) => {
                tracing::warn!("a control connection took more than {CONNECTION_MAX_MS} ms and was cut")
            }
        }
    }
}
