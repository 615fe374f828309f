//! Two gateways of one site: only the named one sends, and the export changes hands without a duplicate.

use crate::world::{
    GATEWAY, InProcess, Relay, World, assignment, card, entitlement, eventually, permissions, status, user,
};
use doorward_sim::{Fault, FaultKind, Match};
use serde_json::Value;
use std::path::{Path, PathBuf};

const OTHER: &str = "panel-2";

/// A site with a second gateway, whose way to the PACS is counted.
struct Site {
    world: World,
    other: PathBuf,
    relay: Relay,
    hired: u32,
}

impl Site {
    fn new() -> Site {
        let world = World::new();
        let relay = Relay::to(world.pacs.address());
        let path =
            world.pacs.url().split_once(&world.pacs.address().to_string()).expect("a base path").1.to_owned();
        let other = world.configure_gateway(OTHER, &relay.url(&path));
        Site { world, other, relay, hired: 0 }
    }

    fn own(&self) -> InProcess {
        self.world.gateway_of(&self.world.config_file(), GATEWAY)
    }

    fn other(&self) -> InProcess {
        self.world.gateway_of(&self.other, OTHER)
    }

    /// So many people more, each with a card and a right.
    fn hire(&mut self, count: u32) {
        self.world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
        for n in self.hired..self.hired + count {
            let id = format!("u{n}");
            self.world.source.put("user", &id, user("Given", &id));
            self.world.source.put("token", &format!("card-{id}"), card(&id, &format!("04A1{n:04X}")));
            self.world.source.put("assignment", &format!("{id}.main"), assignment(&id, "main", "", ""));
        }
        self.hired += count;
        self.world.source.publish();
    }

    fn dismiss(&mut self, n: u32) {
        self.world.source.delete("assignment", &format!("u{n}.main")).publish();
    }

    /// Time passes until the PACS has just so many people, each with the right.
    fn expect_people(&self, count: usize) {
        eventually("everyone is there, and no one else", || {
            self.world.clock.advance_s(1);
            let pacs = self.world.pacs.world();
            let have_it = |name: &&String| permissions(&pacs, name).as_deref() == Some(&["ap-main"]);
            let right = pacs.persons.keys().filter(have_it).count();
            if (pacs.persons.len(), right) == (count, count) {
                Ok(())
            } else {
                Err(format!(
                    "{} persons, {right} of them with their right; wanted {count}",
                    pacs.persons.len()
                ))
            }
        });
    }

    fn export_of(&self, config: &Path) -> Value {
        status(config).expect("a status")["export"].clone()
    }

    /// Says the word that the other gateway waits for.
    fn approve(&self, what: &str) {
        let hash = self.export_of(&self.other)[what]["hash"].as_str().expect("a hash").to_owned();
        let mut approve = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
        approve.arg("--config").arg(&self.other).args(["export", "approve", &hash]);
        assert!(approve.status().expect("doorward runs").success());
    }

    /// Time passes until the gateway says so of its export.
    fn expect_export(&self, gateway: &str, what: &str, wanted: impl Fn(&Value) -> bool) {
        let config = if gateway == GATEWAY { self.world.config_file() } else { self.other.clone() };
        eventually(what, || {
            self.world.clock.advance_s(1);
            let export = self.export_of(&config);
            if wanted(&export) { Ok(()) } else { Err(export.to_string()) }
        });
    }
}

#[test]
fn only_the_named_gateway_sends() {
    let mut site = Site::new();
    let (_own, _other) = (site.own(), site.other());
    site.hire(3);
    site.expect_people(3);
    site.dismiss(1);
    site.expect_people(2);
    assert_eq!(site.relay.asked_bytes(), 0, "the other one plans, and never asks");
    site.world.source.expect_state_of(OTHER, "it says so", |state| state["export"]["exporting"] == false);
    assert_eq!(site.export_of(&site.other)["persons"], 0);
}

