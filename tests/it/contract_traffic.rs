//! What really goes over the wire, held against the schemas in docs/contract/schemas.
//!
//! Every message is judged by its topic, so whatever a scene makes the two ends say is judged with it.

use crate::world::{Broker, PATIENCE, World, assignment, card, entitlement, eventually, user};
use contract::changes::{Act, parse_changes};
use contract::record;
use rumqttc::{Client, Event, MqttOptions, Outgoing, Packet, QoS};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Topics and payloads, oldest first.
type Heard = Vec<(String, Vec<u8>)>;

/// Hears everything of the site.
struct Witness {
    client: Client,
    heard: Arc<Mutex<Heard>>,
}

impl Witness {
    fn start(broker: &Broker) -> Witness {
        let mut options = MqttOptions::new("witness", "127.0.0.1", broker.port());
        options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(4 << 20, 4 << 20);
        let (client, mut connection) = Client::new(options, 100);
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let (heard_there, client_there) = (heard.clone(), client.clone());
        let (subscribed, is_subscribed) = mpsc::channel();
        std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        let _ = client_there.try_subscribe("doorward/v1/office/#", QoS::AtLeastOnce);
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(subscribed.send(())),
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        heard_there.lock().unwrap().push((publish.topic, publish.payload.to_vec()));
                    }
                    Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(_) => return,
                    Ok(_) => {}
                }
            }
        });
        is_subscribed.recv_timeout(PATIENCE).expect("the witness is subscribed");
        Witness { client, heard }
    }

    fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.client.try_disconnect();
    }
}

/// The validators of all schemas, by topic or kind.
struct Schemas(BTreeMap<String, jsonschema::Validator>);

impl Schemas {
    fn load() -> Schemas {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/contract/schemas");
        let files = std::fs::read_dir(folder).expect("docs/contract/schemas").map(|file| {
            let path = file.expect("a file").path();
            let schema: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_string();
            (name, jsonschema::draft7::new(&schema).expect("a schema of draft 7"))
        });
        Schemas(files.collect())
    }

    fn assert_fits(&self, schema: &str, value: &Value) {
        let validator = self.0.get(schema).unwrap_or_else(|| panic!("{schema} has no schema: {value}"));
        let complaints: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(complaints, [""; 0], "{schema}: {value}");
    }

    /// Judges a message by its topic, and the records in it that a gateway takes by their kinds.
    fn judge(&self, topic: &str, payload: &[u8]) {
        let value: Value = serde_json::from_slice(payload).unwrap_or_else(|error| panic!("{topic}: {error}"));
        self.assert_fits(last_part(topic), &value);
        if topic.ends_with("/changes") {
            for change in parse_changes(payload).expect("a valid envelope").changes {
                if let Act::Upsert(sent) = change.act
                    && record::parse(&change.kind, sent).record.is_ok()
                {
                    self.assert_fits(&change.kind, &serde_json::from_str(sent).unwrap());
                }
            }
        }
    }
}

fn last_part(topic: &str) -> &str {
    topic.rsplit('/').next().unwrap_or(topic)
}

#[test]
fn whatever_is_said_fits_its_schema() {
    let mut world = World::new();
    let witness = Witness::start(&world.broker);
    let _answers = world.source.answer_requests(1);
    let gateway = world.gateway();
    world.source.put("user", "ada", user("Ada", "Ekström")).put("token", "card-ada", card("ada", "04A1B2C3"));
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("assignment", "ada.main", assignment("ada", "main", "", "2026-12-24T18:00:00Z"));
    world.source.put(
        "schedule",
        "week",
        json!({ "zone": "UTC", "weekly": [{ "days": ["mon"], "from": "07:00", "to": "24:00" }] }),
    );
    world.source.put(
        "door",
        "main",
        json!({ "name": "Main", "grants": [{ "entitlement": "main", "schedule": "week" }], "colour": "red" }),
    );
    world.source.publish();
    // Refused for its own sake, of a later version, and a change of nothing.
    world.source.put("user", "bo", json!({ "status": "retired", "given_name": "Bo", "family_name": "L" }));
    world.source.put("visitor", "v-1", json!({ "host": "ada" })).delete("assignment", "nobody");
    world.source.publish();
    world.source.put("user", "ada", user("Ada", "Ek")).delete("token", "card-ada").publish();
    world.source.checkpoint();
    world.expect_equal_mirror();
    world.source.put("schedule", "week", json!({ "zone": "UTC", "weekly": [] }));
    let _lost = world.source.next_message();
    world.source.checkpoint();
    world.expect_equal_mirror();
    let resync =
        json!({ "id": "resync-1", "expires": "2026-11-23T08:05:00Z", "command": { "type": "resync" } });
    world.source.publish_command(resync.to_string().into_bytes());
    world.expect_equal_mirror();
    world.expect_pacs("Ada was exported and left again", |pacs| pacs.persons.is_empty());
    gateway.stop();
    world.source.expect_state("the gateway says that it is gone", |state| state["online"] == false);

    let expected = ["meta", "changes", "state", "events", "command", "request", "digests", "bucket"];
    eventually("something was said on every topic", || {
        let heard = witness.heard();
        let topics: BTreeSet<&str> = heard.iter().map(|(topic, _)| last_part(topic)).collect();
        let missing: Vec<_> = expected.iter().filter(|topic| !topics.contains(*topic)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("nothing on {missing:?}")) }
    });
    let schemas = Schemas::load();
    for (topic, payload) in witness.heard() {
        schemas.judge(&topic, &payload);
    }
}

#[test]
#[should_panic(expected = "required property")]
fn a_message_that_does_not_fit_is_seen() {
    Schemas::load().judge("doorward/v1/office/meta", br#"{"epoch":1,"head_seq":1}"#);
}

#[test]
#[should_panic(expected = "has no schema")]
fn a_topic_that_the_contract_does_not_have_is_seen() {
    Schemas::load().judge("doorward/v1/office/rumours", b"{}");
}
