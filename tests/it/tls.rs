//! TLS to the broker: an authority of our own, a certificate for the panel, secrets from files and systemd
//! credentials, and a panel that wakes in 1970; and TLS to the PACS.

mod pacs;

use crate::world::{Broker, GATEWAY, InProcess, Process, SITE};
use access::time::UtcTime;
use contract::topics::{GatewayTopic, Topics};
use doorward::clock::ManualClock;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "office authority");
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority");
        Authority { issuer }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Certificate and key for `name`, which is an address or a user.
    fn issue(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_string()]).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("key");
        let cert = params.signed_by(&key, &self.issuer).expect("certificate");
        (cert.pem(), key.serialize_pem())
    }
}

fn broker(authority: &Authority) -> Broker {
    let (cert, key) = authority.issue("127.0.0.1");
    Broker::with(
        "cafile {folder}/ca.pem\ncertfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n\
         require_certificate true\nuse_identity_as_username true\nallow_anonymous false\n",
        &[("ca.pem", &authority.pem()), ("cert.pem", &cert), ("key.pem", &key)],
    )
}

fn panel(authority: &Authority, broker: &Broker, key: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("write");
    let (cert, private) = authority.issue(GATEWAY);
    write("ca.pem", &authority.pem());
    write("cert.pem", &cert);
    write("panel-key", &private);
    std::fs::create_dir(folder.path().join("state")).expect("state");
    let port = broker.port();
    write(
        "config.toml",
        &format!(
            "site = \"{SITE}\"\ngateway = \"{GATEWAY}\"\nstate_dir = \"state\"\ncontrol_dir = \"control\"\n[clock]\nsync = \"host\"\n[broker]\n\
             host = \"127.0.0.1\"\nport = {port}\nca_file = \"ca.pem\"\nclient_cert_file = \"cert.pem\"\nclient_key = {key}\n"
        ),
    );
    let config = folder.path().join("config.toml");
    (folder, config)
}

/// Waits until the panel has said that it is online, as another client of the same authority sees it.
fn expect_online(authority: &Authority, broker: &Broker) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (cert, key) = authority.issue("witness");
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    for (name, text) in [("ca", authority.pem()), ("cert", cert), ("key", key)] {
        std::fs::write(path(name), text).expect("write");
    }
    let topics = Topics::new(&SITE.parse().expect("site"));
    let topic = topics.gateway(&GATEWAY.parse().expect("gateway"), GatewayTopic::State);
    crate::world::eventually("the panel is online", || {
        let output = Command::new("mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &broker.port().to_string(), "-t", &topic, "-C", "1", "-W", "2"])
            .arg("--cafile")
            .arg(path("ca"))
            .arg("--cert")
            .arg(path("cert"))
            .arg("--key")
            .arg(path("key"))
            .output()
            .expect("mosquitto_sub is installed");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if said.contains("\"online\":true") { Ok(()) } else { Err(said) }
    });
}

#[test]
fn a_panel_that_wakes_in_1970_reaches_its_broker_by_certificate() {
    let authority = Authority::new();
    let broker = broker(&authority);
    let (_folder, config) = panel(&authority, &broker, "{ file = \"panel-key\" }");
    let _gateway = InProcess::start(&config, &ManualClock::new(UtcTime::from_unix(0)));
    expect_online(&authority, &broker);
}

#[test]
fn the_doctor_makes_the_same_handshake_and_tells_whom_it_does_not_trust() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let broker = broker(&ours);
    let login = |config: &Path| {
        let (_, checks) = crate::world::doctor(config);
        checks.into_iter().find(|check| check["what"] == "broker login").expect("it was tried")
    };
    let (folder, config) = panel(&ours, &broker, "{ file = \"panel-key\" }");
    let found = login(&config);
    assert_eq!(found["verdict"], "ok", "{found}");
    assert!(found["found"].as_str().expect("words").contains("with TLS"), "{found}");
    std::fs::write(folder.path().join("ca.pem"), theirs.pem()).expect("write");
    let found = login(&config);
    assert_eq!(found["verdict"], "failed", "{found}");
    assert_eq!(found["remedy"], "check broker.ca_file and the certificates");
}

#[test]
fn the_program_itself_speaks_tls_with_a_real_broker() {
    let authority = Authority::new();
    let broker = broker(&authority);
    let (folder, config) = panel(&authority, &broker, "{ file = \"panel-key\" }");
    let _gateway = Process::logged(&config, &folder.path().join("log"));
    expect_online(&authority, &broker);
}

#[test]
fn a_key_comes_from_a_systemd_credential() {
    let authority = Authority::new();
    let broker = broker(&authority);
    let (folder, config) = panel(&authority, &broker, "{ credential = \"panel-key\" }");
    let check = |credentials: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.arg("--config").arg(&config).arg("check").env_remove("CREDENTIALS_DIRECTORY");
        if let Some(credentials) = credentials {
            command.env("CREDENTIALS_DIRECTORY", credentials);
        }
        let output = command.output().expect("doorward runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (good, said) = check(None);
    assert!(!good && said.contains("LoadCredential="), "{said}");
    assert_eq!(check(Some(folder.path())), (true, String::new()));
}

#[test]
fn a_broker_of_another_authority_is_not_spoken_to() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let broker = broker(&theirs);
    let (folder, config) = panel(&ours, &broker, "{ file = \"panel-key\" }");
    let log = folder.path().join("log");
    let _gateway = Process::logged(&config, &log);
    crate::world::eventually("the log names certificates", || {
        let said = std::fs::read_to_string(&log).expect("log");
        if said.contains("invalid peer certificate") && said.contains("check broker.ca_file") {
            Ok(())
        } else {
            Err(said)
        }
    });
}
