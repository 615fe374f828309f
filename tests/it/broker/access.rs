//! Who may say and hear what, by the access file that is shipped for each brand: only the site's name and the
//! logins are filled in. Who may publish `changes` opens doors.
//!
//! Not here: TLS.

use super::with_every_brand;
use crate::world::{Brand, Broker, GATEWAY, PATIENCE, SITE};
use rumqttc::{Client, Connection, Event, LastWill, MqttOptions, Packet, QoS, SubscribeReasonCode};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

with_every_brand! {
    every_login_says_and_hears_what_is_its_own_and_nothing_else
    a_will_says_no_more_than_its_panel_may
    nobody_comes_in_by_guessing_nor_hears_by_another_s_client_id
}

const OTHER: &str = "other";
const LOGINS: [&str; 3] = ["source", GATEWAY, OTHER];
const PASSWORD: &str = "secret";
/// What the last message says.
const END: &str = "end";
/// After the last message: one that came by another subscription may be on its way (NATS keeps no order between
/// subscriptions).
const GRACE: Duration = Duration::from_millis(500);

fn every_login_says_and_hears_what_is_its_own_and_nothing_else(brand: Brand) {
    let broker = shipped(brand);
    let mut logins = LOGINS.map(|login| Login::new(&broker, login));
    for login in &mut logins {
        for topic in topics().iter().map(String::as_str) {
            let granted = login.subscribe(topic);
            assert!(granted || !may_hear(brand, login.name, topic), "{} cannot hear {topic}", login.name);
        }
        // What a panel must not get by a wider net, nor by NATS's own way of delivering.
        for net in ["#", "+/#", &topic("#"), &topic("gateway/+/command"), "$MQTT/sub/#", "$SYS/#"] {
            login.subscribe(net);
        }
    }
    for topic in topics() {
        for login in &mut logins {
            let taken = login.publish(&topic, login.name);
            assert!(taken || !may_say(login.name, &topic), "{} cannot say {topic}", login.name);
        }
    }
    assert!(logins[0].publish(&topic("meta"), END));
    for login in &mut logins {
        let heard = login.until_end();
        let said = |login: &str, topic: &str| (topic.to_string(), login.to_string());
        let mut expected: BTreeSet<_> = LOGINS
            .iter()
            .flat_map(|from| {
                topics().into_iter().filter(|topic| may_say(from, topic)).map(move |t| said(from, &t))
            })
            .filter(|(topic, _)| may_hear(brand, login.name, topic))
            .collect();
        expected.insert(said(END, &topic("meta")));
        assert_eq!(heard, expected, "what {} hears", login.name);
    }
}

fn a_will_says_no_more_than_its_panel_may(brand: Brand) {
    let broker = shipped(brand);
    let mut source = Login::new(&broker, "source");
    let mut other = Login::new(&broker, OTHER);
    for name in ["changes", "gateway/other/command", "meta"] {
        other.subscribe(&topic(name));
    }
    source.subscribe(&topic("gateway/+/state"));
    for name in ["changes", "meta", "gateway/other/command", "gateway/other/state"] {
        die_with_a_will(&broker, &topic(name));
    }
    die_with_a_will(&broker, &topic("gateway/panel-1/state"));
    let state = (topic("gateway/panel-1/state"), "the will".to_string());
    assert_eq!(source.next(), state, "the first and only will that the source hears");
    assert!(source.publish(&topic("meta"), END));
    assert_eq!(other.until_end(), BTreeSet::from([(topic("meta"), END.into())]));
}

fn nobody_comes_in_by_guessing_nor_hears_by_another_s_client_id(brand: Brand) {
    let broker = shipped(brand);
    let anonymous = MqttOptions::new("stranger", "127.0.0.1", broker.port());
    let mut guess = options(&broker, GATEWAY, GATEWAY);
    guess.set_credentials(GATEWAY, "guess");
    let mut guest = anonymous.clone();
    guest.set_credentials("guest", "guest");
    for (who, options) in [("nobody", anonymous), ("a wrong password", guess), ("guest", guest)] {
        assert!(Login::connect(&broker, "stranger", options).is_none(), "{who} is let in");
    }
    let command = topic("gateway/panel-1/command");
    let mut source = Login::new(&broker, "source");
    let mut panel = Login::new(&broker, GATEWAY);
    assert!(panel.subscribe(&command));
    panel.leave();
    assert!(source.publish(&command, "for panel-1 alone"));
    let mut intruder = Login::connect(&broker, OTHER, options(&broker, OTHER, GATEWAY));
    if let Some(intruder) = &mut intruder {
        intruder.subscribe(&topic("meta"));
    }
    assert!(source.publish(&topic("meta"), END));
    if let Some(mut intruder) = intruder {
        let heard = intruder.for_a_while();
        assert!(heard.iter().all(|(topic, _)| *topic != command), "{heard:?}");
    }
}

