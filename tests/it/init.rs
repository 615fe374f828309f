//! A panel is set up: by flags alone, or by a person at a terminal.

mod person;

use crate::world::{Process, World, program, said};
use person::Person;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A panel that nobody has set up, in a world with a broker and a PACS.
struct Panel {
    world: World,
    folder: PathBuf,
}

impl Panel {
    fn new() -> Panel {
        let world = World::new();
        let folder = world.folder.path().join("panel");
        fs::create_dir(&folder).unwrap();
        world.write("broker-secret", "tell-nobody\n");
        Panel { world, folder }
    }

    fn config(&self) -> PathBuf {
        self.folder.join("etc/config.toml")
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The flags that say where things are, which nobody is asked for.
    fn places(&self) -> Vec<String> {
        let places =
            [("--state-dir", "state"), ("--control-dir", "control"), ("--drop-in", "unit/credentials.conf")];
        let mut words: Vec<String> = vec!["init".into(), "--clock".into(), "host".into()];
        words.extend(places.into_iter().flat_map(|(flag, name)| [flag.into(), self.path(name)]));
        words
    }

    fn init(&self, more: &[&str]) -> (bool, String) {
        let places = self.places();
        let words: Vec<&str> = places.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let mut program = program(&self.config());
        let output = program.args(words).stdin(Stdio::null()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    /// The flags of a whole panel.
    fn whole(&self) -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let given = [
            ("--site", "office".into()),
            ("--gateway", "panel-1".into()),
            ("--broker-host", "127.0.0.1".into()),
            ("--broker-port", self.world.broker.port().to_string()),
            ("--broker-username", "panel-1".into()),
            ("--broker-password-file", self.world.folder.path().join("broker-secret").display().to_string()),
            ("--board", root.join("boards/virtual.toml").display().to_string()),
            ("--door", "front".into()),
            ("--pacs-profile", root.join("profiles/interflex.toml").display().to_string()),
            ("--pacs-url", self.world.pacs.url()),
            ("--pacs-system-id", "panel".into()),
            ("--pacs-username", "doorward".into()),
            ("--pacs-password-file", self.world.folder.path().join("pacs-password").display().to_string()),
        ];
        given.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode()
        & 0o777
}

/// Of a configuration: its group's, where root can give it to the service's.
pub(crate) fn configuration_mode() -> u32 {
    let has_group = fs::read_to_string("/etc/group").unwrap().contains("\ndoorward:");
    if has_group && rustix::process::geteuid().is_root() { 0o640 } else { 0o644 }
}

#[test]
fn flags_alone_make_a_panel_that_the_doctor_finds_well() {
    let panel = Panel::new();
    let whole = panel.whole();
    let (is_well, words) = panel.init(&whole.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        is_well && words.contains("ok       broker login") && words.contains("ok       PACS login"),
        "{words}"
    );
    let config = panel.config();
    let text = fs::read_to_string(&config).unwrap();
    assert!(!text.contains("tell-nobody") && !text.contains("pacs-secret"), "{text}");
    assert!(text.contains("password = { credential = \"broker-password\" }"), "{text}");
    let secrets = panel.folder.join("etc/secrets");
    assert_eq!(fs::read_to_string(secrets.join("broker-password")).unwrap(), "tell-nobody");
    assert_eq!(mode(&config), configuration_mode());
    assert_eq!((mode(&secrets), mode(&secrets.join("pacs-password"))), (0o700, 0o600));
    let drop_in = fs::read_to_string(panel.folder.join("unit/credentials.conf")).unwrap();
    let lines: Vec<&str> = drop_in.lines().filter(|line| !line.starts_with('#')).collect();
    let line = |name: &str| format!("LoadCredential={name}:{}", secrets.join(name).display());
    assert_eq!(lines, ["[Service]", &line("broker-password"), &line("pacs-password")]);

    // Whoever may read the secrets needs no service to ask the doctor by hand; and the gateway runs.
    let (is_well, words) = said(&config, &["doctor"]);
    assert!(is_well, "{words}");
    let _gateway = Process::start(&config, None);
    panel.world.source.expect_state("it is online", |state| state["online"] == true);
}

#[test]
fn a_panel_that_was_set_up_so_comes_back_from_a_backup_with_its_secrets() {
    let panel = Panel::new();
    let whole = panel.whole();
    assert!(panel.init(&whole.iter().map(String::as_str).collect::<Vec<_>>()).0);
    let gateway = Process::start(&panel.config(), None);
    panel.world.source.expect_state("it is online", |state| state["online"] == true);
    let file = panel.world.folder.path().join("panel.backup").display().to_string();
    let (is_done, words) = said(&panel.config(), &["backup", &file, "--with-config", "--with-secrets"]);
    assert!(is_done && words.contains("secrets/broker-password"), "{words}");
    gateway.kill();
    panel.world.source.expect_state("it is gone", |state| state["online"] == false);
    let drop_in = panel.folder.join("unit/credentials.conf");
    let read = || fs::read_to_string(&drop_in).unwrap().split_once('\n').unwrap().1.to_owned();
    let handed_over = read();
    for folder in ["etc", "state", "unit"] {
        fs::remove_dir_all(panel.folder.join(folder)).unwrap();
    }
    let words = ["restore", &file, "--with-config", "--drop-in", drop_in.to_str().unwrap()];
    let (is_done, words) = said(&panel.config(), &words);
    assert!(is_done, "{words}");
    let secrets = panel.folder.join("etc/secrets");
    assert_eq!((mode(&secrets), mode(&secrets.join("broker-password"))), (0o700, 0o600));
    assert_eq!(read(), handed_over);
    let _gateway = Process::start(&panel.config(), None);
    panel.world.source.expect_state("it is back", |state| state["online"] == true);
}

#[test]
fn what_is_there_is_not_replaced_unless_somebody_says_so() {
    let panel = Panel::new();
    let port = panel.world.broker.port().to_string();
    let init = |gateway: &str, more: &[&str]| {
        let least = ["--site", "office", "--gateway", gateway, "--broker-host", "127.0.0.1", "--yes"];
        panel.init(&[&least, &["--broker-port", &port][..], more].concat())
    };
    assert!(init("panel-1", &[]).0);
    let first = fs::read_to_string(panel.config()).unwrap();
    let (is_done, words) = init("panel-2", &[]);
    assert!(!is_done && words.contains("is there already") && words.contains("--force"), "{words}");
    assert_eq!(fs::read_to_string(panel.config()).unwrap(), first);
    for n in ["1", "2"] {
        assert!(init("panel-2", &["--force"]).0);
        let kept = fs::read_to_string(panel.path(&format!("etc/config.toml.bak-{n}"))).unwrap();
        assert_eq!(kept == first, n == "1");
    }
    assert!(fs::read_to_string(panel.config()).unwrap().contains("\"panel-2\""));
    // Nothing asks for secrets, so there is nothing to hand over.
    assert!(!panel.folder.join("unit").exists() && !panel.folder.join("etc/secrets").exists());
}

#[test]
fn a_wrong_answer_names_its_flag_and_nothing_is_written() {
    let panel = Panel::new();
    let whole = panel.whole();
    let secret = panel.world.folder.path().join("broker-secret").display().to_string();
    let with = |flag: &str, value: &str| {
        let mut words = whole.clone();
        match words.iter().position(|word| word == flag) {
            Some(at) => value.clone_into(&mut words[at + 1]),
            None => words.extend([flag.to_owned(), value.to_owned()]),
        }
        panel.init(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let table = [
        ("--site", "Big Site", "--site: "),
        ("--gateway", "", "--gateway: "),
        ("--broker-host", "mqtt://broker", "--broker-host: is no name"),
        ("--broker-port", "99999", "--broker-port: is no port"),
        ("--broker-ca", "/nowhere.pem", "--broker-ca: /nowhere.pem: "),
        ("--broker-ca", &secret, "holds no certificate"),
        ("--broker-cert", "/nowhere.pem", "--broker-cert: nothing else asks for it"),
        ("--broker-password-file", "/nowhere", "--broker-password-file /nowhere"),
        ("--board", "nowhere", "--board: "),
        ("--reader", "entrance", "is not NAME,KIND,WHICH"),
        (
            "--reader",
            "entrance,pcsc,ACS ACR122U 00 00,front",
            "--reader: reader[0].reader: is a name that changes",
        ),
        ("--reader", "yard,osdp,/dev/ttyS1,front", "--reader-key-file missing"),
        ("--door", "a key with spaces", "--door: "),
        ("--pacs-profile", "nowhere", "--pacs-profile: "),
        ("--pacs-url", "pacs.example", "--pacs-url: begins neither"),
        ("--pacs-url", "https://pacs.example", "--pacs-ca missing"),
    ];
    for (flag, value, wanted) in table {
        let (is_done, words) = with(flag, value);
        assert!(!is_done && words.contains(wanted), "{flag} {value}: {words}");
        assert!(!words.contains("tell-nobody"), "{words}");
    }
    let (is_done, words) = panel.init(&["--yes", "--gateway", "panel-1"]);
    assert!(!is_done && words.contains("--site, --broker-host missing"), "{words}");
    assert_eq!(fs::read_dir(&panel.folder).unwrap().count(), 0, "nothing is written");
}

#[test]
fn a_person_is_asked_and_asked_again_and_secrets_are_not_seen() {
    let panel = Panel::new();
    let mut start = program(&panel.config());
    start.args(panel.places());
    let mut person = Person::at(start);
    let port = panel.world.broker.port().to_string();
    person.answer("The site", "The Office");
    // It says what is wrong with it, and asks again.
    person.answer("The site", "office");
    person.answer("own name", "panel-1");
    person.answer("The broker's name", "127.0.0.1");
    person.answer("Certificate of the authority", "");
    person.answer("The broker's port", &port);
    person.answer("Login at the broker", "panel-1");
    person.answer("Its password", "not-to-be-seen");
    person.answer("The board", &format!("{}/boards/virtual.toml", env!("CARGO_MANIFEST_DIR")));
    person.answer("Doors without a reader", "");
    person.answer("The PACS", "");
    person.answer("card reader's name", "entrance");
    person.answer("its kind", "pcsc");
    person.answer("beginning of its name", "ACS ACR122U 00 00");
    person.answer("the door beside it", "front");
    person.answer("no more", "");
    // What the loader says to that.
    person.wait_for("is a name that changes");
    person.answer("card reader's name", "entrance");
    person.answer("its kind", "pcsc");
    person.answer("beginning of its name", "ACS ACR122U");
    person.answer("the door beside it", "front");
    person.answer("no more", "");
    let seen = person.end();
    assert!(seen.contains("broker login"), "the doctor has the last word: {seen}");
    assert!(!seen.contains("not-to-be-seen"), "{seen}");
    let text = fs::read_to_string(panel.config()).unwrap();
    assert!(text.contains("reader = \"ACS ACR122U\"") && text.contains("door = \"front\""), "{text}");
    let secret = fs::read_to_string(panel.folder.join("etc/secrets/broker-password")).unwrap();
    assert_eq!(secret, "not-to-be-seen");
}
