//! Ten thousand changes while the gateway dies again and again: in the end the mirror is the source, the PACS
//! is what the rules say, and nothing happened twice.

use crate::world::{Ended, World, assignment, card, entitlement, eventually, user};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const CHANGES: usize = 10_000;
const USERS: u32 = 150;
const KILLS_MIN: usize = 20;

/// The failpoints, with how often each is passed before it strikes.
const FAILPOINTS: [(&str, u64); 5] = [
    ("mirror.in_transaction", 6),
    ("export.intent_committed", 9),
    ("export.answered", 7),
    ("mirror.committed", 11),
    ("sync.before_acknowledgement", 4),
];

#[test]
fn ten_thousand_changes_and_twenty_deaths() {
    let mut world = World::new();
    // People come and go at random here: the brake has scenes of its own.
    world.configure("max_removal_percent = 100");
    let seed =
        std::env::var("DOORWARD_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x0d00_12ad);
    println!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut truth = Truth::default();

    // The session has to exist before anything is published.
    let mut gateway = world.program(None);
    world.source.expect_state("subscribed", |state| state["online"] == true);
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("entitlement", "lab", entitlement("ap-lab", "Lab"));
    world.source.publish();
    world.expect_equal_mirror();
    gateway.kill();

    let (mut published, mut at_failpoints, mut kills) = (2, 0, 0);
    let mut round = 0_usize;
    while published < CHANGES || kills < KILLS_MIN || at_failpoints * 2 < kills {
        let burst = if published < CHANGES { CHANGES / (KILLS_MIN + 4) } else { 20 };
        // Every second life ends by a failpoint, the others by a kill from outside.
        let (name, times) = FAILPOINTS[round / 2 % FAILPOINTS.len()];
        let failpoint = (round % 4 != 3).then(|| format!("{name}@{}", times + chance.u64(0..times)));
        gateway = world.program(failpoint.as_deref());
        for _ in 0..burst {
            truth.change(&mut world, &mut chance);
        }
        published += burst;
        world.source.flush();
        let ended = if failpoint.is_some() {
            die_at_failpoint(&mut gateway, &mut world, &mut truth, &mut chance, &mut published)
        } else {
            // Another process dies at a moment of its own time.
            std::thread::sleep(Duration::from_millis(chance.u64(5..200)));
            gateway.kill()
        };
        kills += 1;
        at_failpoints += usize::from(ended == Ended::AtFailpoint);
        round += 1;
    }
    println!("{published} changes, {kills} deaths, {at_failpoints} of them at failpoints");
    assert!(kills >= KILLS_MIN && at_failpoints * 2 >= kills);

    let _gateway = world.program(None);
    world.expect_equal_mirror();
    let expected = truth.pacs();
    eventually("the PACS is what the rules say", || {
        let found = world.pacs.world();
        let found: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = found
            .persons
            .iter()
            .map(|(name, person)| {
                let credentials = person.credentials.keys().cloned().collect();
                (name.clone(), (credentials, person.permissions.keys().cloned().collect()))
            })
            .collect();
        if found == expected {
            return Ok(());
        }
        let wrong = expected.iter().find(|(name, person)| found.get(*name) != Some(person));
        let extra = found.keys().find(|name| !expected.contains_key(*name));
        Err(format!(
            "missing or other {wrong:?}, found {:?}; too many {extra:?}",
            wrong.map(|(name, _)| found.get(name))
        ))
    });
    world.expect_no_effect_twice();
}

/// Publishes until the gateway has met its failpoint.
fn die_at_failpoint(
    gateway: &mut crate::world::Process,
    world: &mut World,
    truth: &mut Truth,
    chance: &mut fastrand::Rng,
    published: &mut usize,
) -> Ended {
    for _ in 0..400 {
        if let Some(ended) = gateway.ended() {
            return ended;
        }
        // More to do, so that it passes the point often enough.
        truth.change(world, chance);
        *published += 1;
        // The other process needs real time to get there.
        std::thread::sleep(Duration::from_millis(10));
    }
    Ended::Otherwise
}

/// What the source holds, and by the seeds' rules what the PACS should.
#[derive(Default)]
struct Truth {
    users: BTreeMap<u32, bool>,
    cards: BTreeMap<u32, bool>,
    assignments: BTreeSet<(u32, &'static str)>,
}

impl Truth {
    /// One random change, published as one message.
    fn change(&mut self, world: &mut World, chance: &mut fastrand::Rng) {
        let id = chance.u32(0..USERS);
        let (user_key, card_key) = (format!("u{id}"), format!("c{id}"));
        match chance.u8(0..8) {
            0 | 1 => {
                let active = chance.u8(0..4) > 0;
                let mut record = user("Given", &format!("Name-{}", chance.u32(..)));
                if !active {
                    record["status"] = "inactive".into();
                }
                self.users.insert(id, active);
                world.source.put("user", &user_key, record);
            }
            2 if chance.bool() => {
                self.users.remove(&id);
                world.source.delete("user", &user_key);
            }
            2..=4 => {
                let active = chance.u8(0..4) > 0;
                let mut record = card(&user_key, &format!("04{id:06X}"));
                if !active {
                    record["status"] = "LOCKED".into();
                }
                self.cards.insert(id, active);
                world.source.put("token", &card_key, record);
            }
            other => {
                let (name, pacs_ref) = if other == 5 { ("lab", "ap-lab") } else { ("main", "ap-main") };
                let key = format!("u{id}.{name}");
                if chance.u8(0..3) > 0 {
                    self.assignments.insert((id, pacs_ref));
                    world.source.put("assignment", &key, assignment(&user_key, name, "", ""));
                } else {
                    self.assignments.remove(&(id, pacs_ref));
                    world.source.delete("assignment", &key);
                }
            }
        }
        world.source.publish();
    }

    fn pacs(&self) -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
        let mut pacs = BTreeMap::new();
        for (id, _) in self.users.iter().filter(|(_, active)| **active) {
            let permissions: BTreeSet<String> = self
                .assignments
                .iter()
                .filter(|(user, _)| user == id)
                .map(|(_, name)| (*name).to_string())
                .collect();
            if self.cards.get(id) == Some(&true) && !permissions.is_empty() {
                pacs.insert(format!("PAu{id}"), (BTreeSet::from([format!("c{id}")]), permissions));
            }
        }
        pacs
    }
}
