//! The chips of this machine, by the GPIO character device: where a line is, and taking it.
//!
//! Needs the second version of the kernel's interface (Linux 5.10, 2020).
//!
//! Not here: what a line is for.

use super::spec::{Bias, Input, Level, Output, Place};
pub use gpiocdev::Request;
use gpiocdev::line::{self, EdgeDetection, Value};
use std::path::PathBuf;
use std::time::Duration;

/// Who holds the lines, as `gpioinfo` shows it.
pub const CONSUMER: &str = "doorward";

/// What is wrong with a line of the board file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flaw {
    /// Which of its keys; empty for the whole.
    pub key: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Flaw {
    pub(super) fn new(key: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Flaw {
        Flaw { key, problem: problem.into(), remedy: remedy.into() }
    }
}

/// A chip of this machine.
#[derive(Clone, Debug)]
pub struct Chip {
    /// Its device.
    pub path: PathBuf,
    /// The kernel's name, which may change from one boot to the next: `gpiochip0`.
    pub name: String,
    /// What it is, by its driver: `pinctrl-bcm2711`.
    pub label: String,
    /// Its lines in the order of their offsets, or why it cannot be asked.
    pub lines: Result<Vec<Line>, Denial>,
}

/// A line of a chip.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// The name that the kernel gives it; often none.
    pub name: String,
    /// Who holds it.
    pub consumer: Option<String>,
    /// Whether it is an output.
    pub is_output: bool,
}

/// Why a chip cannot be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Denial {
    /// By the rights of its device.
    Forbidden,
    /// By the kernel, in its words.
    Other(String),
}

/// A line that is there.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Its chip.
    pub chip: &'a Chip,
    /// Its number there.
    pub offset: u32,
    /// What is known of it.
    pub line: &'a Line,
}

/// All chips of this machine, whether they may be asked or not.
pub fn chips() -> Vec<Chip> {
    let paths = gpiocdev::chip::chips().unwrap_or_default();
    paths.into_iter().map(look).collect()
}

fn look(path: PathBuf) -> Chip {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let asked = || -> gpiocdev::Result<(String, Vec<Line>)> {
        let chip = gpiocdev::Chip::from_path(&path)?;
        let lines = chip.line_info_iter()?.map(|info| info.map(Line::from)).collect::<Result<_, _>>()?;
        Ok((chip.info()?.label, lines))
    };
    match asked() {
        Ok((label, lines)) => Chip { path, name, label, lines: Ok(lines) },
        Err(error) => Chip { path, name, label: String::new(), lines: Err(denial(&error)) },
    }
}

impl From<line::Info> for Line {
    fn from(info: line::Info) -> Line {
        let consumer = if info.consumer.is_empty() { "the kernel".into() } else { info.consumer };
        Line {
            name: info.name,
            consumer: info.used.then_some(consumer),
            is_output: info.direction == line::Direction::Output,
        }
    }
}

fn denial(error: &gpiocdev::Error) -> Denial {
    match errno(error) {
        Some(libc::EACCES | libc::EPERM) => Denial::Forbidden,
        _ => Denial::Other(error.to_string()),
    }
}

fn errno(error: &gpiocdev::Error) -> Option<i32> {
    match error {
        gpiocdev::Error::Os(errno) | gpiocdev::Error::Uapi(_, gpiocdev_uapi::Error::Os(errno)) => {
            Some(errno.0)
        }
        _ => None,
    }
}

/// Finds the line at `place` among `chips`.
///
/// # Errors
/// Which key names what is not there, and what is.
pub fn find<'a>(place: &Place, chips: &'a [Chip]) -> Result<Found<'a>, Flaw> {
    match place {
        Place::Offset { chip, offset } => {
            let chip = find_chip(chip, chips)?;
            let lines = readable(chip, "chip")?;
            let at = usize::try_from(*offset).unwrap_or(usize::MAX);
            match lines.get(at) {
                Some(line) => Ok(Found { chip, offset: *offset, line }),
                None => {
                    let problem = format!("is not there: {} has {} lines, from 0", chip.name, lines.len());
                    Err(Flaw::new("offset", problem, "correct it; `gpioinfo` shows them"))
                }
            }
        }
        Place::Named { chip, line } => {
            let among: Vec<&Chip> = match chip {
                Some(chip) => vec![find_chip(chip, chips)?],
                None => chips.iter().collect(),
            };
            find_named(line, &among)
        }
    }
}

