//! `doorward enroll`: makes a card known by a tap at a reader of this panel.
//!
//! Not here: doing it; the daemon does. Ctrl-C hangs up, which calls the enrollment off.

use super::client::Client;
use super::table::clean;
use crate::config;
use crate::service::enrolling::asking::CardWish;
use crate::service::enrolling::machine::Step;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// Has a card enrolled, and says step by step what happens.
///
/// # Errors
/// When no card was enrolled, with the reason.
pub fn enroll(file: &Path, wish: CardWish, as_json: bool) -> Result<()> {
    let config = config::load(file)?;
    let wish = wish.checked().map_err(|rule| anyhow!(rule))?;
    let (mut last, mut is_enrolled) = (None, false);
    Client::new(&config).follow("/enroll", &json!(wish), &mut |line| {
        let step: Step =
            contract::json::from_bytes(line).context("the daemon is of another version; restart it")?;
        let text = if as_json { String::from_utf8_lossy(line).into_owned() } else { said(&step) };
        println!("{text}");
        std::io::stdout().flush()?;
        is_enrolled |= matches!(step, Step::Enrolled { .. });
        last = Some(step);
        Ok(())
    })?;
    // What the PACS makes of it, or that the daemon ended before it was known, takes nothing back.
    if is_enrolled {
        return Ok(());
    }
    match last {
        Some(Step::Refused { .. }) => bail!("the card is not enrolled"),
        Some(Step::TimedOut { words }) => bail!("{}; nothing was changed", clean(&words)),
        Some(Step::Cancelled) => bail!("it was called off; nothing was changed"),
        Some(
            Step::Armed { .. }
            | Step::Unread { .. }
            | Step::Tapped { .. }
            | Step::Again
            | Step::Enrolled { .. }
            | Step::Pacs { .. },
        )
        | None => bail!("the daemon ended before the card was enrolled; nothing was changed"),
    }
}

fn said(step: &Step) -> String {
    let listed = |warnings: &[String]| -> String {
        warnings.iter().map(|warning| format!("\n  beware: {}", clean(warning))).collect()
    };
    match step {
        Step::Armed { reader, timeout_s } => {
            format!("tap the card at {} within {timeout_s} s", clean(reader))
        }
        Step::Unread { words } => format!("not read: {}", clean(words)),
        Step::Tapped { uid, technology, warnings } => {
            format!("card {uid}, {}: take it away{}", clean(technology), listed(warnings))
        }
        Step::Again => "tap it once more".into(),
        Step::Enrolled { token, user, uid, expires, .. } => format!(
            "enrolled: card {uid} is token {token} of {user} until the source settles it, until {expires} at most"
        ),
        Step::Refused { words } => format!("refused: {}", clean(words)),
        Step::Pacs { words, .. } => format!("PACS: {}", clean(words)),
        Step::TimedOut { words } => format!("too late: {}", clean(words)),
        Step::Cancelled => "called off".into(),
    }
}
