//! A process and what it says.

use anyhow::{Context, Result, bail};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// What a contender says when the broker took it (or, without a broker, when it begins).
pub(crate) const CONNECTED: &str = "connected";
/// What it says after the last commit.
pub(crate) const DONE: &str = "done";
/// How long a process may take to begin (with a million rows to read before), or to end.
const PATIENCE: Duration = Duration::from_secs(120);
/// Lines kept to explain a process that ended too early.
const LAST_LINES: usize = 5;

/// The present moment, for waiting.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day in ns since 1970.
pub(crate) fn wall_ns() -> u64 {
    ns(clock_gettime(ClockId::Realtime))
}

/// Says `word` with the time of day, this process's CPU time (both in ns) and its transactions so far.
pub(crate) fn say(word: &str, commits: usize) {
    let (at, cpu) = (wall_ns(), cpu_ns());
    println!("{word} {at} {cpu} {commits}");
}

/// CPU time of this process so far in ns.
pub(crate) fn cpu_ns() -> u64 {
    ns(clock_gettime(ClockId::ProcessCPUTime))
}

fn ns(time: Timespec) -> u64 {
    (time.tv_sec * 1_000_000_000 + time.tv_nsec).unsigned_abs()
}

/// What [`say`] said.
#[derive(Clone, Copy)]
pub(crate) struct Said {
    pub(crate) at_ns: u64,
    pub(crate) cpu_ns: u64,
    pub(crate) commits: u64,
}

impl Said {
    /// Reads a line of [`say`]'s that begins with `word`.
    pub(crate) fn parse(line: &str, word: &str) -> Option<Said> {
        let mut numbers = line.strip_prefix(word)?.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Said { at_ns: next()?, cpu_ns: next()?, commits: next()? })
    }
}

/// Stays until whoever started this process has read what it has used, and closes our input.
pub(crate) fn wait_for_end() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// Where a process writes its lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Stdout,
    Stderr,
}

/// A line, and the time of day in ns when it was read: later than it was said when the machine is busy.
pub(crate) struct Line {
    pub(crate) read_at_ns: u64,
    pub(crate) text: String,
}

/// Killed when dropped.
pub(crate) struct Watched {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Line>,
}

impl Watched {
    pub(crate) fn start(command: &mut Command, speaks: Speaks) -> Result<Watched> {
        match speaks {
            Speaks::Stdout => command.stdin(Stdio::piped()).stdout(Stdio::piped()),
            Speaks::Stderr => command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()),
        };
        let mut child =
            command.spawn().with_context(|| format!("{:?} does not start", command.get_program()))?;
        let pipe: Box<dyn Read + Send> = match speaks {
            Speaks::Stdout => Box::new(child.stdout.take().context("no stdout")?),
            Speaks::Stderr => Box::new(child.stderr.take().context("no stderr")?),
        };
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            // Nobody listens any more once the process is to end; the pipe must not fill up all the same.
            for text in BufReader::new(pipe).lines().map_while(Result::ok) {
                let _ = sender.send(Line { read_at_ns: wall_ns(), text });
            }
        });
        Ok(Watched { input: child.stdin.take(), child, lines })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line, if one comes within `patience`.
    pub(crate) fn line(&self, patience: Duration) -> Result<Option<Line>> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("ended too early"),
        }
    }

    /// The next line that has been read already.
    pub(crate) fn line_now(&self) -> Option<Line> {
        self.lines.try_recv().ok()
    }

    /// The last lines that have been read already, to explain a failure.
    pub(crate) fn last_words(&self) -> String {
        let lines: Vec<String> = std::iter::from_fn(|| self.line_now()).map(|line| line.text).collect();
        if lines.is_empty() { " nothing".into() } else { tail(&lines) }
    }

    /// Waits for a line with `word` in it.
    pub(crate) fn wait_for(&self, word: &str) -> Result<String> {
        let mut last = Vec::new();
        let deadline = now() + PATIENCE;
        loop {
            match self.line(deadline.saturating_duration_since(now())) {
                Ok(Some(line)) if line.text.contains(word) => return Ok(line.text),
                Ok(Some(line)) => last.push(line.text),
                Ok(None) => bail!("no word of {word:?}{}", tail(&last)),
                Err(error) => bail!("{error}: no word of {word:?}{}", tail(&last)),
            }
        }
    }

    /// Asks it to end (SIGTERM, and the end of its input) and waits.
    pub(crate) fn end(mut self) -> Result<()> {
        drop(self.input.take());
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // It may have ended already, which is what is wanted.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let deadline = now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if now() > deadline {
                bail!("does not end on SIGTERM");
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

fn tail(lines: &[String]) -> String {
    let from = lines.len().saturating_sub(LAST_LINES);
    lines[from..].iter().map(|line| format!("\n  {line}")).collect()
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
