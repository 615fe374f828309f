//! The machine by tables: what happens, and what it asks for.

use super::{ANSWER_MAX_MS, FRUITLESS_MAX, Input, Order, PAUSE_MS, Sync, WINDOW_BUCKETS};
use crate::clock::MonoMs;
use contract::repair::{Bits, Want};

/// What the machine says when everything has come.
fn complete() -> Vec<Order> {
    vec![Order::Complete { recount: false }]
}

/// The machine at an instant, with a mirror that holds something unless said otherwise.
struct Scene {
    machine: Sync,
    now: MonoMs,
    is_empty: bool,
}

fn bits(n: u8) -> Bits {
    Bits::new(n).expect("few")
}

fn page(n: u8, differing: &[u32]) -> Input {
    Input::Page { bits: bits(n), from: 0, count: bits(n).buckets(), differing: differing.into() }
}

fn bucket(n: u8, bucket: u32) -> Input {
    Input::Bucket { bits: bits(n), bucket }
}

fn digests() -> Vec<Order> {
    vec![Order::Request(Want::Digests)]
}

fn buckets(n: u8, of: &[u32]) -> Vec<Order> {
    vec![Order::Request(Want::Buckets { bits: bits(n), buckets: of.into() })]
}

fn all(from: u32, count: u32) -> Vec<Order> {
    vec![Order::Request(Want::All { from, count })]
}

impl Scene {
    fn connected() -> Scene {
        let mut scene = Scene { machine: Sync::new(), now: MonoMs(1_000_000), is_empty: false };
        assert_eq!(scene.then(Input::Connected { session_present: true }), []);
        scene
    }

    fn empty() -> Scene {
        let mut scene = Scene { machine: Sync::new(), now: MonoMs(1_000_000), is_empty: true };
        scene.machine.take(Input::Connected { session_present: false }, scene.now, 0);
        scene
    }

    fn then(&mut self, input: Input) -> Vec<Order> {
        self.machine.take(input, self.now, 0);
        self.poll()
    }

    fn poll(&mut self) -> Vec<Order> {
        self.machine.poll(self.now, self.is_empty, 0)
    }

    fn after_ms(&mut self, ms: u64) -> Vec<Order> {
        self.now = self.now.after_ms(ms);
        self.poll()
    }
}

#[test]
fn a_gap_is_repaired_by_what_differs() {
    let mut scene = Scene::connected();
    assert_eq!(scene.then(Input::Unequal), digests());
    assert_eq!(scene.then(Input::Unequal), [], "one run at a time");
    assert_eq!(scene.then(page(3, &[2, 5])), buckets(3, &[2, 5]));
    assert_eq!(scene.then(bucket(3, 2)), []);
    assert_eq!(scene.then(bucket(3, 2)), [], "twice is no harm");
    assert_eq!(scene.then(bucket(3, 5)), complete());
    assert_eq!(scene.machine.progress().map(|p| (p.done, p.of)), Some((8, 8)));
    assert_eq!(scene.then(Input::Proven), []);
    assert_eq!(scene.machine.progress(), None);
    assert_eq!(scene.then(Input::Unequal), digests(), "the next drift is not held against it");
}

#[test]
fn a_source_behind_what_it_said_is_asked() {
    let mut scene = Scene::connected();
    assert_eq!(scene.then(Input::Behind), digests());
}

#[test]
fn all_equal_and_the_root_not_means_adding_up_again() {
    let mut scene = Scene::connected();
    scene.then(Input::Unequal);
    assert_eq!(scene.then(page(0, &[])), [Order::Complete { recount: true }]);
}

#[test]
fn windows_follow_each_other_before_they_are_empty() {
    let mut scene = Scene::connected();
    scene.then(Input::Unequal);
    let every: Vec<u32> = (0..128).collect();
    assert_eq!(scene.then(page(7, &every)), buckets(7, &every[..WINDOW_BUCKETS]));
    for n in 0..15 {
        assert_eq!(scene.then(bucket(7, n)), []);
    }
    assert_eq!(scene.then(bucket(7, 15)), buckets(7, &every[WINDOW_BUCKETS..WINDOW_BUCKETS + 16]));
}

