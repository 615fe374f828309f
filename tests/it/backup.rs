//! A panel is lost, and another takes its place from a backup: it believes of it only what still holds.

mod deaths;

use crate::doors::site::{ADA, Site};
use crate::init::configuration_mode;
use crate::world::{
    World, assignment, card, entitlement, eventually, permissions, query, said, status, user, verify,
};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const BO: &str = "04B0B0B0";

/// So many people, by their numbers, each with a card and a right.
fn hire(world: &mut World, numbers: impl Iterator<Item = u32>) {
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    for n in numbers {
        let id = format!("u{n}");
        world.source.put("user", &id, user("Given", &id));
        world.source.put("token", &format!("card-{id}"), card(&id, &format!("04A1{n:04X}")));
        world.source.put("assignment", &format!("{id}.main"), assignment(&id, "main", "", ""));
    }
    world.source.publish();
}

/// Time passes until the PACS has just these people, each with the right.
fn expect_people(world: &World, numbers: &[u32]) {
    let wanted: BTreeSet<String> = numbers.iter().map(|n| format!("PAu{n}")).collect();
    eventually("these people and no one else", || {
        world.clock.advance_s(1);
        let pacs = world.pacs.world();
        let found: BTreeSet<String> = pacs.persons.keys().cloned().collect();
        let right = wanted.iter().all(|name| permissions(&pacs, name).as_deref() == Some(&["ap-main"]));
        if found == wanted && right { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

fn backup(world: &World, more: &[&str]) -> PathBuf {
    let file = world.folder.path().join("panel.backup");
    let (is_done, words) = said(&world.config_file(), &[&["backup", file.to_str().unwrap()], more].concat());
    assert!(is_done, "{words}");
    file
}

fn restore(world: &World, file: &Path, more: &[&str]) -> (bool, String) {
    said(&world.config_file(), &[&["restore", file.to_str().unwrap()], more].concat())
}

/// The disk is gone, with all that was on it.
fn lose(world: &World) {
    let state = world.folder.path().join("state");
    fs::remove_dir_all(&state).expect("removed");
}

fn approve(world: &World, what: &str) {
    let mut hash = String::new();
    eventually(what, || {
        world.clock.advance_s(1);
        let export = status(&world.config_file())?["export"].clone();
        match export[what]["hash"].as_str() {
            Some(found) if export[what]["persons"] == 2 => found.clone_into(&mut hash),
            _ => return Err(export.to_string()),
        }
        Ok(())
    });
    let (is_done, words) = said(&world.config_file(), &["export", "approve", &hash]);
    assert!(is_done, "{words}");
}

#[test]
fn a_lost_panel_comes_back_from_its_backup() {
    let mut world = World::new();
    world.configure("max_removal_percent = 100");
    let gateway = world.gateway();
    hire(&mut world, 0..6);
    expect_people(&world, &[0, 1, 2, 3, 4, 5]);
    let file = backup(&world, &[]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    // Life goes on: two come, one goes, one loses his right, one gets another card, one goes and comes again.
    hire(&mut world, 6..8);
    world.source.delete("user", "u0").delete("token", "card-u0").delete("assignment", "u0.main");
    world.source.delete("assignment", "u1.main").delete("assignment", "u3.main");
    world.source.delete("token", "card-u2").put("token", "new-u2", card("u2", "04FFFF02")).publish();
    expect_people(&world, &[2, 4, 5, 6, 7]);
    world.expect_equal_mirror();
    gateway.stop();
    // What it says last comes after all that it has told.
    world.source.expect_state("it has gone", |state| state["online"] == false);
    let told = world.source.events();
    lose(&world);
    hire(&mut world, 3..4);

    let (is_done, words) = restore(&world, &file, &[]);
    assert!(is_done && words.contains("records as of 20"), "{words}");
    let found = verify(&world.config_file());
    assert_eq!((&found["sound"], &found["equal"]), (&true.into(), &true.into()), "as it was then: {found}");
    let _answers = world.source.answer_requests(4);
    let _gateway = world.gateway();
    world.expect_repaired_mirror();
    // Whom it does not know from then, it finds, and somebody says that it is well.
    approve(&world, "adoptions");
    expect_people(&world, &[2, 3, 4, 5, 6, 7]);
    let cards = world.pacs.world().persons["PAu2"].credentials.keys().cloned().collect::<Vec<_>>();
    assert_eq!(cards, ["new-u2"]);
    eventually("nothing is left to do", || {
        world.clock.advance_s(1);
        let export = status(&world.config_file())?["export"].clone();
        if export["backlog"] == 0 && export["persons"] == 6 { Ok(()) } else { Err(export.to_string()) }
    });
    world.expect_no_effect_twice();

    // Numbers that the source knows are not used again: it would pass what is new over.
    hire(&mut world, 8..9);
    expect_people(&world, &[2, 3, 4, 5, 6, 7, 8]);
    world.source.expect_event("it is told of the new one", |event| {
        serde_json::to_value(event).unwrap()["user"] == "u8"
    });
    let known: BTreeSet<String> = told.iter().map(|event| event.stream.clone()).collect();
    let newer = world.source.events().split_off(told.len());
    assert!(newer.iter().all(|event| !known.contains(&event.stream)), "{newer:?}");
}

#[test]
fn a_panel_whose_export_was_handed_over_since_does_not_export_again() {
    let mut world = World::new();
    let own = world.gateway();
    hire(&mut world, 0..2);
    expect_people(&world, &[0, 1]);
    let file = backup(&world, &[]);
    let config = world.configure_gateway("panel-2", &world.pacs.url());
    let _other = world.gateway_of(&config, "panel-2");
    let _answers = world.source.answer_requests(4);
    world.source.name_exporter(Some("panel-2"), Some("panel-1"), 0);
    eventually("the ledger has changed hands", || {
        world.clock.advance_s(1);
        let of = |config: &Path| status(config).map(|found| found["export"].clone());
        let (given, taken) = (of(&world.config_file())?, of(&config)?);
        let is_done = given["persons"] == 0 && given.get("hand_over").is_none() && taken["backlog"] == 0;
        if is_done { Ok(()) } else { Err(format!("{given} {taken}")) }
    });
    own.stop();
    lose(&world);
    assert!(restore(&world, &file, &[]).0);
    let _own = world.gateway();
    world.expect_repaired_mirror();
    world.source.expect_state("it exports no more", |state| state["export"]["exporting"] == false);
    hire(&mut world, 2..4);
    expect_people(&world, &[0, 1, 2, 3]);
    world.expect_no_effect_twice();
}

#[test]
fn nothing_is_given_by_a_backup_until_the_source_was_heard() {
    let mut site = Site::new();
    site.open();
    site.world.source.put("user", "bo", user("Bo", "Li")).put("token", "c-bo", card("bo", BO));
    site.world.source.put("assignment", "bo.main", assignment("bo", "main", "", ""));
    site.publish();
    site.world.expect_permissions("PAada", Some(&["ap-main"]));
    site.world.expect_permissions("PAbo", Some(&["ap-main"]));
    let file = backup(&site.world, &[]);
    let mut stolen = card("ada", ADA);
    stolen["status"] = "LOCKED".into();
    site.world.source.put("token", "c-ada", stolen).publish();
    site.world.expect_equal_mirror();
    site.world.expect_permissions("PAada", None);
    site.stop();
    lose(&site.world);
    let (is_done, words) = restore(&site.world, &file, &[]);
    assert!(is_done && words.contains("no door opens by them"), "{words}");

    // The source says nothing yet.
    site.start();
    site.tap(ADA);
    let access = site.expect_access(|access| access.reasons.iter().any(|one| one.code == "restored"));
    assert!(!access.granted && access.token.is_some_and(|token| token.as_str() == "c-ada"));
    site.tap(BO);
    site.expect_access(|access| access.hex == BO && !access.granted);
    site.world.source.expect_state("it knows the PACS, and that it exports", |state| {
        state["export"]["exporting"] == true && state["export"]["reachable"] == true
    });
    let (is_done, words) = said(&site.world.config_file(), &["export", "apply"]);
    assert!(is_done, "{words}");
    for _ in 0..50 {
        site.advance_ms(1_000);
        // What must not come cannot be waited for; but whoever answers this is the one thread that would export.
        status(&site.world.config_file()).unwrap();
    }
    let persons: Vec<String> = site.world.pacs.world().persons.keys().cloned().collect();
    assert_eq!(persons, ["PAbo"], "nobody comes back by what was so once, and nobody goes");
    let (_, why) = said(&site.world.config_file(), &["why", BO, "front"]);
    assert!(why.contains("the source was not heard since"), "{why}");

    let _answers = site.world.source.answer_requests(4);
    site.world.expect_repaired_mirror();
    site.tap(ADA);
    site.expect_access(|access| {
        access.hex == ADA && access.reasons.iter().all(|one| one.code == "token_status")
    });
    site.tap(BO);
    site.expect_access(|access| access.hex == BO && access.granted);
    site.world.expect_permissions("PAada", None);
}

#[test]
fn a_site_that_is_cut_off_may_have_its_doors_open_by_what_was_known() {
    let mut site = Site::new();
    site.open();
    site.world.expect_permissions("PAada", Some(&["ap-main"]));
    site.order("door/lockdown", &serde_json::json!({ "exempt": [] }));
    let file = backup(&site.world, &[]);
    site.stop();
    lose(&site.world);
    let (is_done, words) = restore(&site.world, &file, &["--doors-open"]);
    assert!(is_done && words.contains("also for whoever lost a right"), "{words}");
    assert!(words.contains("the lockdown of then goes on"), "{words}");
    site.start();
    let (is_done, words) = said(&site.world.config_file(), &["door", "end-lockdown"]);
    assert!(is_done, "{words}");
    site.tap(ADA);
    site.expect_access(|access| access.granted && access.opens);
}

#[test]
fn what_takes_access_away_stays_and_what_may_give_it_does_not() {
    let mut site = Site::new();
    site.open();
    let config = site.world.config_file();
    for words in [&["token", "revoke", ADA][..], &["door", "unlock", "front", "--for", "1h"]] {
        let (is_done, words) = said(&config, words);
        assert!(is_done, "{words}");
    }
    let file = backup(&site.world, &[]);
    site.stop();
    lose(&site.world);
    let (is_done, words) = restore(&site.world, &file, &["--doors-open"]);
    assert!(is_done && words.contains("1 tokens stay revoked"), "{words}");
    site.start();
    site.expect_strike(false);
    site.tap(ADA);
    site.expect_access(|access| access.reasons.iter().any(|one| one.code == "revoked_here"));
    let audit = query(&config, &["audit"]);
    assert!(audit.iter().any(|entry| entry["order"].as_str().unwrap().contains("revoke")), "{audit:?}");
}

#[test]
fn what_must_not_be_restored_is_refused_and_nothing_is_touched() {
    let mut world = World::new();
    let gateway = world.gateway();
    hire(&mut world, 0..2);
    world.expect_equal_mirror();
    let file = backup(&world, &[]);
    let (is_done, words) = restore(&world, &file, &["--replace"]);
    assert!(!is_done && words.contains("stop it first"), "{words}");
    gateway.stop();
    let (is_done, words) = restore(&world, &file, &[]);
    assert!(!is_done && words.contains("holds a mirror already") && words.contains("--replace"), "{words}");

    let other = world.configure_gateway("panel-2", &world.pacs.url());
    let (is_done, words) = said(&other, &["restore", file.to_str().unwrap()]);
    assert!(!is_done && words.contains("is of gateway \"panel-1\", and this is \"panel-2\""), "{words}");
    assert_eq!(listed(&world.folder.path().join("panel-2")), ["lock"]);

    let bytes = fs::read(&file).unwrap();
    let damaged = world.folder.path().join("damaged");
    let before = verify(&world.config_file());
    for (name, bytes) in [
        ("cut off", bytes[..bytes.len() - 9].to_vec()),
        ("damaged", {
            let mut flipped = bytes.clone();
            flipped[bytes.len() / 2] ^= 1;
            flipped
        }),
    ] {
        fs::write(&damaged, bytes).unwrap();
        let (is_done, words) = restore(&world, &damaged, &["--replace"]);
        assert!(!is_done && words.contains(name), "{words}");
    }
    assert_eq!(verify(&world.config_file()), before);

    let (is_done, words) = restore(&world, &file, &["--replace"]);
    assert!(is_done, "{words}");
    let names = listed(&world.folder.path().join("state"));
    assert_eq!(names, ["clock-floor", "lock", "mirror.sqlite", "reserve"], "nothing is left of the old one");
}

fn listed(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_configuration_goes_along_where_it_is_asked_for_and_secrets_by_name_alone() {
    let world = World::new();
    world.gateway().stop();
    let config = world.config_file();
    let text = fs::read_to_string(&config).unwrap();
    let with_secrets = [&["--with-config"][..], &["--with-config", "--with-secrets"]];
    for (more, has_secret) in with_secrets.into_iter().zip([false, true]) {
        let file = backup(&world, more);
        let is_in = fs::read(&file).unwrap().windows(11).any(|bytes| bytes == b"pacs-secret");
        assert_eq!(is_in, has_secret);
    }
    let (is_done, words) = said(&config, &["backup", "x", "--with-secrets"]);
    assert!(!is_done && words.contains("--with-config"), "{words}");

    // A new machine: nothing is there.
    let file = backup(&world, &["--with-config", "--with-secrets"]);
    lose(&world);
    let (is_done, words) = restore(&world, &file, &["--with-config"]);
    assert!(!is_done && words.contains("is there already"), "{words}");
    fs::remove_file(&config).unwrap();
    fs::remove_file(world.folder.path().join("pacs-password")).unwrap();
    let (is_done, words) = restore(&world, &file, &["--with-config"]);
    assert!(is_done, "{words}");
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
    let mode =
        |name: &str| fs::metadata(world.folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("config.toml"), mode("pacs-password")), (configuration_mode(), 0o640));
    // Logins went through the mirror's file, which is the service's: nothing of them stays there.
    let mirror = fs::read(world.folder.path().join("state/mirror.sqlite")).unwrap();
    assert!(!mirror.windows(11).any(|bytes| bytes == b"pacs-secret"));
    assert!(said(&config, &["check"]).0);
}

#[test]
fn what_a_backup_could_not_bring_back_is_said_when_it_is_made() {
    let world = World::new();
    world.gateway().stop();
    let config = world.config_file();
    let text = fs::read_to_string(&config).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let ca = elsewhere.path().join("ca.pem");
    fs::write(&ca, "(a certificate)").unwrap();
    let roundabout = world.folder.path().join("state/../ca.pem");
    fs::write(&roundabout, "(another)").unwrap();
    for path in [&ca, &roundabout] {
        let board = format!("board = {:?}\n{text}", path.to_str().unwrap());
        // It is named, not read: only `run` looks into a board.
        fs::write(&config, board).unwrap();
        let file = world.folder.path().join("panel.backup");
        let (is_done, words) = said(&config, &["backup", file.to_str().unwrap(), "--with-config"]);
        assert!(is_done && words.contains(&format!("without {}", path.display())), "{words}");
        let (is_done, words) = restore(&world, &file, &["--with-config", "--replace"]);
        assert!(is_done, "{words}");
    }
    fs::write(&config, text.replace("{ file = \"pacs-password\" }", "{ credential = \"nowhere\" }")).unwrap();
    let words = said(&config, &["backup", "x.backup", "--with-config", "--with-secrets"]).1;
    assert!(words.contains("nowhere") && words.contains("No such file"), "{words}");
}

#[test]
fn a_restore_that_is_refused_leaves_the_configuration_alone() {
    let world = World::new();
    let gateway = world.gateway();
    let file = backup(&world, &["--with-config", "--with-secrets"]);
    let config = world.config_file();
    let changed = format!("# another\n{}", fs::read_to_string(&config).unwrap());
    fs::write(&config, &changed).unwrap();
    let (is_done, words) = restore(&world, &file, &["--with-config", "--replace"]);
    assert!(!is_done && words.contains("stop it first"), "{words}");
    assert_eq!(fs::read_to_string(&config).unwrap(), changed);
    gateway.stop();
}
