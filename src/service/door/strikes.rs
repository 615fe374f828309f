//! The thread that holds strikes, and lets go of them in time whatever the rest of the gateway is doing.
//!
//! Each hold has its end from the beginning. When the gateway ends, or this thread does, all strikes rest.
//!
//! Not here: for whom (`machine`).

use crate::board::strike::Strike;
use crate::clock::{Clock, MonoMs, Wake};
use access::id::Key;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Orders that wait; each is answered before the next of its door is given.
const ORDERS_MAX: usize = 64;

/// So long after a strike could not be brought to rest it is tried again: an unlocked door is not left to itself.
const AGAIN_AFTER_MS: u64 = 1_000;

/// The thread.
#[derive(Clone, Debug)]
pub(super) struct Strikes {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
struct Order {
    door: Key,
    /// Rest, without.
    until: Option<MonoMs>,
    done: oneshot::Sender<Result<(), String>>,
}

struct Held {
    strike: Strike,
    /// When it is brought to rest, once more if that has failed.
    until: Option<MonoMs>,
}

struct All(BTreeMap<Key, Held>);

impl Strikes {
    /// Starts it. It ends when the last handle is dropped.
    ///
    /// # Errors
    /// When the system has no thread.
    pub(super) fn start(
        strikes: BTreeMap<Key, Strike>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<(Strikes, JoinHandle<()>)> {
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let held = |(door, strike)| (door, Held { strike, until: None });
        let all = All(strikes.into_iter().map(held).collect());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("strikes".into())
            .spawn(move || runtime.block_on(serve(all, taken, clock)))?;
        Ok((Strikes { orders }, thread))
    }

    /// Holds the strike of `door` until then. A door without one has nothing to hold.
    ///
    /// # Errors
    /// The system's words: whether the door is open is not known then.
    pub(super) async fn hold(&self, door: &Key, until: MonoMs) -> Result<(), String> {
        self.order(door, Some(until)).await
    }

    /// The strike of `door` rests.
    ///
    /// # Errors
    /// The system's words.
    pub(super) async fn rest(&self, door: &Key) -> Result<(), String> {
        self.order(door, None).await
    }

    async fn order(&self, door: &Key, until: Option<MonoMs>) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        let gone = || "the thread that holds strikes has ended".to_owned();
        self.orders.send(Order { door: door.clone(), until, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn serve(mut all: All, mut orders: mpsc::Receiver<Order>, clock: Arc<dyn Clock>) {
    loop {
        all.let_go(clock.mono());
        let mono = all.0.values().filter_map(|held| held.until).min();
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order { door, until, done }) => drop(done.send(all.carry_out(&door, until, clock.mono()))),
                None => return,
            },
            () = clock.wait(Wake { wall: None, mono }), if mono.is_some() => {}
        }
    }
}

impl All {
    fn carry_out(&mut self, door: &Key, until: Option<MonoMs>, now: MonoMs) -> Result<(), String> {
        let Some(held) = self.0.get_mut(door) else { return Ok(()) };
        held.until = until;
        let moved = match until {
            Some(_) => held.strike.energise(),
            None => held.strike.rest().inspect_err(|_| held.until = Some(now.after_ms(AGAIN_AFTER_MS))),
        };
        moved.map_err(|error| error.to_string())
    }

    fn let_go(&mut self, now: MonoMs) {
        for (door, held) in &mut self.0 {
            if held.until.is_some_and(|until| until <= now) {
                held.until = (!rest(door, &mut held.strike)).then(|| now.after_ms(AGAIN_AFTER_MS));
            }
        }
    }
}

/// Whether it is at rest.
fn rest(door: &Key, strike: &mut Strike) -> bool {
    let rested = strike.rest();
    rested.inspect_err(|error| tracing::error!(%door, %error, "a strike may not be at rest")).is_ok()
}

impl Drop for All {
    fn drop(&mut self) {
        for (door, held) in &mut self.0 {
            rest(door, &mut held.strike);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use crate::clock::ManualClock;
    use access::time::UtcTime;
    use std::path::Path;

    #[test]
    fn a_strike_comes_to_rest_in_time_though_the_gateway_hangs_and_when_it_ends() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/virtual.toml");
        let board = Board::load(&file).expect("the virtual board");
        let clock = ManualClock::new(UtcTime::from_unix(1_800_000_000));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let mut lines = board.take_at_rest(&shared).expect("its lines");
        let key = Key::new("front").expect("a key");
        let strike = lines.door(Some("front")).strike.expect("a strike");
        let (strikes, thread) = Strikes::start([(key.clone(), strike)].into(), shared).expect("a thread");
        let lines = board.virtual_lines();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            strikes.hold(&key, clock.mono().after_ms(3_000)).await.expect("held");
            assert!(!lines.are_at_rest());
            clock.advance_s(2);
            strikes.hold(&Key::new("other").expect("a key"), clock.mono()).await.expect("it has none");
            assert!(!lines.are_at_rest(), "a second too early");
            clock.advance_s(1);
            // From here on nothing else runs in this thread.
            while !lines.are_at_rest() {
                std::thread::yield_now();
            }
            strikes.hold(&key, clock.mono().after_ms(3_000)).await.expect("held");
            // Its chip does not answer when it is time, and not when it is asked for, either.
            lines.fail(true);
            clock.advance_s(3);
            strikes.rest(&key).await.expect_err("it is not at rest");
            assert!(!lines.are_at_rest());
            lines.fail(false);
            clock.advance_s(1);
            let mut looks = 0..10_000_000_u32;
            let rests = looks.any(|_| {
                std::thread::yield_now();
                lines.are_at_rest()
            });
            assert!(rests, "it stays open for ever");
            strikes.hold(&key, clock.mono().after_ms(3_000)).await.expect("held");
        });
        drop(strikes);
        thread.join().expect("it ends by itself");
        assert!(lines.are_at_rest(), "whatever was held");
    }
}
