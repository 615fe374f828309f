//! The examples of docs/contract.md are valid, and what they claim is true: they tell one story.

use crate::examples::{self, Example};
use crate::{complaints, read};
use contract::changes::{Act, Changes, parse_changes};
use contract::command::CommandMessage;
use contract::digest::{self, Digest};
use contract::id::{GatewayId, Kind, SiteId, Version};
use contract::messages::{EventMessage, Meta, State};
use contract::record::{self, Record};
use contract::repair::{Bits, parse_bucket, parse_digests, parse_request};
use contract::topics::{GatewayTopic, Topics};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// The rows of the story's source: a record's text and its version.
#[derive(Default)]
struct Story {
    rows: BTreeMap<(String, String), (Version, String)>,
    head: Version,
}

impl Story {
    fn digests(&self) -> impl Iterator<Item = (u64, Digest)> {
        self.rows.iter().map(|((kind, key), (version, text))| {
            let canonical = record::parse(kind, text).canonical;
            (digest::place(kind, key), digest::record(kind, key, &canonical, *version))
        })
    }

    fn root(&self) -> Digest {
        self.digests().fold(Digest::ZERO, |root, (_, digest)| root.plus(digest))
    }

    fn bucket(&self, bits: Bits, bucket: u32) -> Digest {
        let inside = self.digests().filter(|(place, _)| bits.bucket(*place) == bucket);
        inside.fold(Digest::ZERO, |sum, (_, digest)| sum.plus(digest))
    }

    /// Takes a message's changes, and finds its root true.
    fn hear(&mut self, message: &Changes<'_>) {
        assert!(message.misshapen.is_empty(), "{:?}", message.misshapen);
        let is_checkpoint = message.changes.is_empty();
        let next = if is_checkpoint { self.head.seq } else { self.head.seq + 1 };
        assert_eq!(message.version.seq, next, "the story's numbers have no gap");
        self.head = message.version;
        for change in &message.changes {
            let name = (change.kind.to_string(), change.key.to_string());
            match &change.act {
                Act::Upsert(text) => {
                    let parsed = record::parse(&change.kind, text);
                    assert!(parsed.record.is_ok(), "{name:?}: {:?}", parsed.record);
                    self.rows.insert(name, (message.version, (*text).to_string()));
                }
                Act::Delete => assert!(self.rows.remove(&name).is_some(), "{name:?} is not there"),
                Act::Refuse(_, reason) => panic!("{name:?}: {reason}"),
            }
        }
        assert_eq!(message.root, self.root(), "the root of {}", message.version);
    }
}

/// What reads an example writes it again: no member of it is passed over.
fn whole<T: DeserializeOwned + Serialize>(example: &Example) -> T {
    let read: T = serde_json::from_str(&example.text).expect("reads");
    assert_eq!(serde_json::to_value(&read).expect("writes"), example.value(), "a member is passed over");
    read
}

fn check(story: &mut Story, example: &Example) -> Result<(), String> {
    let text = &example.text;
    match example.schema.as_str() {
        "changes" => story.hear(&parse_changes(text.as_bytes())?),
        "meta" => assert_eq!(whole::<Meta>(example).minor, contract::messages::MINOR),
        "request" => {
            let request = parse_request(text.as_bytes())?;
            assert_eq!(request, whole(example));
        }
        "digests" => {
            let page = parse_digests(text.as_bytes())?;
            assert_eq!((page.as_of(), page.from), (story.head, 0));
            assert_eq!(page.digests.len() as u64, u64::from(page.bits.buckets()));
            for (bucket, digest) in (0..).zip(&page.digests) {
                assert_eq!(*digest, story.bucket(page.bits, bucket), "bucket {bucket}");
            }
        }
        "bucket" => {
            let bucket = parse_bucket(text.as_bytes())?;
            assert_eq!(bucket.as_of, story.head);
            let sum = bucket.records.iter().fold(Digest::ZERO, |sum, held| {
                let canonical = record::parse(&held.kind, held.record).canonical;
                sum.plus(digest::record(&held.kind, &held.key, &canonical, held.version))
            });
            assert_eq!(sum, story.bucket(bucket.bits, bucket.bucket));
        }
        "events" => drop(whole::<EventMessage>(example)),
        "command" => drop(whole::<CommandMessage>(example)),
        "state" => drop(whole::<State>(example)),
        kind => {
            Kind::parse(kind).ok_or("neither a message nor a kind")?;
            let _: Record = record::parse(kind, text.trim()).record?;
        }
    }
    Ok(())
}

