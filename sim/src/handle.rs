//! Starting a PACS, and holding it: for tests and benches in the same process, and for the binary.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::control;
use crate::effects::{Effect, Via};
use crate::elements::{AccessElement, checked};
use crate::faults::{Fault, FaultId, FaultsFull};
use crate::server::{Command, Gate, bind, run};
use crate::shared::Shared;
use crate::world::{Refusal, State, World};

/// Commands are given one at a time, so that one place is enough; the second is for the last, `Stop`.
const COMMANDS_MAX: usize = 2;

/// HTTP Basic credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name, without a colon.
    pub username: String,
    /// The password; never shown.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// How to start a PACS. The default: any port of 127.0.0.1, no base path, open to all,
/// [`AccessElement::defaults`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where the API begins, e.g. `/rest/v1`. The control API stays at `/_sim/`.
    pub base_path: String,
    /// `None`: no authentication.
    pub login: Option<Login>,
    /// What `X-System-Id` must say; `None`: not looked at.
    pub system_id: Option<String>,
    /// What can be given to a person.
    pub elements: Vec<AccessElement>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            base_path: String::new(),
            login: None,
            system_id: None,
            elements: AccessElement::defaults(),
        }
    }
}

/// Why a PACS could not be started, paused or resumed.
#[derive(Debug, thiserror::Error)]
pub enum PacsError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// The system gave no thread, timer or poller.
    #[error("cannot run the server: {0}")]
    Run(#[from] std::io::Error),
    /// The access elements contradict each other.
    #[error("the access elements are no good: {0}")]
    Elements(#[source] Refusal),
    /// The server's thread is gone.
    #[error("the server has ended")]
    Ended,
}

/// The simulated PACS.
#[derive(Debug)]
pub struct Pacs;

impl Pacs {
    /// Starts a PACS on a thread of its own; when this returns, it answers.
    ///
    /// # Errors
    /// [`PacsError`]: a taken address, contradicting elements, or no thread.
    pub fn start(options: Options) -> Result<Handle, PacsError> {
        let elements = checked(options.elements).map_err(PacsError::Elements)?;
        let shared = Arc::new(Shared::new(State::new(elements)));
        let gate = Arc::new(Gate::new(&options.base_path, options.login.as_ref(), options.system_id));
        let bound = |source| PacsError::Bind { address: options.listen, source };
        let listener = bind(options.listen).map_err(bound)?;
        let address = listener.local_addr()?;
        let base_path = gate.base_path.clone();
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("sim-pacs".to_owned())
            .spawn(move || runtime.block_on(run(listener, served, gate, received)))?;
        Ok(Handle { address, base_path, shared, commands: Mutex::new(commands), thread: Some(thread) })
    }
}

/// A running PACS; dropping it ends the PACS.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    base_path: String,
    shared: Arc<Shared>,
    /// Held until the command is confirmed: one at a time.
    commands: Mutex<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// Where it listens, or listened when paused.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API, base path included, without a slash at the end: `http://127.0.0.1:4711/rest/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.base_path)
    }

    /// The control API, without a slash at the end: `http://127.0.0.1:4711/_sim`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}/{}", self.address, control::PREFIX)
    }

    /// A copy of everything in the PACS.
    #[must_use]
    pub fn world(&self) -> World {
        self.shared.with(|inner| inner.state.world.clone())
    }

    /// A copy of the log of acts, oldest first; at most [`crate::EFFECTS_MAX`].
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        self.shared.with(|inner| inner.state.effects.as_slice().to_vec())
    }

    /// Sets a fault; of several that match a request, the one set first applies.
    ///
    /// # Errors
    /// [`FaultsFull`] if [`crate::FAULTS_MAX`] are set.
    pub fn inject(&self, fault: Fault) -> Result<FaultId, FaultsFull> {
        self.shared.with(|inner| inner.faults.inject(fault))
    }

    /// Clears one fault; says whether it was still set.
    pub fn clear_fault(&self, id: FaultId) -> bool {
        self.shared.with(|inner| inner.faults.remove(id))
    }

    /// Clears all faults. Late acts that were cut off before are still executed.
    pub fn clear_faults(&self) {
        self.shared.with(|inner| inner.faults.clear());
    }

    /// Replaces the access elements. Permissions that are given stay.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if an id is empty or there twice.
    pub fn set_elements(&self, elements: Vec<AccessElement>) -> Result<(), Refusal> {
        let elements = checked(elements)?;
        self.shared.act(Via::Sim, |state, _| state.elements = elements);
        Ok(())
    }

    /// Makes a person be as given: drift made on purpose, past all faults. Children in the arrays `credentials`
    /// and `permissions` are added or replaced, others stay. Gives the native id.
    ///
    /// # Errors
    /// [`Refusal`] as from the API; what was done before it stays done.
    pub fn force_person(&self, person: &Value) -> Result<String, Refusal> {
        let body = person.as_object().cloned();
        let body = body.ok_or_else(|| Refusal::Invalid("a person is a JSON object".to_owned()))?;
        self.shared.act(Via::Sim, |state, stamp| state.force_person(body, stamp))
    }

    /// Deletes a person and its children by `personnelNumber`: drift made on purpose, past all faults.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn delete_person(&self, personnel_number: &str) -> Result<(), Refusal> {
        control::delete(&self.shared, personnel_number)
    }

    /// Blocks until `done` is true, at most for `timeout`, and says whether it became true. `done` is asked now
    /// and after every change, under the lock: it must not use this handle.
    pub fn wait_until(&self, timeout: Duration, done: impl FnMut(&World, &[Effect]) -> bool) -> bool {
        self.shared.wait_until(timeout, done)
    }

    /// Stops listening and drops all connections; the state stays, and late acts are still executed. When this
    /// returns, a connection is refused.
    ///
    /// # Errors
    /// [`PacsError::Ended`].
    pub fn pause(&self) -> Result<(), PacsError> {
        let (done, confirmed) = sync_channel(1);
        let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands.try_send(Command::Pause(done)).map_err(|_| PacsError::Ended)?;
        confirmed.recv().map_err(|_| PacsError::Ended)
    }

    /// Listens again on the same address, after [`Handle::pause`].
    ///
    /// # Errors
    /// [`PacsError::Bind`] if somebody else took the port, or if it is not paused; [`PacsError::Ended`].
    pub fn resume(&self) -> Result<(), PacsError> {
        let (done, confirmed) = sync_channel(1);
        let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let listener =
            bind(self.address).map_err(|source| PacsError::Bind { address: self.address, source })?;
        commands.try_send(Command::Resume(listener, done)).map_err(|_| PacsError::Ended)?;
        confirmed.recv().map_err(|_| PacsError::Ended)?.map_err(PacsError::Run)
    }

    /// Ends the PACS and waits for its thread. Late acts that are due later are lost.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let commands = self.commands.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It fails only if the thread has ended already.
        let _ = commands.try_send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
