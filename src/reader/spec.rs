//! What a reader's child is told, and how it is started.
//!
//! Not here: the rules of the section `[[reader]]` (`config`).

use super::octets::Octets;
use crate::config::{ConfigError, PcscSignals, ReaderConfig, ReaderKind};
use serde::{Deserialize, Serialize, Serializer};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The hidden verb of our own program that is a reader's child.
pub const CHILD_VERB: &str = "reader-child";
/// How long a child may say nothing, in milliseconds. It says something every second; a card that does not answer can
/// keep a driver busy for about two.
pub const SILENCE_MAX_MS: u64 = 5000;

/// Which reader a child is to hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Its name in the configuration.
    pub name: String,
    /// How it is reached.
    pub port: Port,
}

/// How a reader is reached.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Port {
    /// By pcscd.
    Pcsc {
        /// The beginning of its name.
        reader: Option<String>,
        /// Its serial number.
        serial: Option<String>,
        /// How it gives signals.
        #[serde(with = "signals_word")]
        signals: PcscSignals,
    },
    /// A PN532 on a serial line, on I2C or on SPI.
    Libnfc {
        /// The port or bus.
        device: PathBuf,
        /// Bits in a second of a serial line.
        baud: u32,
    },
    /// A reader on an RS-485 bus.
    Osdp {
        /// The port.
        device: PathBuf,
        /// Bits in a second.
        baud: u32,
        /// Its address.
        address: u8,
        /// The base key of the secure channel.
        key: Option<OsdpKey>,
    },
}

impl Port {
    /// The word for it in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Port::Pcsc { .. } => "pcsc",
            Port::Libnfc { .. } => "libnfc",
            Port::Osdp { .. } => "osdp",
        }
    }
}

mod signals_word {
    use crate::config::PcscSignals;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
    pub(super) fn serialize<S: Serializer>(signals: &PcscSignals, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match signals {
            PcscSignals::Auto => "auto",
            PcscSignals::Acr122 => "acr122",
            PcscSignals::None => "none",
        })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PcscSignals, D::Error> {
        PcscSignals::deserialize(deserializer)
    }
}

/// The base key of an OSDP secure channel (SCBK). It goes to the child by a pipe, and nowhere else.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Octets<16>")]
pub struct OsdpKey([u8; 16]);

impl OsdpKey {
    /// From 32 hexadecimal digits.
    ///
    /// # Errors
    /// The rule; never the text.
    pub fn from_hex(hex: &str) -> Result<OsdpKey, &'static str> {
        const RULE: &str = "is not 32 hexadecimal digits";
        let digits = hex.trim();
        let octets: Octets<16> = serde_json::from_value(digits.into()).map_err(|_| RULE)?;
        OsdpKey::try_from(octets).map_err(|_| RULE)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl TryFrom<Octets<16>> for OsdpKey {
    type Error = &'static str;
    fn try_from(octets: Octets<16>) -> Result<OsdpKey, Self::Error> {
        octets.as_bytes().try_into().map(OsdpKey).map_err(|_| "a base key has 16 bytes")
    }
}

impl fmt::Debug for OsdpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a key)")
    }
}

impl Serialize for OsdpKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Octets::<16>::new(&self.0).serialize(serializer)
    }
}

/// A reader as the supervisor needs it.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What the child is told first.
    pub opening: Opening,
    /// The key of the door beside which it hangs.
    pub door: Option<String>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// A child that says nothing for so many milliseconds is killed and started anew.
    pub silence_max_ms: u64,
}

impl Spec {
    /// Of a checked section of the configuration in `file`; `program` is our own binary.
    ///
    /// # Errors
    /// When the secret that it names cannot be read or is none.
    pub fn new(reader: &ReaderConfig, file: &Path, program: &Path) -> Result<Spec, ConfigError> {
        let device = || reader.device.clone().unwrap_or_default();
        let port = match reader.kind {
            ReaderKind::Pcsc => Port::Pcsc {
                reader: reader.reader.clone(),
                serial: reader.serial.clone(),
                signals: reader.signals,
            },
            ReaderKind::Libnfc => Port::Libnfc { device: device(), baud: reader.baud() },
            ReaderKind::Osdp => Port::Osdp {
                device: device(),
                baud: reader.baud(),
                address: reader.address.unwrap_or(0),
                key: read_key(reader, file)?,
            },
        };
        let own = || vec![program.into(), CHILD_VERB.into()];
        let foreign = |words: &Vec<String>| words.iter().map(OsString::from).collect();
        Ok(Spec {
            opening: Opening { name: reader.name.clone(), port },
            door: reader.door.clone(),
            command: reader.command.as_ref().map_or_else(own, foreign),
            silence_max_ms: SILENCE_MAX_MS,
        })
    }

    /// The reader's name.
    pub fn name(&self) -> &str {
        &self.opening.name
    }
}

fn read_key(reader: &ReaderConfig, file: &Path) -> Result<Option<OsdpKey>, ConfigError> {
    let Some(source) = &reader.key else { return Ok(None) };
    let key = format!("reader.key of {:?}", reader.name);
    let secret = source.read(file, &key)?;
    OsdpKey::from_hex(secret.expose()).map(Some).map_err(|problem| ConfigError {
        file: file.into(),
        key,
        value: None,
        problem: problem.into(),
        remedy: "write the reader's base key into the file, 32 hexadecimal digits".into(),
    })
}
