//! The one thread that writes.
//!
//! Each wake takes whatever has arrived into one transaction with one `now`; answers go out after the commit.
//! When a transaction fails its jobs run again one by one, so that one job's trouble is not another's. When
//! the disk is full, what takes access away is written into the space reserved for it, and the rest fails
//! with [`WriteError::Full`] until there is room.
//!
//! Not here: SQL (each job brings its own), acknowledging the broker.

use super::apply::Room;
use super::reserve::Reserve;
use crate::clock::Clock;
use crate::failpoint;
use access::time::UtcTime;
use rusqlite::{Connection, ErrorCode, ffi};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// Jobs waiting for the writer; more wait at their senders.
pub const JOBS_MAX: usize = 256;

/// Why something was not written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WriteError {
    /// No room on the disk.
    #[error("the disk is full; nothing was written. Free some space: the gateway goes on by itself")]
    Full,
    /// SQLite says no.
    #[error("the mirror cannot be written: {0}")]
    Sqlite(String),
    /// The writer has ended.
    #[error("the writer has stopped")]
    Stopped,
}

/// Which jobs may use the space kept in reserve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Urgency {
    /// It can wait for room.
    Normal,
    /// It takes access away, or records that it was taken away.
    Narrowing,
}

/// What a job is given: the transaction, its one `now`, and how much may be written.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The transaction.
    pub conn: &'a Connection,
    /// The transaction's time.
    pub now: UtcTime,
    /// How much may be written.
    pub room: Room,
}

trait Job: Send {
    fn urgency(&self) -> Urgency;
    fn run(&mut self, context: Context<'_>) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, result: Result<(), WriteError>);
}

struct Task<F, R> {
    urgency: Urgency,
    work: F,
    result: Option<R>,
    reply: oneshot::Sender<Result<R, WriteError>>,
}

impl<F, R> Job for Task<F, R>
where
    F: FnMut(Context<'_>) -> rusqlite::Result<R> + Send,
    R: Send,
{
    fn urgency(&self) -> Urgency {
        self.urgency
    }

    fn run(&mut self, context: Context<'_>) -> rusqlite::Result<()> {
        self.result = Some((self.work)(context)?);
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), WriteError>) {
        let Task { result: output, reply, .. } = *self;
        // Nobody listens any more when the asker was cancelled; the row is written all the same.
        let _ = reply.send(result.and_then(|()| output.ok_or(WriteError::Stopped)));
    }
}

/// The way to the writer.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    full: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread. It ends, with its connection, when the last handle is dropped.
    pub fn start(
        conn: Connection,
        reserve: Reserve,
        clock: Arc<dyn Clock>,
    ) -> (Writer, thread::JoinHandle<()>) {
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let full = Arc::new(AtomicBool::new(false));
        if let Err(error) = reserve.take() {
            tracing::warn!(%error, "no room for the space kept for revocations");
            full.store(true, Ordering::Relaxed);
        }
        let run = Run { conn, reserve, clock, full: full.clone() };
        let thread = thread::spawn(move || run.serve(queue));
        (Writer { jobs, full }, thread)
    }

    /// Runs `work` in a transaction and resolves after its commit. `work` may be called again when the
    /// transaction failed: what it returns is what the committed run returned.
    ///
    /// # Errors
    /// As [`WriteError`] says; nothing of `work` is on disk then.
    pub async fn run<R: Send + 'static>(
        &self,
        urgency: Urgency,
        work: impl FnMut(Context<'_>) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, WriteError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Task { urgency, work, result: None, reply });
        self.jobs.send(job).await.map_err(|_| WriteError::Stopped)?;
        answer.await.map_err(|_| WriteError::Stopped)?
    }

    /// Whether the disk takes nothing but revocations.
    pub fn is_disk_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}

struct Run {
    conn: Connection,
    reserve: Reserve,
    clock: Arc<dyn Clock>,
    full: Arc<AtomicBool>,
}

impl Run {
    fn serve(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        let mut jobs = Vec::with_capacity(JOBS_MAX);
        while queue.blocking_recv_many(&mut jobs, JOBS_MAX) > 0 {
            self.look_for_room();
            if !self.is_full() && jobs.len() > 1 && self.together(&mut jobs).is_ok() {
                failpoint::pass("mirror.committed");
                jobs.drain(..).for_each(|job| job.answer(Ok(())));
                continue;
            }
            for mut job in jobs.drain(..) {
                let result = self.alone(job.as_mut());
                failpoint::pass("mirror.committed");
                job.answer(result);
            }
        }
    }

    fn together(&mut self, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
        let now = self.clock.now();
        let tx = self.conn.transaction()?;
        for job in jobs.iter_mut() {
            job.run(Context { conn: &tx, now, room: Room::Ample })?;
        }
        failpoint::pass("mirror.in_transaction");
        tx.commit()
    }

    fn alone(&mut self, job: &mut dyn Job) -> Result<(), WriteError> {
        if !self.is_full() {
            match self.one(job, Room::Ample) {
                Ok(()) => return Ok(()),
                Err(error) if !is_full(&error) => return Err(WriteError::Sqlite(error.to_string())),
                Err(_) => self.note_full(),
            }
        }
        if job.urgency() == Urgency::Normal {
            return Err(WriteError::Full);
        }
        self.one(job, Room::NarrowingOnly).map_err(|error| {
            if is_full(&error) { WriteError::Full } else { WriteError::Sqlite(error.to_string()) }
        })
    }

    fn one(&mut self, job: &mut dyn Job, room: Room) -> rusqlite::Result<()> {
        let now = self.clock.now();
        let tx = self.conn.transaction()?;
        job.run(Context { conn: &tx, now, room })?;
        failpoint::pass("mirror.in_transaction");
        tx.commit()
    }

    fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    fn note_full(&mut self) {
        tracing::error!(
            "the disk is full: nothing more is acknowledged, only revocations are written; free some space"
        );
        self.full.store(true, Ordering::Relaxed);
        // Copying the log into the file lets the log start again at its beginning, in space it has already.
        // Before the reserve is freed, so that the file cannot grow into it.
        let checkpoint = self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = checkpoint {
            tracing::debug!(%error, "no checkpoint on the full disk");
        }
        if let Err(error) = self.reserve.give_up() {
            tracing::error!(%error, "the space kept for revocations cannot be freed");
        }
    }

    /// There is room again once the reserve fits, so that the next full disk finds it.
    fn look_for_room(&mut self) {
        if self.is_full() && self.reserve.has_margin() && self.reserve.take().is_ok() {
            tracing::info!("the disk has room again");
            self.full.store(false, Ordering::Relaxed);
        }
    }
}

pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    // Some file systems tell only at the write, the sync, or when the log's index grows.
    const AT_WRITE: [i32; 3] = [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_SHMSIZE];
    let extended = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || extended.is_some_and(|code| AT_WRITE.contains(&code))
}