fn find_chip<'a>(wanted: &str, chips: &'a [Chip]) -> Result<&'a Chip, Flaw> {
    let is_it = |chip: &&Chip| chip.path.as_os_str() == wanted || chip.name == wanted || chip.label == wanted;
    let found: Vec<&Chip> = chips.iter().filter(is_it).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] if wanted.starts_with('/') && std::fs::canonicalize(wanted).is_ok() => {
            let target = std::fs::canonicalize(wanted).unwrap_or_default();
            let found = chips.iter().find(|chip| chip.path == target);
            found
                .ok_or_else(|| Flaw::new("chip", "is no GPIO chip", format!("name one of {}", listed(chips))))
        }
        [] if chips.is_empty() => {
            let remedy = "is this the panel? Its kernel needs the driver of the chip, and CONFIG_GPIO_CDEV";
            Err(Flaw::new("chip", "is not there: this machine has no GPIO chip", remedy))
        }
        [] => {
            // The label of a chip that cannot be asked is not known.
            if let Some(denied) = chips.iter().find_map(|chip| readable(chip, "chip").err()) {
                return Err(denied);
            }
            Err(Flaw::new("chip", "is not there", format!("name one of {}", listed(chips))))
        }
        [..] => {
            let names: Vec<&str> = found.iter().map(|chip| chip.name.as_str()).collect();
            let problem = format!("is the label of several chips: {}", names.join(", "));
            Err(Flaw::new("chip", problem, "name the line by `line` alone, or the chip by its device"))
        }
    }
}

fn find_named<'a>(name: &str, among: &[&'a Chip]) -> Result<Found<'a>, Flaw> {
    let mut found = Vec::new();
    for &chip in among {
        let lines = chip.lines.iter().flatten();
        found.extend((0u32..).zip(lines).filter(|(_, line)| line.name == name).map(|(offset, line)| Found {
            chip,
            offset,
            line,
        }));
    }
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            for chip in among {
                readable(chip, "line")?;
            }
            let chips: Vec<&str> = among.iter().map(|chip| chip.name.as_str()).collect();
            let chips = if chips.is_empty() {
                "this machine, which has no GPIO chip".into()
            } else {
                chips.join(", ")
            };
            let problem = format!("is the name of no line of {chips}");
            Err(Flaw::new("line", problem, "correct it, or give `chip` and `offset`; `gpioinfo` shows all"))
        }
        several => {
            let at: Vec<String> =
                several.iter().map(|one| format!("{} {}", one.chip.name, one.offset)).collect();
            let problem = format!("is the name of several lines: {}", at.join(", "));
            Err(Flaw::new("line", problem, "give `chip` as well, or `chip` and `offset` instead"))
        }
    }
}

fn readable<'a>(chip: &'a Chip, key: &'static str) -> Result<&'a [Line], Flaw> {
    match &chip.lines {
        Ok(lines) => Ok(lines),
        Err(Denial::Forbidden) => Err(forbidden(chip, key)),
        Err(Denial::Other(words)) => {
            let problem = format!("cannot be looked for: {}: {words}", chip.path.display());
            Err(Flaw::new(key, problem, "Linux 5.10 or later is needed"))
        }
    }
}

fn forbidden(chip: &Chip, key: &'static str) -> Flaw {
    let problem = format!("permission denied at {}", chip.path.display());
    let remedy =
        "install systemd/doorward-gpio.rules, which gives it to the service's group; or run this as root";
    Flaw::new(key, problem, remedy)
}

