//! One reader's task: a child after another, as long as the panel runs.

use super::lines::Lines;
use super::{BACKOFF_MAX_MS, BACKOFF_MIN_MS, GOOD_LIFE_MS, Sink, What};
use crate::clock::{Clock, MonoMs, SyncSource, SystemClock, Wake};
use crate::reader::line::{Order, Report, Show, State};
use crate::reader::spec::Spec;
use access::signal::Signal;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, watch};

/// How long a child may take to end once its input has, before it is killed.
const END_MS: u64 = 1000;

/// Keeps a child alive until told to stop.
///
/// Children live by the kernel's clock, whatever clock the gateway has: one that is moved by hand would make them look
/// silent.
pub(super) async fn keep(
    spec: Spec,
    sink: Sink,
    mut signals: mpsc::Receiver<Signal>,
    mut stop: watch::Receiver<bool>,
) {
    let clock = SystemClock::new(SyncSource::Host);
    let mut pause_ms = BACKOFF_MIN_MS;
    loop {
        let started = clock.mono();
        let why = match Running::start(&spec) {
            Ok(running) => {
                sink.note(|standing| standing.process = running.child.id());
                let ended = running.serve(&spec, &sink, &clock, &mut signals, &mut stop).await;
                sink.note(|standing| standing.process = None);
                match ended {
                    Ended::Stopped => return,
                    Ended::Failed(why) => why,
                }
            }
            Err(why) => why,
        };
        sink.note(|standing| standing.ended += 1);
        sink.lost(&format!("its child {why}; another is started"));
        if clock.mono() >= started.after_ms(GOOD_LIFE_MS) {
            pause_ms = BACKOFF_MIN_MS;
        }
        let until = clock.mono().after_ms(pause_ms);
        tokio::select! {
            () = wait_until(&clock, until) => {}
            () = stopped(&mut stop) => return,
        }
        pause_ms = (pause_ms * 2).min(BACKOFF_MAX_MS);
    }
}

/// The clock also wakes when the wall clock is stepped; here only the monotonic one counts.
async fn wait_until(clock: &SystemClock, at: MonoMs) {
    while clock.mono() < at {
        clock.wait(Wake { wall: None, mono: Some(at) }).await;
    }
}

/// Until the order to end, or until nobody is left to give it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

enum Ended {
    Stopped,
    /// What the child did.
    Failed(String),
}

struct Running {
    child: Child,
    input: ChildStdin,
    lines: Lines<ChildStdout>,
}

impl Running {
    fn start(spec: &Spec) -> Result<Running, String> {
        let (program, arguments) = spec.command.split_first().ok_or("has no command")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for us; we end the child in order.
        command.process_group(0);
        let mut child =
            command.spawn().map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else { return Err("has no pipes".into()) };
        Ok(Running { child, input, lines: Lines::new(output) })
    }

    async fn serve(
        mut self,
        spec: &Spec,
        sink: &Sink,
        clock: &SystemClock,
        signals: &mut mpsc::Receiver<Signal>,
        stop: &mut watch::Receiver<bool>,
    ) -> Ended {
        let opening = Order::Open(Box::new(spec.opening.clone())).render();
        let mut unsent = opening;
        let mut heard = clock.mono();
        let why = loop {
            tokio::select! {
                // In this order: what a child has said counts before how long ago that was.
                biased;
                () = stopped(stop) => {
                    self.end(clock).await;
                    return Ended::Stopped;
                }
                line = self.lines.next() => match line {
                    Ok(Some(line)) => match Report::parse(line) {
                        Ok(report) => {
                            heard = clock.mono();
                            hear(report, sink);
                        }
                        Err(error) => break format!("says {error}"),
                    },
                    Ok(None) => break self.how_it_ended(clock).await,
                    Err(error) => break format!("says {error}"),
                },
                // A child that does not take its orders is as silent as one that says nothing.
                done = self.input.write(unsent.as_bytes()), if !unsent.is_empty() => match done {
                    Ok(count) => drop(unsent.drain(..count)),
                    Err(_) => break self.how_it_ended(clock).await,
                },
                Some(signal) = signals.recv(), if unsent.is_empty() => {
                    unsent = Order::Signal(Show { signal }).render();
                }
                () = wait_until(clock, heard.after_ms(spec.silence_max_ms)) => {
                    break format!("was silent for {} ms and is killed", spec.silence_max_ms);
                }
            }
        };
        self.kill().await;
        Ended::Failed(why)
    }

    /// Its output has ended, so it is about to.
    async fn how_it_ended(&mut self, clock: &SystemClock) -> String {
        tokio::select! {
            status = self.child.wait() => match status {
                Ok(status) => format!("has ended ({status})"),
                Err(error) => format!("has ended ({error})"),
            },
            () = wait_until(clock, clock.mono().after_ms(END_MS)) => "has closed its output".into(),
        }
    }

    /// By the order to end; by force when it does not obey.
    async fn end(self, clock: &SystemClock) {
        let Running { mut child, input, lines } = self;
        drop(input);
        drop(lines);
        tokio::select! {
            _ = child.wait() => return,
            () = wait_until(clock, clock.mono().after_ms(END_MS)) => {}
        }
        let _ = child.kill().await;
    }

    async fn kill(mut self) {
        // Fails only where it has ended already, and is reaped.
        let _ = self.child.kill().await;
    }
}

fn hear(report: Report, sink: &Sink) {
    match report {
        Report::Presentation(mut shown) => {
            // The name that counts is ours; a helper may not know it.
            shown.reader.clone_from(&sink.name);
            sink.tell(What::Presentation(*shown));
        }
        Report::Removed(_) => sink.tell(What::Removed),
        Report::Unreadable(unreadable) => sink.tell(What::Unreadable(unreadable)),
        Report::Missed(missed) => {
            sink.note(|standing| standing.missed_taps += u64::from(missed.taps));
            sink.tell(What::Missed(missed));
        }
        // "Starting" after "lost" would only flicker.
        Report::Health(health) if health.state == State::Starting => {}
        Report::Health(health) => sink.health(health),
        Report::Found(_) => {}
    }
}
