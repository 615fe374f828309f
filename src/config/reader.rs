//! One `[[reader]]`: what it is, how it is found again after a restart, and beside which door it hangs.
//!
//! A reader is bound by what stays: a serial number, a path under `/dev/serial/by-id/`, or, for a panel with one reader
//! of its make, the make. Never by the number that the middleware counts up ("… 00 00").
//!
//! Not here: whether the reader is there (the reader's child says that).

use super::SecretSource;
use serde::Deserialize;
use std::path::PathBuf;

/// Most readers on one panel.
pub const READERS_MAX: usize = 16;
/// Longest name of a reader in bytes.
const NAME_MAX_BYTES: usize = 32;
/// Most words of a `command`.
const COMMAND_WORDS_MAX: usize = 32;

/// What is wrong with a reader's section, and what to do.
pub(super) struct Flaw {
    pub(super) key: String,
    pub(super) problem: String,
    pub(super) remedy: String,
}

/// What drives a reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReaderKind {
    /// Any reader that pcscd knows.
    Pcsc,
    /// A PN532 on a serial line, on I2C or on SPI, by libnfc.
    Libnfc,
    /// A reader on an RS-485 bus, by OSDP (IEC 60839-11-5).
    Osdp,
}

/// How a PC/SC reader is told to light up and sound: PC/SC itself has no words for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PcscSignals {
    /// As an ACR122U, if the reader calls itself one.
    #[default]
    Auto,
    /// As an ACR122U (ACS, "ACR122U Application Programming Interface", section 6.2).
    Acr122,
    /// Not at all.
    None,
}

/// One reader.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReaderConfig {
    /// What people and orders call it: 1 to 32 of `a-z 0-9 -`.
    pub name: String,
    /// What drives it.
    pub kind: ReaderKind,
    /// The key of the door beside which it hangs.
    #[serde(default)]
    pub door: Option<String>,
    /// pcsc: the beginning of the name that pcscd gives it; one reader only may have it.
    #[serde(default)]
    pub reader: Option<String>,
    /// pcsc: its serial number.
    #[serde(default)]
    pub serial: Option<String>,
    /// pcsc: how it gives signals.
    #[serde(default)]
    pub signals: PcscSignals,
    /// libnfc, osdp: the serial port, best under `/dev/serial/by-id/`. libnfc: or a bus, `/dev/i2c-…`, `/dev/spidev…`.
    #[serde(default)]
    pub device: Option<PathBuf>,
    /// libnfc, osdp: bits in a second of a serial port; 115200 for a PN532, 9600 for OSDP.
    #[serde(default)]
    pub baud: Option<u32>,
    /// osdp: the reader's address on the bus, 0 to 126.
    #[serde(default)]
    pub address: Option<u8>,
    /// osdp: the base key of the secure channel, 32 hexadecimal digits.
    #[serde(default)]
    pub key: Option<SecretSource>,
    /// Another program in place of our own child; it speaks the same lines (docs/readers.md).
    #[serde(default)]
    pub command: Option<Vec<String>>,
}

/// Speeds that a serial port of a panel and these devices have in common.
const BAUDS: [u32; 6] = [9600, 19_200, 38_400, 57_600, 115_200, 230_400];

impl ReaderConfig {
    /// Bits in a second.
    pub fn baud(&self) -> u32 {
        self.baud.unwrap_or(match self.kind {
            ReaderKind::Libnfc => 115_200,
            ReaderKind::Osdp | ReaderKind::Pcsc => 9600,
        })
    }

    /// The rules that concern this reader alone; `at` is its place in the file.
    pub(super) fn check(&self, at: usize) -> Result<(), Flaw> {
        let unfit = |key: &str, problem: &str, remedy: &str| {
            Err(Flaw { key: format!("reader[{at}].{key}"), problem: problem.into(), remedy: remedy.into() })
        };
        let slug = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.name.is_empty() || self.name.len() > NAME_MAX_BYTES || !self.name.bytes().all(slug) {
            return unfit(
                "name",
                "is not 1 to 32 of a-z 0-9 -",
                "give it a short name, such as \"entrance\"",
            );
        }
        if let Some(problem) = self.door.as_deref().and_then(|door| access::id::Key::check(door).err()) {
            return unfit("door", problem, "give the key of a door, as `doorward query doors` shows it");
        }
        if let Some((key, owner)) = self.foreign_key() {
            return unfit(
                key,
                &format!("belongs to readers of kind {owner}"),
                "remove the key, or correct `kind`",
            );
        }
        let words = self.command.as_deref();
        if words
            .is_some_and(|words| words.is_empty() || words.len() > COMMAND_WORDS_MAX || words[0].is_empty())
        {
            return unfit(
                "command",
                "is not 1 to 32 words",
                "give the program and its arguments, each a text",
            );
        }
        match self.kind {
            ReaderKind::Pcsc => self.check_pcsc(&unfit),
            ReaderKind::Libnfc | ReaderKind::Osdp => self.check_serial(&unfit),
        }
    }