fn listed(chips: &[Chip]) -> String {
    let one = |chip: &Chip| match chip.label.as_str() {
        "" => chip.name.clone(),
        label => format!("{} ({label})", chip.name),
    };
    chips.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Takes an output; the request that takes it drives it at rest.
///
/// # Errors
/// When it is not there, or not free.
pub fn take_output(output: &Output, place: &Place, chips: &[Chip]) -> Result<Request, Flaw> {
    let found = find(place, chips)?;
    let rest = value(output.rest);
    let request = Request::builder()
        .on_chip(&found.chip.path)
        .with_consumer(CONSUMER)
        .with_line(found.offset)
        .as_output(rest)
        .request();
    request.map_err(|error| refused(&error, place, found))
}

/// A real input that is held.
#[derive(Debug)]
pub struct TakenInput {
    /// The line; its values are "active" and "inactive" already.
    pub request: Request,
    /// Whether the kernel reports edges; else the line has to be looked at.
    pub has_edges: bool,
}

/// Takes an input, with edges and debounce by the kernel where the chip has an interrupt for it.
///
/// # Errors
/// When it is not there, or not free.
pub fn take_input(input: &Input, place: &Place, chips: &[Chip]) -> Result<TakenInput, Flaw> {
    let found = find(place, chips)?;
    let request = |has_edges: bool| {
        let mut builder = Request::builder();
        builder.on_chip(&found.chip.path).with_consumer(CONSUMER).with_line(found.offset).as_input();
        if input.active == Level::Low {
            builder.as_active_low();
        }
        if let Some(bias) = input.bias {
            builder.with_bias(match bias {
                Bias::PullUp => line::Bias::PullUp,
                Bias::PullDown => line::Bias::PullDown,
                Bias::Disabled => line::Bias::Disabled,
            });
        }
        if has_edges {
            builder.with_edge_detection(EdgeDetection::BothEdges);
            builder.with_debounce_period(Duration::from_millis(input.debounce_ms.into()));
        }
        builder.request()
    };
    match request(true) {
        Ok(request) => Ok(TakenInput { request, has_edges: true }),
        // An expander whose interrupt is not wired.
        Err(error) if matches!(errno(&error), Some(libc::ENODEV | libc::ENXIO | libc::EOPNOTSUPP)) => {
            request(false)
                .map(|request| TakenInput { request, has_edges: false })
                .map_err(|error| refused(&error, place, found))
        }
        Err(error) => Err(refused(&error, place, found)),
    }
}

fn refused(error: &gpiocdev::Error, place: &Place, found: Found<'_>) -> Flaw {
    let key = match place {
        Place::Offset { .. } => "offset",
        Place::Named { .. } => "line",
    };
    match errno(error) {
        Some(libc::EACCES | libc::EPERM) => forbidden(found.chip, key),
        Some(libc::EBUSY) => {
            // Asked again: it may have been taken since.
            let chip = look(found.chip.path.clone());
            let at = usize::try_from(found.offset).unwrap_or(usize::MAX);
            let line = chip.lines.ok().and_then(|lines| lines.into_iter().nth(at));
            busy(key, line.and_then(|line| line.consumer).as_deref())
        }
        _ => {
            let problem = format!("{} line {} cannot be taken: {error}", found.chip.name, found.offset);
            Flaw::new(key, problem, "does the chip know this direction and bias? `dmesg` may say more")
        }
    }
}

/// Somebody has the line.
pub(super) fn busy(key: &'static str, consumer: Option<&str>) -> Flaw {
    match consumer {
        Some(CONSUMER) => {
            Flaw::new(key, "is held by a running doorward", "stop that one first: systemctl stop doorward")
        }
        consumer => {
            let problem = format!("is held by {}", consumer.unwrap_or("somebody"));
            let remedy = "free it: stop that program, or take the line out of the device tree's overlay";
            Flaw::new(key, problem, remedy)
        }
    }
}

/// The level as the kernel has it; outputs are never inverted by it.
pub(super) fn value(level: Level) -> Value {
    match level {
        Level::Low => Value::Inactive,
        Level::High => Value::Active,
    }
}
