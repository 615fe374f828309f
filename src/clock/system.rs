//! The kernel's clocks.

use super::{Clock, MonoMs, Waiting, Wake, relay};
use access::time::UtcTime;
use access::trust::Reading;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// Where the word comes from that the wall clock is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncSource {
    /// The kernel, told by an NTP client (`adjtimex`, STA_UNSYNC).
    Kernel,
    /// The operator's word: a container or virtual machine whose host keeps the time.
    Host,
}

/// The kernel's clocks.
#[derive(Clone, Debug)]
pub struct SystemClock {
    sync: SyncSource,
    relay: Option<PathBuf>,
}

impl SystemClock {
    /// Reads the kernel's clocks; `sync` says whom to ask whether they are right.
    pub fn new(sync: SyncSource) -> SystemClock {
        SystemClock { sync, relay: None }
    }

    /// Reads in that file what the kernel says, where this process may not ask it (see [`relay`]).
    #[must_use]
    pub fn or_told_by(self, relay: PathBuf) -> SystemClock {
        SystemClock { relay: Some(relay), ..self }
    }

    /// What the kernel says, from itself or by the relay; unknown is no.
    fn told(&self) -> bool {
        match kernel_says_synchronised() {
            Ok(is_synchronised) => is_synchronised,
            Err(_) => self.relay.as_deref().is_some_and(|file| relay::read(file, self.mono())),
        }
    }
}

impl Clock for SystemClock {
    fn reading(&self) -> Reading {
        let (now, mono) = (self.now(), self.mono());
        Reading { mono_ms: mono.0, now, is_synchronised: self.is_synchronised() }
    }

    fn now(&self) -> UtcTime {
        UtcTime::from_unix(clock_gettime(ClockId::Realtime).tv_sec)
    }

    fn mono(&self) -> MonoMs {
        // Boottime goes on during suspend, as the lateness of a request in flight does.
        let at = clock_gettime(ClockId::Boottime);
        let ms = u64::try_from(at.tv_nsec / 1_000_000).unwrap_or(0);
        MonoMs(u64::try_from(at.tv_sec).unwrap_or(0).saturating_mul(1000).saturating_add(ms))
    }

    fn is_synchronised(&self) -> bool {
        match self.sync {
            SyncSource::Host => true,
            SyncSource::Kernel => self.told(),
        }
    }

    fn wait_since(&self, seen: Reading, wake: Wake) -> Waiting<'_> {
        let mono_ms = wake.mono.map(|at| at.0.saturating_sub(self.mono().0));
        let clock = self;
        Box::pin(async move {
            let by_mono = async {
                match mono_ms {
                    Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = by_mono => {}
                result = wall_alarm(wake.wall, || clock.was_stepped_since(seen)) => if let Err(error) = result {
                    tracing::warn!(%error, "no wall-clock alarm from the kernel; looking again in 1 s");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                },
            }
        })
    }
}

impl SystemClock {
    /// Whether wall and monotonic clock have parted since. Readings have whole seconds of the one.
    fn was_stepped_since(&self, seen: Reading) -> bool {
        const ROUNDING_MAX_S: u64 = 2;
        let (now, mono_ms) = (self.now(), self.mono().0);
        let passed_s = i64::try_from(mono_ms.saturating_sub(seen.mono_ms) / 1000).unwrap_or(i64::MAX);
        now.unix().abs_diff(seen.now.unix().saturating_add(passed_s)) > ROUNDING_MAX_S
    }
}

/// Resolves at `at`, or when the clock is stepped: a timerfd reports both, so nothing polls. A step before it was armed
/// is what `was_stepped` tells.
async fn wall_alarm(at: Option<UtcTime>, was_stepped: impl Fn() -> bool) -> std::io::Result<()> {
    // Far away, but armed: an unarmed timer would not report steps.
    const FAR_S: i64 = 365 * 24 * 3600;
    let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    let far = clock_gettime(ClockId::Realtime).tv_sec.saturating_add(FAR_S);
    let at = Timespec { tv_sec: at.map_or(far, UtcTime::unix).max(1), tv_nsec: 0 };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(&timer, flags, &Itimerspec { it_interval: none, it_value: at })?;
    if was_stepped() {
        return Ok(());
    }
    let timer = watch(timer)?;
    // Readable at expiry; a step makes the read fail with ECANCELED. Either is a wake.
    let _ready = timer.readable().await?;
    Ok(())
}

#[expect(unsafe_code, reason = "tokio cannot see that an owned descriptor stays the same one")]
fn watch(timer: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the OwnedFd is moved in, so the descriptor stays open and the same until the AsyncFd is dropped.
    Ok(unsafe { AsyncFd::register(timer) }?)
}

/// Whether an NTP client has told the kernel that its clock is right (`adjtimex(2)`).
///
/// # Errors
/// When this process may not ask, since that counts as setting the clock.
#[expect(unsafe_code, reason = "the kernel's opinion of its clock has no safe wrapper")]
pub fn kernel_says_synchronised() -> std::io::Result<bool> {
    // SAFETY: adjtimex reads and writes only the struct; all-zero is a valid `timex` that asks and sets nothing.
    let status = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        if libc::adjtimex(&raw mut timex) < 0 {
            return Err(std::io::Error::last_os_error());
        }
        timex.status
    };
    Ok(status & libc::STA_UNSYNC == 0)
}