    fn check_pcsc(&self, unfit: &impl Fn(&str, &str, &str) -> Result<(), Flaw>) -> Result<(), Flaw> {
        let empty = |text: &Option<String>| text.as_deref().is_some_and(|text| text.trim().is_empty());
        if empty(&self.reader) || empty(&self.serial) {
            return unfit("reader", "or `serial` is empty", "take it from `doorward readers`");
        }
        if self.reader.is_none() && self.serial.is_none() {
            return unfit("reader", "is missing", "give `reader` or `serial`; `doorward readers` shows both");
        }
        if self.reader.as_deref().is_some_and(ends_in_index) {
            let remedy = "leave the two numbers at its end out: they count readers, and change";
            return unfit("reader", "is a name that changes", remedy);
        }
        Ok(())
    }

    fn check_serial(&self, unfit: &impl Fn(&str, &str, &str) -> Result<(), Flaw>) -> Result<(), Flaw> {
        match &self.device {
            None => {
                return unfit("device", "is missing", "name the serial port, best under /dev/serial/by-id/");
            }
            // A connection string of libnfc is split at colons, and a path may come to it through udev's by-path.
            Some(device) if self.kind == ReaderKind::Libnfc && device.to_string_lossy().contains(':') => {
                let remedy = "libnfc cannot take it: name it by /dev/serial/by-id/, or by a udev SYMLINK";
                return unfit("device", "has a colon", remedy);
            }
            Some(_) => {}
        }
        if !BAUDS.contains(&self.baud()) {
            return unfit("baud", "is no usual speed", "give 9600, 19200, 38400, 57600, 115200 or 230400");
        }
        if self.address.is_some_and(|address| address > 126) {
            return unfit("address", "is above 126", "give the address that is set on the reader, 0 to 126");
        }
        if self.kind == ReaderKind::Osdp && self.key.is_none() {
            let remedy =
                "give the reader's base key, { file = \"…\" }: without it anyone at the wire reads cards";
            return unfit("key", "is missing", remedy);
        }
        Ok(())
    }

    /// A key that stands there and belongs to another kind.
    fn foreign_key(&self) -> Option<(&'static str, &'static str)> {
        let is_pcsc = self.kind == ReaderKind::Pcsc;
        let is_osdp = self.kind == ReaderKind::Osdp;
        let of_pcsc = [("reader", self.reader.is_some()), ("serial", self.serial.is_some())];
        let of_serial = [("device", self.device.is_some()), ("baud", self.baud.is_some())];
        let of_osdp = [("address", self.address.is_some()), ("key", self.key.is_some())];
        let first =
            |keys: &[(&'static str, bool)]| keys.iter().find(|(_, is_there)| *is_there).map(|(key, _)| *key);
        let signals = (self.signals != PcscSignals::Auto).then_some("signals");
        if !is_pcsc && let Some(key) = first(&of_pcsc).or(signals) {
            return Some((key, "pcsc"));
        }
        if is_pcsc && let Some(key) = first(&of_serial) {
            return Some((key, "libnfc and osdp"));
        }
        if !is_osdp && let Some(key) = first(&of_osdp) {
            return Some((key, "osdp"));
        }
        None
    }
}

/// The rules that concern all readers together.
pub(super) fn check(readers: &[ReaderConfig]) -> Result<(), Flaw> {
    if readers.len() > READERS_MAX {
        let problem = format!("stands {} times, more than {READERS_MAX}", readers.len());
        return Err(Flaw { key: "reader".into(), problem, remedy: "remove some".into() });
    }
    for (at, reader) in readers.iter().enumerate() {
        reader.check(at)?;
        if readers[..at].iter().any(|other| other.name == reader.name) {
            let problem = "is the name of another reader".into();
            return Err(Flaw {
                key: format!("reader[{at}].name"),
                problem,
                remedy: "give it its own".into(),
            });
        }
        if reader.device.is_some() && readers[..at].iter().any(|other| other.device == reader.device) {
            let problem = "is the port of another reader".into();
            let remedy = "one program at a time can hold a port: give the other port".into();
            return Err(Flaw { key: format!("reader[{at}].device"), problem, remedy });
        }
    }
    Ok(())
}

/// Whether `name` ends in the two hexadecimal numbers by which pcscd tells readers and slots apart.
fn ends_in_index(name: &str) -> bool {
    let mut words = name.rsplit(' ');
    let is_number = |word: Option<&str>| {
        word.is_some_and(|word| word.len() == 2 && word.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    is_number(words.next()) && is_number(words.next())
}

#[cfg(test)]
mod tests;