fn topic(name: &str) -> String {
    format!("doorward/v1/{SITE}/{name}")
}

/// Every topic of the contract, of two panels.
fn topics() -> Vec<String> {
    let ledger = ["ledger/panel-1", "ledger/other", "ledger/_"];
    let own = ["command", "digests", "bucket", "state", "events", "request"];
    let own = [&own[..], &ledger].concat();
    let of = |gateway: &'static str| {
        own.iter().map(|name| topic(&format!("gateway/{gateway}/{name}"))).collect::<Vec<_>>()
    };
    [vec![topic("meta"), topic("changes")], of(GATEWAY), of(OTHER)].concat()
}

/// The last word of `topic`, and whether `login` owns it.
fn parts<'a>(login: &str, topic: &'a str) -> (&'a str, bool) {
    let mut words = topic.rsplit('/');
    (words.next().expect("a name"), words.next() == Some(login))
}

/// Who says something of the ledger to whom, if the topic is one of those.
fn ledger(topic: &str) -> Option<(&str, &str)> {
    let (from, to) = topic.split_once("/ledger/")?;
    Some((from.rsplit('/').next().expect("a gateway"), to))
}

/// The contract's rule.
fn may_say(login: &str, topic: &str) -> bool {
    if let Some((from, _)) = ledger(topic) {
        return from == login;
    }
    match parts(login, topic) {
        ("state" | "events" | "request", own) => own,
        _ => login == "source",
    }
}

/// The contract's rule. In mosquitto's file what panels may hear holds for every login, so that the source may hear
/// its own stream.
fn may_hear(brand: Brand, login: &str, topic: &str) -> bool {
    if let Some((_, to)) = ledger(topic) {
        return to == login || (to == "_" && (login != "source" || brand == Brand::Mosquitto));
    }
    match parts(login, topic) {
        ("meta", _) => true,
        ("changes", _) => login != "source" || brand == Brand::Mosquitto,
        ("command" | "digests" | "bucket", own) => own,
        _ => login == "source",
    }
}

fn shipped_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/brokers").join(name)
}

/// A broker by the shipped files.
fn shipped(brand: Brand) -> Broker {
    match brand {
        Brand::Mosquitto => {
            let acl = std::fs::read_to_string(shipped_file("mosquitto.acl")).expect("the access file");
            Broker::with(
                "allow_anonymous false\npassword_file {folder}/passwords\nacl_file {folder}/acl\n",
                &[("acl", &acl), ("passwords", &mosquitto_passwords())],
            )
        }
        Brand::RabbitMq => {
            let ours = ["mqtt.listeners.", "ssl_options.", "disk_free_limit."];
            let text = std::fs::read_to_string(shipped_file("rabbitmq.conf")).expect("the configuration");
            let lines = text.lines().filter(|line| !ours.iter().any(|name| line.starts_with(name)));
            let config = lines.collect::<Vec<_>>().join("\n").replace("/etc/rabbitmq", "{folder}");
            let ours = "\nmqtt.listeners.tcp.1 = 127.0.0.1:{port}\ndisk_free_limit.absolute = 1MB\n";
            Broker::configured(
                brand,
                &(config + ours),
                &[("doorward.json", &printed("rabbitmq-permissions"))],
            )
        }
        Brand::Nats => {
            let text = std::fs::read_to_string(shipped_file("nats.conf")).expect("the configuration");
            let (before, tls) = text.split_once("    tls {").expect("a TLS section");
            let (_, after) = tls.split_once("    }\n").expect("its end");
            let config = [before, after]
                .concat()
                .replace("port: 4222", "port: -1")
                .replace("host: 0.0.0.0\n    port: 8883", "host: 127.0.0.1\n    port: {port}")
                .replace("/var/lib/nats", "{state}");
            Broker::configured(brand, &config, &[("nats-doorward.conf", &printed("nats-permissions"))])
        }
    }
}