#[test]
fn the_export_changes_hands_while_people_come_and_go() {
    let mut site = Site::new();
    let (_own, _other) = (site.own(), site.other());
    site.hire(40);
    site.expect_people(40);
    site.hire(20);
    site.world.source.name_exporter(Some(OTHER), Some(GATEWAY), 0);
    site.dismiss(3);
    site.hire(10);
    site.expect_export(OTHER, "the other one has the ledger", |export| export["persons"].as_u64() > Some(40));
    site.dismiss(4);
    site.expect_people(68);
    site.expect_export(GATEWAY, "the first one has nothing left", |export| {
        (&export["persons"], &export["backlog"]) == (&0.into(), &0.into())
            && export.get("hand_over").is_none()
    });
    site.expect_export(OTHER, "nothing is left to do", |export| {
        (&export["persons"], &export["backlog"]) == (&68.into(), &0.into())
    });
    site.world.expect_no_effect_twice();

    // And back again.
    site.world.source.name_exporter(Some(GATEWAY), Some(OTHER), 0);
    site.hire(1);
    site.expect_export(GATEWAY, "it is back", |export| export["persons"] == 69);
    site.expect_people(69);
    site.world.expect_no_effect_twice();
}

#[test]
fn a_gateway_that_was_named_waits_for_the_one_before_until_somebody_says_that_it_is_dead() {
    let mut site = Site::new();
    let own = site.own();
    let _other = site.other();
    site.hire(5);
    site.expect_people(5);
    own.stop();
    site.world.source.name_exporter(Some(OTHER), Some(GATEWAY), 0);
    site.hire(1);
    site.world.source.expect_state_of(OTHER, "it waits, and says for whom", |state| {
        state["export"]["hand_over"]["type"] == "waits" && state["export"]["hand_over"]["from"] == GATEWAY
    });
    site.dismiss(0);
    assert_eq!(site.world.pacs.world().persons.len(), 5);

    // Somebody says so: it finds the others in the PACS, and has a word said before it takes them over.
    site.world.source.name_exporter(Some(OTHER), None, 1);
    site.expect_export(OTHER, "the others are found", |export| export["adoptions"]["persons"] == 4);
    site.approve("adoptions");
    // The one who was dismissed meanwhile was never this gateway's, and is found as that.
    site.expect_export(OTHER, "who is nobody's is found", |export| export["strangers"]["persons"] == 1);
    site.expect_people(6);
    site.approve("strangers");
    site.expect_people(5);
    site.expect_export(OTHER, "nothing is left to do", |export| {
        (&export["persons"], &export["backlog"]) == (&5.into(), &0.into())
            && export.get("strangers").is_none()
    });
    site.world.expect_no_effect_twice();

    // The dead one is not dead: it hears that what it holds is void.
    let before = site.world.pacs.effects().len();
    let _own = site.own();
    site.world.source.expect_state("it exports no more", |state| state["export"]["exporting"] == false);
    site.hire(1);
    site.expect_people(6);
    let new: Vec<_> = site.world.pacs.effects()[before..].iter().map(|effect| effect.key.clone()).collect();
    assert!(new.iter().all(|key| key.contains("u6")), "{new:?}");
}

#[test]
fn what_is_in_doubt_when_the_export_changes_hands_is_neither_doubled_nor_left() {
    let mut site = Site::new();
    let (_own, _other) = (site.own(), site.other());
    site.hire(4);
    site.expect_people(4);
    let lost = Fault::times(6, Match::any().method("POST"), FaultKind::CutAfter);
    site.world.pacs.inject(lost).expect("room");
    site.hire(4);
    site.dismiss(0);
    site.world.source.name_exporter(Some(OTHER), Some(GATEWAY), 0);
    site.expect_people(7);
    site.expect_export(OTHER, "all is in its hands", |export| {
        (&export["persons"], &export["backlog"]) == (&7.into(), &0.into())
    });
    site.world.expect_no_effect_twice();
}