#[test]
fn every_example_is_valid_and_its_roots_and_digests_are_true() {
    let mut story = Story::default();
    let mut schemas = BTreeSet::new();
    // The stream first, since `meta` is explained before it.
    let (stream, others): (Vec<_>, Vec<_>) =
        examples::all().into_iter().partition(|example| example.schema == "changes");
    for example in stream.iter().chain(&others) {
        let place = format!("contract.md:{}: {}", example.line, example.schema);
        assert_eq!(complaints(&example.schema, &example.value()), [""; 0], "{place}");
        check(&mut story, example).unwrap_or_else(|why| panic!("{place}: {why}"));
        schemas.insert(example.schema.clone());
    }
    let all: BTreeSet<String> = contract::schema::all().iter().map(|(name, _)| (*name).to_string()).collect();
    assert_eq!(schemas, all, "a message or kind without an example");
}

#[test]
fn every_sort_of_event_command_and_request_has_an_example() {
    let text = read("contract.md");
    for (schema, member) in [("events", "Event"), ("command", "Command"), ("request", "Want")] {
        let file: serde_json::Value =
            serde_json::from_str(&read(&format!("contract/schemas/{schema}.json"))).expect("JSON");
        let sorts = file["definitions"][member]["oneOf"].as_array().expect("one of several sorts");
        for sort in sorts {
            let name = &sort["properties"]["type"]["const"];
            assert!(name.is_string(), "{sort}");
            assert!(text.contains(&format!("\"type\": {name}")), "{schema}: {name} has no example");
        }
    }
}

#[test]
fn the_worked_digest_is_that_of_the_story() {
    let text = read("contract.md");
    let sent = r#"{"status": "active", "given_name": "Ada", "family_name": "Ek"}"#;
    let parsed = record::parse("user", sent);
    let version = Version { epoch: 1_795_417_200, seq: 1 };
    let canonical = String::from_utf8(parsed.canonical.clone().into_owned()).expect("UTF-8");
    let place = digest::place("user", "ada");
    let bucket = |bits| Bits::new(bits).expect("bits").bucket(place);
    let cells = [
        format!("`{sent}`"),
        format!("`{canonical}`"),
        format!(r#"`{{"key":"ada","kind":"user","record":{canonical},"version":[1795417200,1]}}`"#),
        format!("`{}`", digest::record("user", "ada", &parsed.canonical, version)),
        format!("`{place:016x}`, so bucket {} of 4 (2 bits), {} of 16,384 (14 bits)", bucket(2), bucket(14)),
    ];
    for cell in cells {
        assert!(text.contains(&format!("| {cell} |")), "the table lacks {cell}");
    }
}

/// What the text says in figures is what the crate holds to.
#[test]
fn the_limits_are_those_of_the_crate() {
    let text = read("contract.md");
    let limits = [
        ("message", format!("{} bytes", grouped(contract::MESSAGE_MAX_BYTES))),
        ("record, as sent", format!("{} bytes", grouped(contract::RECORD_MAX_BYTES))),
        ("changes in a message", grouped(contract::CHANGES_MAX)),
        ("digests in a message", grouped(contract::DIGESTS_PAGE_MAX)),
        ("buckets in a request", grouped(contract::REQUEST_BUCKETS_MAX)),
        ("`bits`", format!("{}, so {} buckets", contract::BITS_MAX, grouped(1 << contract::BITS_MAX))),
        ("nesting of a record", grouped(contract::json::DEPTH_MAX)),
        ("heartbeat", format!("at least {} seconds", contract::HEARTBEAT_MIN_S)),
    ];
    for (what, limit) in limits {
        assert!(text.contains(&format!("\n| {what} | {limit} |\n")), "{what}: {limit}");
    }
}

fn grouped(number: usize) -> String {
    if number < 1000 {
        number.to_string()
    } else {
        format!("{},{:03}", grouped(number / 1000), number % 1000)
    }
}

#[test]
fn the_table_of_topics_is_that_of_the_crate() {
    let text = read("contract.md");
    let topics = Topics::new(&SiteId::new("site").expect("a site"));
    let gateway = GatewayId::new("id").expect("a gateway");
    let of_a_gateway = [
        GatewayTopic::State,
        GatewayTopic::Events,
        GatewayTopic::Command,
        GatewayTopic::Request,
        GatewayTopic::Digests,
        GatewayTopic::Bucket,
    ]
    .map(|topic| topics.gateway(&gateway, topic));
    for topic in of_a_gateway.into_iter().chain([topics.meta(), topics.changes()]) {
        let row = topic.replace("doorward/v1/site/", "| `").replace("/id/", "/{id}/") + "` |";
        assert!(text.contains(&row), "{row}");
    }
    assert!(text.contains("`doorward/v1/{site}/`"));
}