/// What a shipped script prints for this site and these logins.
fn printed(script: &str) -> String {
    let mut child = Command::new(shipped_file(script))
        .arg(SITE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the script runs");
    let logins: String = LOGINS.iter().map(|login| format!("{login} {PASSWORD}\n")).collect();
    child.stdin.take().expect("a pipe").write_all(logins.as_bytes()).expect("write");
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{script}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A password file in mosquitto's own format.
fn mosquitto_passwords() -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("passwords");
    std::fs::write(&file, "").expect("write");
    for login in LOGINS {
        let made = Command::new("mosquitto_passwd").arg("-b").arg(&file).args([login, PASSWORD]).status();
        assert!(made.expect("mosquitto_passwd is installed").success());
    }
    std::fs::read_to_string(&file).expect("read")
}

/// As `login`, by the client id of `id`.
fn options(broker: &Broker, login: &str, id: &str) -> MqttOptions {
    let mut options = MqttOptions::new(format!("doorward-{SITE}-{id}"), "127.0.0.1", broker.port());
    options.set_credentials(login, PASSWORD).set_keep_alive(Duration::from_secs(30)).set_clean_session(false);
    options
}

/// Connects as the panel with `the will` on `topic`, if it is let in, and breaks off.
fn die_with_a_will(broker: &Broker, topic: &str) {
    let mut options = options(broker, GATEWAY, GATEWAY);
    options.set_last_will(LastWill::new(topic, "the will", QoS::AtLeastOnce, false));
    if let Some(mut panel) = Login::connect(broker, GATEWAY, options) {
        // NATS lets a panel in before it has noted the will; it answers in order.
        panel.subscribe(&self::topic("meta"));
    }
}

/// One login with a session of its own, which outlives that a broker hangs up on what is forbidden.
struct Login<'a> {
    broker: &'a Broker,
    name: &'static str,
    client: Client,
    connection: Connection,
    /// Topic and payload.
    heard: BTreeSet<(String, String)>,
}

impl<'a> Login<'a> {
    fn new(broker: &'a Broker, name: &'static str) -> Login<'a> {
        Login::connect(broker, name, options(broker, name, name)).expect("the login is let in")
    }

    /// `None` when the broker does not let it in.
    fn connect(broker: &'a Broker, name: &'static str, options: MqttOptions) -> Option<Login<'a>> {
        let (client, connection) = Client::new(options, 100);
        let mut login = Login { broker, name, client, connection, heard: BTreeSet::new() };
        login.until(PATIENCE, |packet| matches!(packet, Packet::ConnAck(_))).map(|_| login)
    }

    /// The next packet that is `wanted`; `None` once the broker has hung up, or after `patience`.
    #[expect(clippy::disallowed_methods, reason = "brokers live by the real clock")]
    fn until(&mut self, patience: Duration, wanted: impl Fn(&Packet) -> bool) -> Option<Packet> {
        let deadline = Instant::now() + patience;
        while let Ok(Ok(event)) =
            self.connection.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            let Event::Incoming(packet) = event else { continue };
            if let Packet::Publish(publish) = &packet {
                let payload = String::from_utf8(publish.payload.to_vec()).expect("UTF-8");
                self.heard.insert((publish.topic.clone(), payload));
            }
            if wanted(&packet) {
                return Some(packet);
            }
        }
        None
    }

    /// Waits for the broker's answer to a request; if it hangs up instead, comes back for what follows.
    fn answer(&mut self, wanted: impl Fn(&Packet) -> bool) -> Option<Packet> {
        let answer = self.until(PATIENCE, wanted);
        if answer.is_none() {
            // A new client: the old one would repeat what it was thrown out for.
            let again = Login::new(self.broker, self.name);
            let heard = std::mem::take(&mut self.heard);
            *self = Login { heard: &heard | &again.heard, ..again };
        }
        answer
    }

    /// Whether the broker says that it grants the filter.
    fn subscribe(&mut self, filter: &str) -> bool {
        self.client.subscribe(filter, QoS::AtLeastOnce).expect("room");
        match self.answer(|packet| matches!(packet, Packet::SubAck(_))) {
            Some(Packet::SubAck(ack)) => ack.return_codes != [SubscribeReasonCode::Failure],
            _ => false,
        }
    }

    /// Whether the broker acknowledges the message; that alone does not mean that it goes anywhere.
    fn publish(&mut self, topic: &str, payload: &str) -> bool {
        // Twice: mosquitto acknowledges what it refuses and hangs up then, which the next message runs into.
        (0..2).any(|_| {
            self.client.publish(topic, QoS::AtLeastOnce, false, payload).expect("room");
            self.answer(|packet| matches!(packet, Packet::PubAck(_))).is_some()
        })
    }

    /// The next message.
    fn next(&mut self) -> (String, String) {
        self.heard.clear();
        self.until(PATIENCE, |packet| matches!(packet, Packet::Publish(_))).expect("a message");
        self.heard.pop_first().expect("a message")
    }

    /// Everything heard, up to the last message.
    fn until_end(&mut self) -> BTreeSet<(String, String)> {
        let end = (topic("meta"), END.to_string());
        let mut hung_up = 0;
        while !self.heard.contains(&end) {
            if self.answer(|packet| matches!(packet, Packet::Publish(_))).is_none() {
                hung_up += 1;
                assert!(hung_up < 3, "{} does not hear the last message", self.name);
            }
        }
        self.for_a_while()
    }

    /// Everything heard until it is quiet.
    fn for_a_while(&mut self) -> BTreeSet<(String, String)> {
        self.until(GRACE, |_| false);
        std::mem::take(&mut self.heard)
    }

    /// Says good-bye; the session stays.
    fn leave(mut self) {
        self.client.disconnect().expect("room");
        self.until(PATIENCE, |_| false);
    }
}
