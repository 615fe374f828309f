//! What a reader's child and its parent say to each other: one JSON object a line, each way.
//!
//! The parent opens with the reader that is wanted ([`Order::Open`]) and then sends signals; the child reports
//! presentations and its health. End of the child's standard input is the order to end. docs/readers.md has the lines
//! for whoever writes a helper of their own.
//!
//! Pure: no pipe, no clock. Times are milliseconds of the kernel's boot-time clock, which both ends read alike.

use super::card::{ATR_MAX_BYTES, ATS_MAX_BYTES, Technology, VERSION_MAX_BYTES};
use super::octets::Octets;
use super::spec::Opening;
use access::signal::Signal;
use access::uid::RawId;
use serde::{Deserialize, Serialize, Serializer};

/// Longest line in bytes, without its end. The longest that a driver of ours makes is under 1,500.
pub const LINE_MAX_BYTES: usize = 4096;
/// Longest text of a health report in bytes; longer ones are cut.
pub const DETAIL_MAX_BYTES: usize = 512;
/// A child says at least one line in this time; see [`super::spec::Spec::silence_max_ms`] for when it is given up.
pub const HEARTBEAT_MS: u64 = 1000;

/// From parent to child.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Order {
    /// The first line: hold this reader.
    Open(Box<Opening>),
    /// The first line: say which readers there are, and end.
    List(Empty),
    /// Show this.
    Signal(Show),
}

/// Nothing besides the type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// A signal to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Which.
    pub signal: Signal,
}

/// From child to parent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Report {
    /// A card was read.
    Presentation(Box<Presentation>),
    /// The card is gone; the reader is armed again.
    Removed(Instant),
    /// A card was there and could not be read.
    Unreadable(Unreadable),
    /// Cards came and went before they could be read.
    Missed(Missed),
    /// How the reader is; on change, and as a heartbeat.
    Health(Health),
    /// A reader that is there; the answer to [`Order::List`].
    Found(Found),
}

/// A card shown once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presentation {
    /// The reader's name in the configuration.
    pub reader: String,
    /// The UID, in the order in which the reader gives it.
    #[serde(serialize_with = "as_text")]
    pub uid: RawId,
    /// Of a reader that gives bits: how many, the first one the highest of the first byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u16>,
    /// What kind of card it is.
    pub technology: Technology,
    /// PC/SC: the answer to reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atr: Option<Octets<ATR_MAX_BYTES>>,
    /// Select acknowledge, one byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sak: Option<Octets<1>>,
    /// Answer to request, two bytes, as it is commonly printed: the byte that was sent last first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atqa: Option<Octets<2>>,
    /// Answer to select, its length byte first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ats: Option<Octets<ATS_MAX_BYTES>>,
    /// The answer to GetVersion, its parts together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Octets<VERSION_MAX_BYTES>>,
    /// When the driver saw the card.
    pub noticed_ms: u64,
    /// When it had read it.
    pub read_ms: u64,
}

/// When something was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instant {
    /// Milliseconds.
    pub at_ms: u64,
}

/// Why a card was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It was taken away too early.
    Torn,
    /// It does not answer: broken, or held askew.
    Mute,
    /// Another program holds it.
    Held,
    /// It answers, and gives no UID that is one.
    NoUid,
    /// It lay there when the reader came up, so nobody has presented it now.
    Resting,
}

impl Reason {
    /// For people: why, and what to do.
    pub fn words(self) -> &'static str {
        match self {
            Reason::Torn => "taken away too early; hold it a moment longer",
            Reason::Mute => "the card does not answer; hold it flat, or it is broken",
            Reason::Held => "another program holds the card",
            Reason::NoUid => "the card gives no UID",
            Reason::Resting => "a card lay there already; take it away and tap again",
        }
    }
}

/// A card that was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unreadable {
    /// Why.
    pub reason: Reason,
    /// Milliseconds.
    pub at_ms: u64,
}

/// Cards that nobody saw but the reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// How many times a card came.
    pub taps: u32,
    /// Milliseconds.
    pub at_ms: u64,
}

/// Whether a reader works.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not known yet.
    Starting,
    /// It waits for cards.
    Ready,
    /// It is not reachable, and comes back by itself when what it hangs on does.
    Lost,
    /// Another program holds it.
    Busy,
    /// Somebody has to do something.
    Unfit,
}

impl State {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Ready => "ready",
            State::Lost => "lost",
            State::Busy => "busy",
            State::Unfit => "unfit",
        }
    }
}

/// How a reader is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Whether it works.
    pub state: State,
    /// What is wrong and what to do, or what is there; at most [`DETAIL_MAX_BYTES`].
    pub detail: String,
    /// Milliseconds.
    pub at_ms: u64,
}

impl Health {
    /// With as much of `detail` as fits.
    pub fn new(state: State, detail: &str, at_ms: u64) -> Health {
        let end = detail.floor_char_boundary(DETAIL_MAX_BYTES);
        Health { state, detail: detail[..end].into(), at_ms }
    }
}

/// A reader that is there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Its name, without the numbers that change.
    pub reader: String,
    /// Its serial number, where it has one and tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

/// Why a line is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LineError {
    /// Too long.
    #[error("a line of more than {LINE_MAX_BYTES} bytes")]
    Long,
    /// Not one of the lines above.
    #[error("a line that is none of the protocol: {0}")]
    Form(String),
}

fn as_text<S: Serializer>(uid: &RawId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(uid)
}

fn parse<T: serde::de::DeserializeOwned>(line: &[u8]) -> Result<T, LineError> {
    if line.len() > LINE_MAX_BYTES {
        return Err(LineError::Long);
    }
    contract::json::from_bytes(line).map_err(|error| LineError::Form(error.to_string()))
}

impl Report {
    /// Reads one line, without its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &[u8]) -> Result<Report, LineError> {
        let report = parse::<Report>(line)?;
        let is_short = |text: &str| text.len() <= DETAIL_MAX_BYTES;
        let fits = match &report {
            Report::Health(health) => is_short(&health.detail),
            Report::Found(found) => is_short(&found.reader) && found.serial.as_deref().is_none_or(is_short),
            Report::Presentation(shown) => is_short(&shown.reader) && bits_fit(shown),
            Report::Removed(_) | Report::Unreadable(_) | Report::Missed(_) => true,
        };
        if fits {
            Ok(report)
        } else {
            Err(LineError::Form("a text or a number of bits that is too large".into()))
        }
    }

    /// As one line, its end included.
    pub fn render(&self) -> String {
        render(self)
    }
}

/// The bits that are counted end within the last byte.
fn bits_fit(shown: &Presentation) -> bool {
    shown.bits.is_none_or(|bits| usize::from(bits).div_ceil(8) == shown.uid.as_bytes().len() && bits > 0)
}

impl Order {
    /// Reads one line, without its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &[u8]) -> Result<Order, LineError> {
        parse(line)
    }

    /// As one line, its end included.
    pub fn render(&self) -> String {
        render(self)
    }
}

fn render<T: Serialize>(message: &T) -> String {
    // Texts, numbers and structs of them: there is nothing in them that JSON cannot say.
    let mut line = serde_json::to_string(message).unwrap_or_default();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests;