#[test]
fn digests_come_in_pages_and_fetching_begins_with_the_first() {
    let mut scene = Scene::connected();
    scene.then(Input::Unequal);
    let first = Input::Page { bits: bits(2), from: 0, count: 2, differing: vec![1] };
    let second = Input::Page { bits: bits(2), from: 2, count: 2, differing: vec![3] };
    assert_eq!(scene.then(first.clone()), buckets(2, &[1]));
    assert_eq!(scene.then(first), [], "a page that comes twice counts once");
    assert_eq!(scene.then(bucket(2, 1)), []);
    assert_eq!(scene.then(second), buckets(2, &[3]));
}

#[test]
fn an_empty_mirror_fetches_everything_without_waiting_for_a_checkpoint() {
    let mut scene = Scene::empty();
    let window = u32::try_from(WINDOW_BUCKETS).expect("few");
    assert_eq!(scene.poll(), all(0, window));
    scene.is_empty = false;
    assert_eq!(scene.then(bucket(6, 0)), []);
    for n in 1..15 {
        assert_eq!(scene.then(bucket(6, n)), []);
    }
    assert_eq!(scene.then(bucket(6, 15)), all(32, 16));
    for n in 16..32 {
        scene.then(bucket(6, n));
    }
    for n in 32..64 {
        scene.then(bucket(6, n));
    }
    assert_eq!(scene.machine.progress().map(|p| (p.done, p.of)), Some((64, 64)));
    assert_eq!(scene.then(Input::Proven), []);
}

#[test]
fn a_small_source_has_fewer_buckets_than_the_first_window() {
    let mut scene = Scene::empty();
    scene.poll();
    assert_eq!(scene.then(bucket(1, 1)), []);
    assert_eq!(scene.then(bucket(1, 0)), complete());
    assert_eq!(scene.machine.wake_at(), None, "through, and waiting for the checkpoint");
}

#[test]
fn a_restart_in_the_middle_of_a_first_sync_compares_and_goes_on() {
    let mut scene = Scene::connected();
    assert_eq!(scene.then(Input::Unequal), digests());
    assert_eq!(scene.then(page(2, &[2, 3])), buckets(2, &[2, 3]), "0 and 1 were fetched before");
}

#[test]
fn a_source_that_divides_otherwise_is_followed() {
    let mut scene = Scene::connected();
    scene.then(Input::Unequal);
    assert_eq!(scene.then(page(2, &[0, 1])), buckets(2, &[0, 1]));
    assert_eq!(scene.then(page(3, &[1, 2])), buckets(3, &[1, 2]), "its answer is digests");
    assert_eq!(scene.then(bucket(2, 0)), [], "from before");
    assert_eq!(scene.then(bucket(3, 1)), []);
    assert_eq!(scene.then(bucket(3, 2)), complete());
    assert_eq!(scene.machine.wake_at(), None);
    let mut scene = Scene::empty();
    scene.poll();
    scene.is_empty = false;
    scene.then(bucket(2, 0));
    assert_eq!(scene.then(bucket(3, 5)), digests(), "in the middle of fetching all");
}

#[test]
fn a_slow_source_is_not_asked_twice_and_a_silent_one_ever_more_rarely() {
    let mut scene = Scene::connected();
    scene.then(Input::Unequal);
    assert_eq!(scene.then(page(2, &[0, 1])), buckets(2, &[0, 1]));
    assert_eq!(scene.after_ms(ANSWER_MAX_MS - 1), []);
    assert_eq!(scene.then(bucket(2, 0)), []);
    assert_eq!(scene.after_ms(ANSWER_MAX_MS - 1), [], "it is still answering");
    let mut pauses = Vec::new();
    scene.after_ms(1);
    for _ in 0..12 {
        let waits_until = scene.machine.wake_at().expect("a pause");
        pauses.push(waits_until.0 - scene.now.0);
        assert_eq!(scene.after_ms(waits_until.0 - scene.now.0), digests());
        assert_eq!(scene.after_ms(ANSWER_MAX_MS), []);
    }
    assert_eq!(&pauses[..3], [PAUSE_MS.0 / 2, PAUSE_MS.0, PAUSE_MS.0 * 2]);
    assert_eq!(pauses.last(), Some(&(PAUSE_MS.1 / 2)), "bounded");
}

