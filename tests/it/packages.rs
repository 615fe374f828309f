//! What a Debian package of this tree would get wrong without a word. `scripts/deb-test` installs one for real.

use crate::world::World;
use doorward::mirror::Mirror;
use doorward::mirror::open::SCHEMA_VERSION;
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use std::process::Command;

const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect(folder).flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn whatever_is_for_systemd_is_packaged_and_each_unit_known_to_the_scripts() {
    let manifest = read("Cargo.toml");
    let all = files("systemd");
    assert!(all.len() > 5, "{all:?}");
    for file in all {
        assert!(manifest.contains(&format!("[\"systemd/{file}\"")), "systemd/{file} is in no package");
        if file.ends_with(".service") {
            for script in ["postinst", "prerm", "postrm"] {
                let script_text = read(&format!("systemd/debian/{script}"));
                let units = script_text.lines().find(|line| line.starts_with("UNITS=")).expect(script);
                assert!(units.contains(&file), "{script} does not know {file}: {units}");
            }
        }
    }
}

#[test]
fn the_scripts_are_shell() {
    for script in SCRIPTS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/debian").join(script);
        assert!(Command::new("sh").arg("-n").arg(&path).status().expect("sh").success(), "{script}");
    }
}

/// What the package's `preinst` says to a panel whose files are below `root`; an error is its refusal.
fn preinst(root: &Path) -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/debian/preinst");
    let mut command = Command::new("sh");
    command.arg(script).args(["upgrade", "9.9.9-1"]).env("DPKG_ROOT", root);
    let output = command.output().expect("sh");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

/// As a program of a later version would leave it.
fn renumber(path: &Path, schema: i64) -> Connection {
    #[expect(clippy::disallowed_methods, reason = "a later program's hand")]
    let conn = Connection::open(path).expect("the mirror's file");
    conn.pragma_update(None, "wal_autocheckpoint", 0).expect("pragma");
    conn.pragma_update(None, "user_version", schema).expect("pragma");
    conn
}

#[test]
fn a_package_refuses_a_mirror_that_its_program_could_not_read() {
    let root = tempfile::tempdir().expect("a folder");
    let state = root.path().join("var/lib/doorward");
    fs::create_dir_all(&state).expect("a folder");
    assert_eq!(preinst(root.path()), Ok(()), "no mirror, no objection");
    let mirror = Mirror::at(&state);
    let site = "office".parse().expect("a site");
    let writer = mirror.open_writer(&site, || "0".into()).expect("a mirror");
    assert_eq!(preinst(root.path()), Ok(()), "schema {SCHEMA_VERSION} is this program's");
    // It stands in the log alone, as a gateway leaves it that was stopped, or cut off.
    let later = renumber(mirror.path(), SCHEMA_VERSION + 1);
    let refused = preinst(root.path()).expect_err("a later schema");
    assert!(refused.contains(&format!("has schema {}", SCHEMA_VERSION + 1)), "{refused}");
    assert!(refused.contains(&format!("none above {SCHEMA_VERSION}")), "{refused}");
    assert!(refused.contains("9.9.9-1") && refused.contains("Nothing has been changed"), "{refused}");
    // And in the file, once the log is copied into it.
    drop(writer);
    drop(later);
    assert!(!state.join("mirror.sqlite-wal").exists(), "the last one closes the log");
    assert!(preinst(root.path()).is_err());
    drop(renumber(mirror.path(), SCHEMA_VERSION));
    assert_eq!(preinst(root.path()), Ok(()));
}

#[test]
fn the_mirror_is_where_the_configuration_says() {
    let world = World::new();
    drop(world.program(None));
    let etc = world.folder.path().join("etc/doorward");
    fs::create_dir_all(&etc).expect("a folder");
    fs::write(etc.join("config.toml"), "site = \"office\"\nstate_dir = \"/state\"\n").expect("written");
    drop(renumber(&world.folder.path().join("state/mirror.sqlite"), SCHEMA_VERSION + 1));
    let refused = preinst(world.folder.path()).expect_err("a later schema");
    assert!(refused.contains("state/mirror.sqlite"), "{refused}");
}
