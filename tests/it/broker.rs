//! The broker goes away, forgets, delivers what is too large, and refuses who may not: the same scenes for every
//! brand.

mod access;

use crate::world::{Brand, Broker, Relay, World, query, user};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// MQTT 3.1.1, 3.2: a CONNACK.
const CONNECTION_ACCEPTED_BYTES: usize = 4;

/// One test per brand and scene.
macro_rules! with_every_brand {
    ($($scene:ident)*) => {
        mod mosquitto {
            $(#[test] fn $scene() { super::$scene(crate::world::Brand::Mosquitto); })*
        }
        mod rabbitmq {
            $(#[test] fn $scene() { super::$scene(crate::world::Brand::RabbitMq); })*
        }
        mod nats {
            $(#[test] fn $scene() { super::$scene(crate::world::Brand::Nats); })*
        }
    };
}
use with_every_brand;

with_every_brand! {
    a_broker_that_restarts_with_its_sessions_loses_nothing
    a_broker_that_is_killed_costs_a_repair_at_most
    a_broker_that_loses_its_sessions_costs_a_repair_and_never_leaves_a_wrong_record
    a_lost_session_is_noticed_also_when_the_first_connection_breaks_before_its_subscriptions_are_taken
    a_lost_message_is_reported_as_a_gap
    an_unequal_root_without_a_gap_is_reported
    a_packet_over_the_limit_does_not_come_for_ever
    a_message_over_the_contract_s_limit_is_refused_and_the_next_one_counts
    an_orderly_end_and_a_kill_both_end_in_an_offline_state
}

fn a_broker_that_restarts_with_its_sessions_loses_nothing(brand: Brand) {
    let mut world = World::on(Broker::of(brand));
    let _gateway = world.gateway();
    world.source.put("user", "u0", user("Before", "It"));
    world.source.publish();
    world.expect_equal_mirror();
    world.broker.stop();
    for at in 1..50 {
        world.source.put("user", &format!("u{at}"), user("During", "It"));
        world.source.publish();
    }
    world.broker.resume();
    world.expect_equal_mirror();
}

fn a_broker_that_is_killed_costs_a_repair_at_most(brand: Brand) {
    let mut world = World::on(Broker::of(brand));
    let _gateway = world.gateway();
    world.source.put("user", "u0", user("Before", "It"));
    world.source.publish();
    world.expect_equal_mirror();
    // Some on their way, some acknowledged to the source and perhaps in the broker's memory alone.
    for at in 1..50 {
        world.source.put("user", &format!("u{at}"), user("During", "It"));
        world.source.publish();
    }
    world.broker.kill();
    world.broker.resume();
    // mosquitto acknowledges what it has in memory alone, and RabbitMQ may forget a session made moments before:
    // whatever is lost is fetched.
    let _answers = world.source.answer_requests(3);
    world.expect_repaired_mirror();
    let found = query(&world.config_file(), &["users"]);
    assert_eq!(found.len(), 50);
    assert!(found.iter().all(|row| row["record"]["family_name"] == "It"), "{found:?}");
}

fn a_broker_that_loses_its_sessions_costs_a_repair_and_never_leaves_a_wrong_record(brand: Brand) {
    let mut world = World::on(Broker::of(brand));
    let gateway = world.gateway();
    for key in ["changed", "deleted", "kept"] {
        world.source.put("user", key, user("Before", key));
    }
    world.source.publish();
    world.expect_equal_mirror();
    gateway.stop();
    world.source.expect_state("offline", |state| state["online"] == false);
    world.source.put("user", "changed", user("After", "changed"));
    world.source.publish();
    world.source.delete("user", "deleted");
    world.source.publish();
    world.source.flush();
    // What waited for the panel goes with the session.
    let subscribed = world.source.subscriptions();
    world.broker.forget_sessions();
    world.source.expect_subscriptions(subscribed + 1);
    let _gateway = world.gateway();
    world.source.expect_state("not proven any more", |state| state["in_sync"] == false);
    // Nothing but what the source has said of a key, and never older than what the panel had.
    expect_users(&world, &[("changed", "Before"), ("deleted", "Before"), ("kept", "Before")]);
    world.source.put("user", "kept", user("Later", "kept"));
    world.source.put("user", "new", user("Later", "new"));
    world.source.publish();
    world.source.expect_state("the gap", |state| state["out_of_sync"] == "gap");
    world.source.put("user", "changed", user("Later", "changed"));
    world.source.publish();
    crate::world::eventually("later changes apply", || {
        let found = query(&world.config_file(), &["users", "changed"]);
        if found.iter().any(|row| given_name(row) == "Later") { Ok(()) } else { Err(format!("{found:?}")) }
    });
    let _answers = world.source.answer_requests(3);
    world.expect_repaired_mirror();
    expect_users(&world, &[("changed", "Later"), ("kept", "Later"), ("new", "Later")]);
}

fn a_lost_session_is_noticed_also_when_the_first_connection_breaks_before_its_subscriptions_are_taken(
    brand: Brand,
) {
    let mut world = World::on(Broker::of(brand));
    let relay = Relay::to(([127, 0, 0, 1], world.broker.port()).into());
    let config = std::fs::read_to_string(world.config_file()).expect("a configuration");
    let (there, through) = (world.broker.port(), relay.port());
    world.write("config.toml", &config.replace(&format!("port = {there}"), &format!("port = {through}")));
    let _gateway = world.gateway();
    world.source.put("user", "u0", user("Before", "It"));
    world.source.publish();
    world.source.expect_state("proven", |state| state["in_sync"] == true);
    // The broker makes the session anew, and says so; to the second connection it says that there is one.
    relay.break_next_after(CONNECTION_ACCEPTED_BYTES);
    world.broker.forget_sessions();
    world.source.expect_state("not proven any more", |state| state["in_sync"] == false);
}

fn expect_users(world: &World, expected: &[(&str, &str)]) {
    let found = query(&world.config_file(), &["users"]);
    let found: BTreeMap<&str, &str> =
        found.iter().map(|row| (row["key"].as_str().expect("a key"), given_name(row))).collect();
    assert_eq!(found, expected.iter().copied().collect());
}

fn given_name(row: &Value) -> &str {
    row["record"]["given_name"].as_str().expect("a given name")
}

fn a_lost_message_is_reported_as_a_gap(brand: Brand) {
    let mut world = World::on(Broker::of(brand));
    let _gateway = world.gateway();
    world.source.put("user", "u0", user("A", "B"));
    world.source.publish();
    world.expect_equal_mirror();
    world.source.put("user", "u1", user("C", "D"));
    let _lost = world.source.next_message();
    world.source.put("user", "u2", user("E", "F"));
    world.source.publish();
    world.source.expect_state("the gap", |state| state["in_sync"] == false && state["out_of_sync"] == "gap");
    // What arrived is applied all the same.
    let found = crate::world::query(&world.config_file(), &["users"]);
    let keys: Vec<&str> = found.iter().filter_map(|row| row["key"].as_str()).collect();
    assert_eq!(keys, ["u0", "u2"]);
}

fn an_unequal_root_without_a_gap_is_reported(brand: Brand) {
    let mut world = World::on(Broker::of(brand));
    let _gateway = world.gateway();
    world.source.put("user", "u0", user("A", "B"));
    world.source.publish();
    world.expect_equal_mirror();
    world.source.count_refused("user", "nobody-told", contract::digest::Digest::from_bytes([7; 16]));
    world.source.put("user", "u1", user("C", "D"));
    world.source.publish();
    world.source.expect_state("unequal", |state| state["out_of_sync"] == "unequal_root");
}

fn a_packet_over_the_limit_does_not_come_for_ever(brand: Brand) {
    let mut world = World::on(Broker::of(brand));
    let _gateway = world.gateway();
    world.source.put("user", "u0", user("A", "B"));
    world.source.publish();
    world.expect_equal_mirror();
    // Small ones before and after it: they come again with it, and must not make it look like progress.
    for at in 0..20 {
        world.source.put("user", &format!("before{at}"), user("C", "D"));
        world.source.publish();
    }
    world.source.publish_raw(vec![b'x'; 1024 * 1024]);
    world.source.put("user", "u1", user("C", "D"));
    world.source.publish();
    // The session is dropped once, and what was queued in it with it: a gap like any other, and the stream
    // goes on.
    world.source.expect_state("not proven any more", |state| state["in_sync"] == false);
    crate::world::eventually("later changes arrive", || {
        world.source.put("user", "u2", user("E", "F"));
        world.source.publish();
        // The gateway's reconnection lives by the real clock; without a pause this would only fill queues.
        std::thread::sleep(Duration::from_millis(200));
        let found = crate::world::query(&world.config_file(), &["users", "u2"]);
        if found.is_empty() { Err("not yet".into()) } else { Ok(()) }
    });
}

fn a_message_over_the_contract_s_limit_is_refused_and_the_next_one_counts(brand: Brand) {
    let mut world = World::on(Broker::of(brand));
    let _gateway = world.gateway();
    world.source.publish_raw(vec![b' '; 130 * 1024]);
    world.source.put("user", "u0", user("A", "B"));
    world.source.publish();
    world.expect_equal_mirror();
    let refused = crate::world::query(&world.config_file(), &["refused"]);
    assert!(refused[0]["reason"].as_str().is_some_and(|reason| reason.contains("131072")), "{refused:?}");
}

fn an_orderly_end_and_a_kill_both_end_in_an_offline_state(brand: Brand) {
    let mut world = World::on(Broker::of(brand));
    let gateway = world.gateway();
    world.source.expect_state("online", |state| state["online"] == true);
    gateway.stop();
    world.source.expect_state("offline, in order", |state| state["online"] == false);
    let program = world.program(None);
    world.source.put("user", "u0", user("A", "B"));
    world.source.publish();
    world.source.expect_state("online again", |state| state["online"] == true);
    program.kill();
    world.source.expect_state("offline, by the last will", |state| state["online"] == false);
}