#[test]
fn a_bucket_that_never_agrees_backs_off_and_is_reported_once() {
    let mut scene = Scene::connected();
    let mut reports = Vec::new();
    let mut starts = Vec::new();
    scene.machine.take(Input::Unequal, scene.now, 0);
    for _ in 0..8 {
        let mut orders = scene.poll();
        if orders.is_empty() {
            let at = scene.machine.wake_at().expect("a pause");
            scene.now = at;
            orders = scene.poll();
        }
        starts.push(scene.now);
        reports.extend(orders.into_iter().filter(|order| matches!(order, Order::Report { .. })));
        assert_eq!(scene.then(page(4, &[9])), buckets(4, &[9]));
        scene.then(bucket(4, 9));
        scene.machine.take(Input::Unequal, scene.now, 0);
    }
    assert_eq!(reports, [Order::Report { bits: bits(4), buckets: vec![9], count: 1 }]);
    let pauses: Vec<u64> = starts.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(pauses.windows(2).all(|pair| pair[1] >= pair[0] * 2), "{pauses:?}");
    // One unequal root after a repair may be a change on its way.
    const { assert!(FRUITLESS_MAX > 1) }
}

#[test]
fn without_the_broker_nothing_is_asked_and_a_lost_session_forgets_what_was() {
    let mut scene = Scene::connected();
    scene.then(Input::Unequal);
    assert_eq!(scene.then(Input::Disconnected), []);
    assert_eq!(scene.after_ms(ANSWER_MAX_MS * 2), []);
    assert_eq!(scene.then(Input::Connected { session_present: false }), [], "the next checkpoint decides");
    assert_eq!(scene.then(page(2, &[1])), [], "nobody asked for it any more");
    assert_eq!(scene.then(Input::Unequal), digests());
}

#[test]
fn a_comparison_that_somebody_asks_for_does_not_wait() {
    let mut scene = Scene::connected();
    scene.then(Input::Unequal);
    scene.then(page(0, &[0]));
    scene.then(bucket(0, 0));
    assert_eq!(scene.then(Input::Asked), digests());
}

#[test]
fn a_source_that_stays_behind_is_asked_ever_more_rarely() {
    let mut scene = Scene::connected();
    let mut starts = Vec::new();
    while starts.len() < 6 {
        if scene.then(Input::Behind).contains(&Order::Request(Want::Digests)) {
            starts.push(scene.now.0);
            scene.then(page(1, &[]));
        }
        scene.now = scene.now.after_ms(500);
    }
    let pauses: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.windows(2).skip(1).all(|pair| pair[1] >= pair[0] * 3 / 2), "{pauses:?}");
}

#[test]
fn a_source_that_changes_its_mind_all_the_time_is_left_alone_for_a_while() {
    let mut scene = Scene::connected();
    scene.then(Input::Unequal);
    let mut requests = 0;
    for n in 0..1_000_u32 {
        let orders = scene.then(page(if n % 2 == 0 { 2 } else { 3 }, &[1]));
        requests += orders.len();
    }
    assert!(requests < 10, "{requests} requests without a pause");
}

#[test]
fn a_late_page_does_not_hold_up_an_empty_mirror() {
    let mut scene = Scene::empty();
    scene.poll();
    assert_eq!(scene.then(page(1, &[])), []);
    assert_eq!(scene.then(bucket(1, 0)), []);
    assert_eq!(scene.then(bucket(1, 1)), complete());
}
