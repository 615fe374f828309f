//! What holds of every decision, whatever the facts.

use crate::python::count;
use crate::worlds::{Asked, Dice, asked, question, world};
use access::decide::{Decision, Explanation, Lockdown, decide, explain};
use access::leash::AfterReboot;
use access::time::UtcTime;
use access::token::TokenStatus;
use access::trust::{Time, Trust};
use serde_json::{Value, json};

fn why(case: &Asked) -> Explanation {
    explain(&case.facts, &case.shown, case.door.as_ref(), &case.time)
}

fn grants(case: &Asked) -> bool {
    let decision = decide(&case.facts, &case.shown, case.door.as_ref(), &case.time);
    matches!(decision, Decision::Granted { .. })
}

/// The same question at another instant, with nothing but time gone by (or come back).
fn at(case: &Asked, instant: i64) -> Asked {
    let mut later = case.clone();
    let passed = instant - case.time.now.unix();
    let shift = |s: u32| u32::try_from((i64::from(s) + passed).max(0)).expect("seconds");
    later.time.now = UtcTime::from_unix(instant);
    later.facts.news.age_s = case.facts.news.age_s.map(shift);
    later.facts.news.up_s = shift(case.facts.news.up_s);
    later.facts.passback.passed_ago_s = case.facts.passback.passed_ago_s.map(shift);
    later
}

/// Asks `check` about questions in many worlds; it says whether the case was of the kind it is about.
fn in_many_worlds(seed: u64, mut check: impl FnMut(&mut Dice, &Value, &Value) -> bool) {
    let worlds = count("DOORWARD_QUESTIONS", 4_000) / 20;
    let (mut dice, mut met) = (Dice(seed), 0);
    for _ in 0..worlds {
        let world = world(&mut dice);
        for _ in 0..20 {
            let question = question(&mut dice);
            met += u32::from(check(&mut dice, &world, &question));
        }
    }
    assert!(met > worlds / 2, "{met} cases in {worlds} worlds are too few to tell");
}

#[test]
fn a_grant_lasts_until_the_instant_it_names_and_no_longer_on_those_grounds() {
    in_many_worlds(2, |_, world, question| {
        let case = asked(world, question);
        let Decision::Granted { by, until: Some(until) } = why(&case).decision() else { return false };
        let until = until.unix();
        assert!(until > case.time.now.unix());
        for instant in [until - 1, i64::midpoint(case.time.now.unix(), until)] {
            assert!(grants(&at(&case, instant)), "{question}");
        }
        let then = why(&at(&case, until));
        let holds = |checks: &[access::decide::Check]| checks.iter().all(|check| check.failure.is_none());
        let same = then.paths.iter().filter(|path| path.assignment == by);
        let before = why(&case);
        let held = before.paths.iter().filter(|path| path.assignment == by).map(|path| holds(&path.checks));
        // Of an assignment that leads through by two grants, at least one must have ended.
        let lost = same.zip(held).any(|(path, held)| held && !holds(&path.checks));
        assert!(lost || !holds(&then.card), "nothing ends at {until}: {question}");
        true
    });
}

#[test]
fn at_the_nearest_instant_the_card_passes_and_not_before() {
    in_many_worlds(3, |dice, world, question| {
        let case = asked(world, question);
        let nearest = why(&case).nearest();
        let now = case.time.now.unix();
        if grants(&case) {
            assert_eq!(nearest, (case.time.trust == Trust::Trusted).then_some(case.time.now));
            return false;
        }
        let Some(nearest) = nearest else {
            let some_day = now + i64::from(dice.below(60 * 24 * 60)) * 60;
            assert!(case.time.trust == Trust::Untrusted || !grants(&at(&case, some_day)), "{question}");
            return false;
        };
        let nearest = nearest.unix();
        assert!(grants(&at(&case, nearest)), "{nearest}: {question}");
        let between = now + i64::from(dice.below(u32::try_from(nearest - now).expect("soon")));
        assert!(!grants(&at(&case, nearest - 1)) && !grants(&at(&case, between)), "{between}: {question}");
        true
    });
}

#[test]
fn untrusted_time_never_grants_what_trusted_time_at_the_same_instant_would_not() {
    in_many_worlds(4, |dice, world, question| {
        let mut world = world.clone();
        for leash in ["staff", "contractor"] {
            world["leashes"]["by_class"][leash]["after_reboot"] = json!("rests");
        }
        world["leashes"]["otherwise"]["after_reboot"] = json!("rests");
        let trusted = asked(&world, question);
        let mut untrusted = trusted.clone();
        // The clock shows anything; what has certainly passed has passed.
        let shown = UtcTime::from_unix(i64::from(dice.below(u32::MAX)));
        untrusted.time = Time { now: shown, trust: Trust::Untrusted, floor: trusted.time.floor };
        let trusted = Asked { time: Time { trust: Trust::Trusted, ..trusted.time }, ..trusted };
        assert!(grants(&trusted) || !grants(&untrusted), "{question} in {world}");
        grants(&trusted) != grants(&untrusted)
    });
}

