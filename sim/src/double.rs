//! The frame of the doubles: each plays one vendor's API for tests, as an HTTP server on a thread of its own.
//!
//! A double is an [`Api`]: state and request in, answer out, written from public facts alone. The frame listens,
//! acts out faults, notes every request, and compares each with the double's OpenAPI file before it is answered.
//!
//! | module | what it holds |
//! |---|---|
//! | `ask` | a request as a double sees it, its answer, and a request as a test sees it |
//! | `faults` | which fault a request meets: pure |
//! | `openapi`, `yaml` | requests against an OpenAPI file: pure |
//! | `server` | HTTP, the faults acted out |
//!
//! Not here: TLS, answers compared with the OpenAPI file, and anything that a vendor has (each double).

mod ask;
mod faults;
mod openapi;
mod server;
#[cfg(test)]
mod tests;
mod yaml;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;

pub use ask::{Ask, Recorded, Reply};
pub use faults::{Fault, FaultKind};
use openapi::OpenApi;

/// One vendor's API, pure: state and request in, answer out.
pub trait Api: Send + 'static {
    /// Answers a request. It has been compared with [`Api::openapi`], and is answered whatever came of that.
    fn answer(&mut self, request: &Ask) -> Reply;

    /// Everything that it holds, by external names, for tests to compare.
    fn dump(&self) -> Value;

    /// Its OpenAPI file (YAML). Paths are below the path of its first server, if it names one.
    fn openapi(&self) -> &'static str;
}

/// A running double; ends when dropped. Drop panics when requests broke the OpenAPI file and no one asked for
/// [`Double::violations`].
pub struct Double<A: Api> {
    address: SocketAddr,
    shared: Arc<Shared<A>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the server and the handle share.
struct Shared<A> {
    inner: Mutex<Inner<A>>,
    changed: Condvar,
    openapi: OpenApi,
    /// Taken out of what is noted, since the port differs from run to run.
    url: String,
}

struct Inner<A> {
    api: A,
    faults: Vec<Fault>,
    requests: Vec<Recorded>,
    violations: Vec<String>,
}

impl<A> Shared<A> {
    /// A panic under the lock is a test's own, and the test ends with it.
    fn lock(&self) -> MutexGuard<'_, Inner<A>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Api> Double<A> {
    /// Starts it on any free port of 127.0.0.1; when this returns, it answers.
    ///
    /// # Panics
    /// When its OpenAPI file is none, or the system gives neither port nor thread.
    #[must_use]
    pub fn start(api: A) -> Double<A> {
        let openapi = OpenApi::parse(api.openapi()).unwrap_or_else(|error| panic!("OpenAPI file: {error}"));
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = std::net::TcpListener::bind(any).expect("there is a free port");
        listener.set_nonblocking(true).expect("a socket can be told not to block");
        let address = listener.local_addr().expect("it is bound");
        let inner = Inner { api, faults: Vec::new(), requests: Vec::new(), violations: Vec::new() };
        let shared = Arc::new(Shared {
            inner: Mutex::new(inner),
            changed: Condvar::new(),
            openapi,
            url: format!("http://{address}"),
        });
        // A runtime cannot be entered from within another one, and a test may run in one.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.expect("the system gives a poller");
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let serve = move || runtime.block_on(server::run(listener, served, stopped));
        let thread = std::thread::Builder::new().name("double".to_owned()).spawn(serve);
        let thread = thread.expect("the system gives a thread");
        Double { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT`, without the path of the API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at what the double holds, or changes it by hand: edits, drift, a restore from a copy. It must not
    /// use this double.
    pub fn with<T>(&self, look: impl FnOnce(&mut A) -> T) -> T {
        let result = look(&mut self.shared.lock().api);
        self.shared.changed.notify_all();
        result
    }

    /// Everything received so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }

    /// Everything received since the last call.
    pub fn take_requests(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.shared.lock().requests)
    }

    /// Adds a fault to the queue: the next request that it matches meets it, once. Of several that match, the
    /// one added first applies.
    pub fn fault(&self, fault: Fault) {
        self.shared.lock().faults.push(fault);
    }

    /// How many faults no request has met yet.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.shared.lock().faults.len()
    }

    /// What requests broke in the OpenAPI file since the last call.
    pub fn violations(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().violations)
    }

    /// Blocks until `done` is true of what the double holds, at most for `timeout`, and says whether it became
    /// true: for what is carried out late. `done` must not use this double.
    pub fn wait_until(&self, timeout: Duration, mut done: impl FnMut(&A) -> bool) -> bool {
        let waiting = |inner: &mut Inner<A>| !done(&inner.api);
        let outcome = self.shared.changed.wait_timeout_while(self.shared.lock(), timeout, waiting);
        !outcome.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl<A: Api> Drop for Double<A> {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the double has been printed by its own thread.
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the double's thread panicked");
        }
        let violations = self.violations();
        assert!(
            violations.is_empty() || std::thread::panicking(),
            "requests broke the OpenAPI file: {violations:#?}"
        );
    }
}
