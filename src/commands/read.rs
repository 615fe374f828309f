//! `doorward read`: shows each tap as it comes.

mod renderings;

use crate::clock::{Clock, SyncSource, SystemClock};
use crate::commands::readers::{runtime, specs};
use crate::config;
use crate::reader::line::{Missed, Presentation, Report, Unreadable};
use crate::reader::supervisor::{ReaderEvent, Readers, What};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Shows taps at the reader of that name, or at all, until SIGINT or SIGTERM.
///
/// # Errors
/// When there is no such reader.
pub fn read(file: &Path, name: Option<&str>, printed: Option<&str>, as_json: bool) -> Result<()> {
    let config = config::load(file)?;
    let program = std::env::current_exe().context("where this program is")?;
    let mut specs = specs(&config, file, &program)?;
    if let Some(name) = name {
        specs.retain(|spec| spec.name() == name);
    }
    if specs.is_empty() {
        let wanted =
            name.map_or_else(|| "[[reader]]".into(), |name| format!("[[reader]] of the name {name:?}"));
        bail!("{}: there is no {wanted}; `doorward readers` shows what this machine has", file.display());
    }
    runtime()?.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(SyncSource::Host));
        let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
        let (readers, mut events) = Readers::start(specs, &clock);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => print!("{}", shown(&event, printed, as_json)),
                    None => break,
                },
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        readers.stop().await;
        Ok(())
    })
}

fn shown(event: &ReaderEvent, printed: Option<&str>, as_json: bool) -> String {
    if as_json { format!("{}\n", as_value(event, printed)) } else { as_text(event, printed) }
}

fn as_text(event: &ReaderEvent, printed: Option<&str>) -> String {
    let reader = &event.reader;
    match &event.what {
        What::Presentation(shown) => card(shown, printed),
        What::Removed => format!("{reader}  removed\n"),
        What::Unreadable(Unreadable { reason, .. }) => format!("{reader}  not read: {}\n", reason.words()),
        What::Missed(Missed { taps, .. }) => format!("{reader}  {taps} too short to be read\n"),
        What::Health(health) => {
            let detail = super::table::clean(&health.detail);
            format!("{reader}  {}: {detail}\n", health.state.as_str())
        }
    }
}

fn card(shown: &Presentation, printed: Option<&str>) -> String {
    let mut text = format!("{}  {}\n", shown.reader, shown.technology.as_str());
    let mut line = |what: &str, value: String| {
        let _ = writeln!(text, "  {what:<36} {value}");
    };
    for (name, value) in renderings::all(&shown.uid) {
        line(&name, value);
    }
    let length = shown.uid.as_bytes().len();
    line("length", shown.bits.map_or_else(|| format!("{length} bytes"), |bits| format!("{bits} bits")));
    let rows = [
        ("ATR", shown.atr.as_ref().map(ToString::to_string)),
        ("SAK", shown.sak.as_ref().map(ToString::to_string)),
        ("ATQA", shown.atqa.as_ref().map(ToString::to_string)),
        ("ATS", shown.ats.as_ref().map(ToString::to_string)),
        ("GetVersion", shown.version.as_ref().map(ToString::to_string)),
    ];
    for (what, value) in rows {
        if let Some(value) = value {
            line(what, value);
        }
    }
    if let Some(printed) = printed {
        let found = renderings::matching(&shown.uid, printed);
        for name in &found {
            let _ = writeln!(text, "  {printed} is its {name}");
        }
        if found.is_empty() {
            let _ = writeln!(
                text,
                "  {printed} is none of these: it is not made from the UID, or by another rule"
            );
        }
    }
    text
}

fn as_value(event: &ReaderEvent, printed: Option<&str>) -> Value {
    let mut value = match &event.what {
        What::Presentation(shown) => {
            let mut value = json!(Report::Presentation(Box::new(shown.clone())));
            if let Some(printed) = printed {
                value["printed"] = json!(renderings::matching(&shown.uid, printed));
            }
            let forms = renderings::all(&shown.uid).into_iter();
            value["renderings"] = forms.map(|(name, text)| (name, json!(text))).collect();
            value
        }
        What::Removed => json!({ "type": "removed" }),
        What::Unreadable(unreadable) => json!(Report::Unreadable(*unreadable)),
        What::Missed(missed) => json!(Report::Missed(*missed)),
        What::Health(health) => json!(Report::Health(health.clone())),
    };
    value["reader"] = json!(event.reader);
    value["door"] = json!(event.door);
    value
}
