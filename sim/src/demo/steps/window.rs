//! An entitlement with a beginning and an end, seconds apart.

use super::{assignment, card, upsert, user};
use crate::Show;
use crate::screen::shown;
use crate::witness::{Act as Seen, utc_now};
use access::time::UtcTime;
use anyhow::{Result, bail};
use doorward_sim::Act;
use std::time::Duration;

/// From now to the opening, in seconds.
const OPENS_S: i64 = 3;
/// From the opening to the close, in seconds.
const OPEN_S: i64 = 3;
/// How late an edge may be seen: the promise is a second, and this machine does much else.
const LATE_MAX: Duration = Duration::from_millis(1000);

/// A visitor for three seconds.
pub(crate) fn opens_and_closes(show: &mut Show) -> Result<()> {
    let Show { screen, stage, office } = show;
    screen.step("A window", "Vera visits: her right begins in 3 s and ends 3 s later");
    let from = UtcTime::from_unix(utc_now().unix() + OPENS_S);
    let to = UtcTime::from_unix(from.unix() + OPEN_S);
    let right = format!("ap-main@{from}..{to}");
    office.hire("vera", "Vera Lund", "04B7719A3C0180", &right)?;
    let mut limited = assignment("vera", "main");
    limited["valid_from"] = from.to_string().into();
    limited["valid_to"] = to.to_string().into();
    let lines = [
        upsert("user", "vera", &user("Vera", "Lund")),
        upsert("token", "card-vera", &card("vera", "ACTIVE", "04B7719A3C0180")),
        upsert("assignment", "vera.main", &limited),
    ];
    let witness = stage.witness()?;
    let mark = stage.acts_so_far()?;
    let version = stage.import("visit.jsonl", &lines.join("\n"), &[])?;
    witness.mirrored(version)?;

    let opened = witness.act(mark, "the window opens in the PACS", |effect| {
        effect.act == Act::Create && effect.key == "PAvera/permission/ap-main"
    });
    let claim = format!("it opened in the PACS, not before {}", clock_time(from));
    screen.check(&claim, opened.and_then(|opened| lateness(&opened, from)))?;
    let first = witness.act(mark, "Vera is known", |effect| effect.key.starts_with("PAvera"));
    let early = first.and_then(|first| lateness(&first, from)).map(|_| String::new());
    screen.check("and of Vera nothing was there before", early)?;
    let closed = witness.act(mark, "the window closes in the PACS", |effect| {
        effect.act == Act::Delete && effect.key == "PAvera/permission/ap-main"
    });
    let claim = format!("it closed in the PACS, not before {}", clock_time(to));
    screen.check(&claim, closed.and_then(|closed| lateness(&closed, to)))?;
    screen.check("with her only right, Vera has left the PACS", stage.pacs_equals(office))
}

/// How long after `edge` the act was seen.
fn lateness(act: &Seen, edge: UtcTime) -> Result<String> {
    let edge = Duration::from_secs(u64::try_from(edge.unix())?);
    let Some(late) = act.wall.checked_sub(edge) else {
        bail!("{} ms too early", (edge - act.wall).as_millis());
    };
    if late > LATE_MAX {
        bail!("{} too late", shown(late));
    }
    Ok(format!("{} after the edge", shown(late)))
}

fn clock_time(at: UtcTime) -> String {
    at.to_string().chars().skip(11).take(8).collect()
}
