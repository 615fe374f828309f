//! The broker goes away, forgets, delivers what is too large, and refuses who may not.

use crate::world::{Broker, GATEWAY, SITE, World, user};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use std::process::Command;
use std::time::Duration;

#[test]
fn a_broker_that_restarts_with_its_sessions_loses_nothing() {
    let mut world = World::new();
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

#[test]
fn a_lost_message_is_reported_as_a_gap() {
    let mut world = World::new();
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

#[test]
fn an_unequal_root_without_a_gap_is_reported() {
    let mut world = World::new();
    let _gateway = world.gateway();
    world.source.put("user", "u0", user("A", "B"));
    world.source.publish();
    world.expect_equal_mirror();
    world.source.count_refused("user", "nobody-told", contract::digest::Digest::from_bytes([7; 16]));
    world.source.put("user", "u1", user("C", "D"));
    world.source.publish();
    world.source.expect_state("unequal", |state| state["out_of_sync"] == "unequal_root");
}

#[test]
fn a_packet_over_the_limit_does_not_come_for_ever() {
    let mut world = World::new();
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
        std::thread::sleep(Duration::from_millis(200));
        let found = crate::world::query(&world.config_file(), &["users", "u2"]);
        if found.is_empty() { Err("not yet".into()) } else { Ok(()) }
    });
}

#[test]
fn a_message_over_the_contract_s_limit_is_refused_and_the_next_one_counts() {
    let mut world = World::new();
    let _gateway = world.gateway();
    world.source.publish_raw(vec![b' '; 130 * 1024]);
    world.source.put("user", "u0", user("A", "B"));
    world.source.publish();
    world.expect_equal_mirror();
    let refused = crate::world::query(&world.config_file(), &["refused"]);
    assert!(refused[0]["reason"].as_str().is_some_and(|reason| reason.contains("131072")), "{refused:?}");
}

#[test]
fn an_orderly_end_and_a_kill_both_end_in_an_offline_state() {
    let mut world = World::new();
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

#[test]
fn a_panel_s_login_cannot_publish_changes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/brokers");
    let acl = std::fs::read_to_string(folder.join("mosquitto.acl")).expect("the shipped access file");
    let broker = Broker::with(
        "allow_anonymous false\npassword_file {folder}/passwords\nacl_file {folder}/acl\n",
        &[("acl", &acl), ("passwords", &passwords(&[GATEWAY, "other", "source"]))],
    );
    let changes = format!("doorward/v1/{SITE}/changes");
    let mut listener = Login::new(&broker, "source", "listener");
    listener.subscribe(&format!("doorward/v1/{SITE}/#"));
    // The source's own login reads only what it needs, so the witness is another panel's view: changes.
    let mut panel = Login::new(&broker, GATEWAY, "panel");
    panel.subscribe(&changes);
    for forbidden in ["changes", "meta", "gateway/other/state"] {
        Login::new(&broker, GATEWAY, "intruder")
            .attempt(&format!("doorward/v1/{SITE}/{forbidden}"), "from the panel");
    }
    let mut other = Login::new(&broker, "other", "other");
    other.subscribe(&format!("doorward/v1/{SITE}/gateway/other/command"));
    Login::new(&broker, GATEWAY, "intruder")
        .attempt(&format!("doorward/v1/{SITE}/gateway/other/command"), "from the panel");
    let mut source = Login::new(&broker, "source", "source");
    source.publish(&format!("doorward/v1/{SITE}/gateway/other/command"), "a command");
    assert_eq!(other.next_payload(), "a command", "the first and only one");
    source.publish(&changes, "from the source");
    assert_eq!(panel.next_payload(), "from the source", "the first and only message on the stream");
    panel.publish(&format!("doorward/v1/{SITE}/gateway/{GATEWAY}/state"), "my own state");
    let mut heard = listener.next_payload();
    while heard == "from the source" {
        heard = listener.next_payload();
    }
    assert_eq!(heard, "my own state");
}

/// A password file in mosquitto's own format.
fn passwords(users: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("passwords");
    std::fs::write(&file, "").expect("write");
    for user in users {
        let made = Command::new("mosquitto_passwd").arg("-b").arg(&file).args([user, "secret"]).status();
        assert!(made.expect("mosquitto_passwd is installed").success());
    }
    std::fs::read_to_string(&file).expect("read")
}

struct Login {
    client: Client,
    connection: rumqttc::Connection,
}

impl Login {
    fn new(broker: &Broker, user: &str, id: &str) -> Login {
        let mut options = MqttOptions::new(id, "127.0.0.1", broker.port());
        options.set_credentials(user, "secret").set_keep_alive(Duration::from_secs(30));
        let (client, connection) = Client::new(options, 100);
        let mut login = Login { client, connection };
        login.until(|packet| matches!(packet, Packet::ConnAck(_)));
        login
    }

    fn until(&mut self, wanted: impl Fn(&Packet) -> bool) -> Packet {
        loop {
            let event =
                self.connection.recv_timeout(Duration::from_secs(30)).expect("in time").expect("connected");
            if let Event::Incoming(packet) = event
                && wanted(&packet)
            {
                return packet;
            }
        }
    }

    fn subscribe(&mut self, filter: &str) {
        self.client.subscribe(filter, QoS::AtLeastOnce).expect("room");
        self.until(|packet| matches!(packet, Packet::SubAck(_)));
    }

    /// Tries to publish; a broker answers what is forbidden by an acknowledgement, or by hanging up.
    fn attempt(mut self, topic: &str, payload: &str) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).expect("room");
        while let Ok(Ok(event)) = self.connection.recv_timeout(Duration::from_secs(30)) {
            if matches!(event, Event::Incoming(Packet::PubAck(_))) {
                return;
            }
        }
    }

    fn publish(&mut self, topic: &str, payload: &str) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).expect("room");
        self.until(|packet| matches!(packet, Packet::PubAck(_)));
    }

    fn next_payload(&mut self) -> String {
        match self.until(|packet| matches!(packet, Packet::Publish(_))) {
            Packet::Publish(publish) => String::from_utf8(publish.payload.to_vec()).expect("UTF-8"),
            other => panic!("{other:?}"),
        }
    }
}