#[test]
fn a_leash_that_begins_anew_ends_all_the_same() {
    in_many_worlds(5, |_, world, question| {
        let mut case = asked(world, question);
        case.time.trust = Trust::Untrusted;
        case.facts.news.age_s = None;
        if !grants(&case) {
            return false;
        }
        case.facts.leashes.otherwise.after_reboot = AfterReboot::Rests;
        case.facts.leashes.by_class.values_mut().for_each(|leash| leash.after_reboot = AfterReboot::Rests);
        let by_restart = !grants(&case);
        let mut case = asked(world, question);
        (case.time.trust, case.facts.news.age_s, case.facts.news.up_s) = (Trust::Untrusted, None, u32::MAX);
        assert_eq!(grants(&case), !by_restart, "{question} in {world}");
        true
    });
}

/// Takes something away from `world` or `question`.
fn restrict(dice: &mut Dice, world: &mut Value, question: &mut Value) {
    fn one<'a>(dice: &mut Dice, table: &'a mut Value) -> &'a mut Value {
        let table = table.as_object_mut().expect("a table");
        let nth = usize::try_from(dice.below(u32::try_from(table.len()).expect("few"))).expect("small");
        table.values_mut().nth(nth).expect("a record")
    }
    fn drop_one(dice: &mut Dice, table: &mut Value) {
        let table = table.as_object_mut().expect("a table");
        let nth = usize::try_from(dice.below(u32::try_from(table.len()).expect("few"))).expect("small");
        let key = table.keys().nth(nth).expect("a key").clone();
        table.remove(&key);
    }
    let (now, minute) = (question["now"].as_i64().expect("now"), dice.minute());
    let edge = json!(UtcTime::from_unix(minute).to_string());
    match dice.below(18) {
        0 => one(dice, &mut world["tokens"])["status"] = json!(dice.pick(&["INACTIVE", "LOCKED"])),
        1 => one(dice, &mut world["users"])["status"] = json!(dice.pick(&["inactive", "locked"])),
        2 => world["revoked_here"] = json!(["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8"]),
        3 => drop_one(dice, &mut world["users"]),
        4 => drop_one(dice, &mut world["assignments"]),
        5 => drop_one(dice, &mut world["entitlements"]),
        6 => drop_one(dice, &mut world["schedules"]),
        7 => drop_one(dice, &mut world["doors"]),
        8 => world["vanished"] = json!(["ref0", "ref1", "ref2", "ref3", "ref4", "ref5", "ref6", "ref7"]),
        9 => one(dice, &mut world["schedules"])["weekly"].as_array_mut().map(Vec::pop).map_or((), drop),
        10 => one(dice, &mut world["schedules"])["zone"] = json!("Europe/Atlantis"),
        11 => one(dice, &mut world["doors"])["grants"].as_array_mut().map(Vec::pop).map_or((), drop),
        12 => question["lockdown"] = json!([]),
        13 => (question["passed_ago_s"], question["wait_s"]) = (json!(0), json!(60)),
        14 => world["leashes"]["otherwise"]["max_age_s"] = json!(0),
        15 => {
            let token = one(dice, &mut world["tokens"]);
            if token["valid_from"].is_null() && token["valid_to"].is_null() {
                token["valid_from"] = edge;
            }
        }
        16 => {
            let assignment = one(dice, &mut world["assignments"]);
            if assignment["valid_from"].is_null() && assignment["valid_to"].is_null() {
                assignment["valid_to"] = edge;
            }
        }
        _ => {
            question["news"] = json!({ "proven_at": null, "age_s": null, "up_s": now.rem_euclid(7) });
        }
    }
}

#[test]
fn a_restriction_never_turns_a_denial_into_a_grant() {
    in_many_worlds(6, |dice, world, question| {
        let before = grants(&asked(world, question));
        let (mut world, mut question) = (world.clone(), question.clone());
        for _ in 0..1 + dice.below(3) {
            restrict(dice, &mut world, &mut question);
        }
        let mut case = asked(&world, &question);
        if dice.one_in(4) {
            case.time.trust = Trust::Untrusted;
            case.facts.leashes.by_class.clear();
            case.facts.leashes.otherwise.max_age_s = Some(0);
        }
        if dice.one_in(4) {
            case.facts.lockdown = Lockdown::On { exempt: [].into() };
        }
        let after = grants(&case);
        assert!(before || !after, "{question} in {world}");
        before && !after
    });
}

#[test]
fn a_card_of_two_is_nobodys_and_one_that_is_revoked_for_good_is_not_counted() {
    in_many_worlds(7, |_, world, question| {
        let mut case = asked(world, question);
        if !grants(&case) {
            return false;
        }
        let carry = |one: &access::decide::Candidate| one.token.identifiers.contains(&case.shown.identifier);
        let own =
            case.facts.tokens.iter().position(|one| carry(one) && one.token.status == TokenStatus::Active);
        let mut twin = case.facts.tokens[own.expect("it passes")].clone();
        twin.token.status = TokenStatus::Revoked;
        case.facts.tokens.push(twin);
        assert!(grants(&case), "a card that was given to another person");
        for status in [TokenStatus::Active, TokenStatus::Inactive, TokenStatus::Locked] {
            case.facts.tokens.last_mut().expect("the twin").token.status = status;
            assert!(!grants(&case), "{status:?}");
        }
        true
    });
}
