//! The fixture: readers as the gateway keeps them, and what happens at them.

use crate::world::{PATIENCE, eventually, program_words};
use access::signal::Signal;
use doorward::clock::{Clock, SyncSource, SystemClock};
use doorward::config::PcscSignals;
use doorward::reader::card::Technology;
use doorward::reader::line::{Presentation, Reason, State};
use doorward::reader::spec::{CHILD_VERB, Opening, Port, SILENCE_MAX_MS, Spec};
use doorward::reader::supervisor::{ReaderEvent, Readers, Standing, What};
use doorward_sim::readers::hardware::Hardware;
use doorward_sim::readers::pcscd::{Listed, Pcscd, SOCKET_VARIABLE};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// The name of the reader where a scene has one.
pub(crate) const NAME: &str = "entrance";
/// What pcscd calls it.
pub(crate) const ACR122: &str = "ACS ACR122U PICC Interface";

/// Readers under a supervisor in a thread of its own; its children end when it is dropped.
pub(super) struct Desk {
    readers: Arc<OnceLock<Readers>>,
    events: Receiver<ReaderEvent>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    pub(super) fn with(specs: Vec<Spec>) -> Desk {
        let (to_scene, events) = sync_channel(1024);
        let (stop, mut stopped) = oneshot::channel();
        let readers = Arc::new(OnceLock::new());
        let shared = readers.clone();
        let (started, is_started) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(SyncSource::Host));
                let (readers, mut events) = Readers::start(specs, &clock);
                assert!(shared.set(readers).is_ok());
                started.send(()).expect("the scene waits");
                loop {
                    tokio::select! {
                        event = events.recv() => match event {
                            Some(event) => to_scene.send(event).expect("room"),
                            None => return,
                        },
                        _ = &mut stopped => return,
                    }
                }
            });
        });
        is_started.recv().expect("started");
        Desk { readers, events, stop: Some(stop), thread: Some(thread) }
    }

    pub(super) fn readers(&self) -> &Readers {
        self.readers.get().expect("started")
    }

    pub(super) fn standing(&self, name: &str) -> Standing {
        self.readers().standing().into_iter().find(|one| one.reader == name).expect(name)
    }

    pub(super) fn signal(&self, signal: Signal) {
        self.readers().signal(NAME, signal).expect("room");
    }

    /// Waits until the reader is in `state`, and says why it is.
    pub(super) fn expect_state(&self, name: &str, state: State) -> String {
        let mut detail = String::new();
        eventually(&format!("{name} is {}", state.as_str()), || {
            let standing = self.standing(name);
            detail.clone_from(&standing.detail);
            if standing.state == state { Ok(()) } else { Err(format!("{standing:?}")) }
        });
        detail
    }

    /// The next thing that happens with a card; what is said of the reader's health is passed over.
    pub(super) fn next(&self) -> ReaderEvent {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("something happens in time");
            // Shown when the scene fails.
            println!("{:?} {:?}", event.heard, event.what);
            if !matches!(event.what, What::Health(_)) {
                return event;
            }
        }
    }

    /// Whether nothing has happened with a card since the last look.
    pub(super) fn is_quiet(&self) -> bool {
        self.events.try_iter().all(|event| matches!(event.what, What::Health(_)))
    }

    pub(super) fn expect_card(&self) -> Presentation {
        match self.next().what {
            What::Presentation(shown) => shown,
            other => panic!("a card was expected: {other:?}"),
        }
    }

    pub(super) fn expect_uid(&self, uid: &[u8]) {
        assert_eq!(self.expect_card().uid.as_bytes(), uid);
    }

    pub(super) fn expect_removed(&self) {
        let event = self.next();
        assert!(matches!(event.what, What::Removed), "{event:?}");
    }

    pub(super) fn expect_unreadable(&self, reason: Reason) {
        let event = self.next();
        assert!(matches!(event.what, What::Unreadable(it) if it.reason == reason), "{reason:?}: {event:?}");
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A pcscd with readers of ours.
pub(super) struct Middleware {
    pub(super) folder: TempDir,
    pub(super) pcscd: Pcscd,
}

impl Middleware {
    /// pcscd, a reader in it, and a desk that holds the reader and waits for cards.
    pub(super) fn with_reader() -> (Middleware, Hardware, Desk) {
        let folder = tempfile::tempdir().expect("a folder");
        let hardware = Hardware::start(&folder.path().join("reader"), "SN-1").expect("a reader");
        let pcscd = Pcscd::start(folder.path(), &[listed(&hardware, ACR122)]).expect("pcscd");
        let middleware = Middleware { folder, pcscd };
        let desk = Desk::with(vec![middleware.spec()]);
        desk.expect_state(NAME, State::Ready);
        (middleware, hardware, desk)
    }

    /// The reader by the beginning of its name.
    pub(super) fn spec(&self) -> Spec {
        self.spec_of(NAME, Some(ACR122), None)
    }

    pub(super) fn spec_of(&self, name: &str, reader: Option<&str>, serial: Option<&str>) -> Spec {
        let port = Port::Pcsc {
            reader: reader.map(Into::into),
            serial: serial.map(Into::into),
            signals: PcscSignals::Auto,
        };
        let mut spec = spec(name, port);
        let mut socket = OsString::from(format!("{SOCKET_VARIABLE}="));
        socket.push(self.pcscd.socket());
        spec.command = [vec!["/usr/bin/env".into(), socket], spec.command].concat();
        spec
    }
}

/// The driver that a private pcscd loads; it is built beside this program.
pub(super) fn driver() -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    program.parent().expect("a folder").join("libdoorward_sim_ifd.so")
}

pub(crate) fn listed(hardware: &Hardware, name: &str) -> Listed {
    Listed::hardware(name, hardware.path(), &driver())
}

/// A reader whose child is the real program.
pub(super) fn spec(name: &str, port: Port) -> Spec {
    Spec {
        opening: Opening { name: name.into(), port },
        door: Some("front".into()),
        command: [program_words(), vec![CHILD_VERB.into()]].concat(),
        silence_max_ms: SILENCE_MAX_MS,
    }
}

/// Whether a process of that number runs.
pub(super) fn is_alive(process: u32) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"));
    // A zombie has ended; nobody may be there to take note of it.
    status
        .is_ok_and(|status| !status.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

/// Waits for a child other than `before`, and gives its process.
pub(super) fn expect_another_child(desk: &Desk, name: &str, before: u32) -> u32 {
    let mut process = 0;
    eventually("another child", || {
        process = desk.standing(name).process.unwrap_or(before);
        if process != before { Ok(()) } else { Err(format!("{:?}", desk.standing(name))) }
    });
    process
}

pub(super) fn is(shown: &Presentation, technology: Technology, uid: &[u8]) {
    assert_eq!((shown.technology, shown.uid.as_bytes()), (technology, uid), "{shown:?}");
}
