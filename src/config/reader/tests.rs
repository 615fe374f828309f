//! The table of complaints about a `[[reader]]`.

use crate::config::{Config, parse};
use std::path::Path;

fn with(readers: &str) -> Result<Config, crate::config::ConfigError> {
    let head = "site = \"office\"\ngateway = \"panel-1\"\n[broker]\nhost = \"b\"\n";
    parse(Path::new("/etc/doorward/config.toml"), &format!("{head}{readers}"))
}

const GOOD: &str = r#"
[[reader]]
name = "entrance"
kind = "pcsc"
reader = "ACS ACR122U PICC Interface"
serial = "A-1"
signals = "acr122"
door = "front"

[[reader]]
name = "desk"
kind = "libnfc"
device = "/dev/serial/by-id/usb-pn532"

[[reader]]
name = "yard"
kind = "osdp"
device = "rs485"
baud = 19200
address = 3
key = { file = "yard.key" }
command = ["/usr/libexec/osdp-helper", "--quiet"]
"#;

#[test]
fn a_reader_of_each_kind_is_accepted_and_paths_are_relative_to_the_file() {
    let config = with(GOOD).unwrap_or_else(|error| panic!("{error}"));
    let bauds: Vec<u32> = config.reader.iter().map(super::ReaderConfig::baud).collect();
    assert_eq!(bauds, [9600, 115_200, 19_200]);
    assert_eq!(config.reader[2].device.as_deref(), Some(Path::new("/etc/doorward/rs485")));
    let key = config.reader[2].key.as_ref().and_then(|key| key.file.as_deref());
    assert_eq!(key, Some(Path::new("/etc/doorward/yard.key")));
}

#[test]
fn every_complaint_about_a_reader_names_it_and_the_remedy() {
    let table = [
        ("\"entrance\"", "\"Front Door\"", "reader[0].name", "short name"),
        ("\"desk\"", "\"entrance\"", "reader[1].name", "its own"),
        ("door = \"front\"", "door = \"front door\"", "reader[0].door", "key of a door"),
        ("kind = \"pcsc\"", "kind = \"usb\"", "reader[0].kind", "correct"),
        ("kind = \"pcsc\"", "kind = \"pcsc\"\ndevice = \"x\"", "reader[0].device", "correct `kind`"),
        ("kind = \"libnfc\"", "kind = \"libnfc\"\nserial = \"x\"", "reader[1].serial", "correct `kind`"),
        ("kind = \"libnfc\"", "kind = \"libnfc\"\naddress = 1", "reader[1].address", "correct `kind`"),
        ("kind = \"libnfc\"", "kind = \"libnfc\"\nsignals = \"none\"", "reader[1].signals", "correct `kind`"),
        ("Interface\"", "Interface 00 00\"", "reader[0].reader", "they count readers"),
        ("serial = \"A-1\"", "serial = \" \"", "reader[0].reader", "doorward readers"),
        ("reader = \"ACS ACR122U PICC Interface\"\nserial = \"A-1\"", "", "reader[0].reader", "`serial`"),
        ("device = \"/dev/serial/by-id/usb-pn532\"", "", "reader[1].device", "by-id"),
        ("by-id/usb-pn532", "by-path/pci-0:1", "reader[1].device", "SYMLINK"),
        ("\"rs485\"", "\"/dev/serial/by-id/usb-pn532\"", "reader[2].device", "other port"),
        ("baud = 19200", "baud = 12345", "reader[2].baud", "9600"),
        ("address = 3", "address = 127", "reader[2].address", "0 to 126"),
        ("key = { file = \"yard.key\" }", "", "reader[2].key", "base key"),
        ("key = { file = \"yard.key\" }", "key = { }", "reader[2].key", "credential"),
        ("[\"/usr/libexec/osdp-helper\", \"--quiet\"]", "[]", "reader[2].command", "program"),
        ("kind = \"osdp\"", "kind = \"osdp\"\ncolour = \"red\"", "reader[2].colour", "remove the key"),
    ];
    for (from, to, key, remedy) in table {
        assert!(GOOD.contains(from), "{from}");
        let error = with(&GOOD.replacen(from, to, 1)).expect_err(to);
        assert_eq!(error.key, key, "{error}");
        assert!(error.remedy.contains(remedy), "{error}");
    }
}

#[test]
fn a_panel_has_at_most_sixteen_readers() {
    let one = |at: usize| format!("[[reader]]\nname = \"r{at}\"\nkind = \"pcsc\"\nserial = \"{at}\"\n");
    let readers = |count: usize| (0..count).map(one).collect::<String>();
    assert!(with(&readers(16)).is_ok());
    assert!(with(&readers(17)).expect_err("too many").problem.contains("17 times"));
}

#[test]
fn a_key_written_out_is_refused_and_not_repeated() {
    let written = GOOD.replace("{ file = \"yard.key\" }", "\"303132333435363738393A3B3C3D3E3F\"");
    let said = with(&written).expect_err("a key").to_string();
    assert!(said.contains("is not the place of a secret") && !said.contains("3031"), "{said}");
}
