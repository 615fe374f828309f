//! Plan and status, for people. Control characters in foreign words are shown, not obeyed. Pure.
//!
//! Not here: where they come from.

use crate::commands::table::clean;
use crate::service::planning::{Act, Line, Report};
use crate::service::status::{ExportStatus, Named, adoption_line, brake_line, hand_over_line, stranger_line};
use contract::messages::Circuit;
use std::fmt::Write;

/// The difference as a review reads it: by user, `+` what is added, `~` what is changed, `-` what is removed.
pub(super) fn plan(report: &Report, status: &ExportStatus) -> String {
    let mut out = String::new();
    let mut user = None;
    for line in &report.lines {
        if user != Some(&line.user) {
            let _ = writeln!(out, "{}", clean(&line.user));
            user = Some(&line.user);
        }
        let _ = writeln!(out, "  {}", item_line(line));
    }
    if report.more > 0 {
        let _ = writeln!(out, "and {} more; see them with --limit", report.more);
    }
    let sums = &report.summary;
    if report.lines.is_empty() && report.more == 0 {
        let _ = writeln!(out, "nothing to do: {} users are as they should be", sums.users);
    } else {
        let _ = writeln!(
            out,
            "{} of {} users differ: {} to add, {} to change, {} to remove; {} of these wait",
            sums.users_differ, sums.users, sums.added, sums.changed, sums.removed, sums.waiting
        );
    }
    out.push_str(&words_to_say(status));
    out
}

fn item_line(line: &Line) -> String {
    let sign = match line.change {
        Act::Add => '+',
        Act::Change => '~',
        Act::Remove => '-',
    };
    let item = if line.item.is_empty() { line.kind.clone() } else { format!("{} {}", line.kind, line.item) };
    let waits = line.waits.as_ref().map(|waits| format!("  [waits: {}]", clean(waits))).unwrap_or_default();
    format!("{sign} {}  {}{waits}", clean(&item), clean(&line.why))
}

/// What waits for somebody's word, a line each, with the command that gives it.
fn words_to_say(status: &ExportStatus) -> String {
    let brake = status.held_removals.as_ref().map(|held| format!("brake     {}\n", brake_line(held)));
    let adoption = status.adoptions.as_ref().map(|found| format!("adoption  {}\n", adoption_line(found)));
    let strangers = status.strangers.as_ref().map(|found| format!("strangers {}\n", stranger_line(found)));
    brake.into_iter().chain(adoption).chain(strangers).collect()
}

/// Where the export stands.
pub(super) fn status(status: &ExportStatus) -> String {
    let exporter = match (&status.exporter, status.exporting) {
        (_, true) => "this gateway".into(),
        (Some(other), false) => format!("{}, another gateway", clean(other)),
        (None, false) => "not named by the source yet".into(),
    };
    let mut out = format!("exporter  {exporter}\n");
    if let Some(hand_over) = &status.hand_over {
        let _ = writeln!(out, "          {}", hand_over_line(hand_over));
    }
    let pacs = match status.live {
        None => "not asked: the daemon does not run",
        Some(live) if live.circuit == Some(Circuit::Open) => {
            "not asked: too much has failed; a probe finds out"
        }
        Some(live) if !live.known => "has not answered since the start; nothing is sent before",
        Some(live) if !live.reachable => "not reached",
        Some(_) => "reached",
    };
    let _ = writeln!(out, "pacs      {pacs}");
    if !status.whole {
        let _ = writeln!(out, "mirror    never whole yet: nothing leaves the PACS for being absent here");
    }
    let _ = writeln!(
        out,
        "items     {} persons in the PACS, {} items to do, {} refused by it",
        status.persons, status.backlog, status.refused
    );
    out.push_str(&words_to_say(status));
    named(&mut out, "held", &status.held_first, status.held_removals.as_ref().map_or(0, |held| held.items));
    named(&mut out, "found", &status.adoptions_first, 0);
    named(&mut out, "stranger", &status.strangers_first, 0);
    named(&mut out, "shared", &status.shared_first, status.shared_cards);
    named(&mut out, "refused", &status.refused_first, status.refused);
    out
}

/// The first of a list; `total` of 0 is not known.
fn named(out: &mut String, what: &str, first: &[Named], total: u64) {
    for one in first {
        let item = if one.item.is_empty() { one.kind.clone() } else { format!("{} {}", one.kind, one.item) };
        let words = one.words.as_ref().map(|words| format!(": {}", clean(words))).unwrap_or_default();
        let _ = writeln!(out, "{what:<10}{}: {}{words}", clean(&one.user), clean(&item));
    }
    let shown = u64::try_from(first.len()).unwrap_or(u64::MAX);
    if total > shown {
        let _ = writeln!(out, "          and {} more", total - shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::planning::Summary;
    use crate::service::status::Live;
    use contract::messages::HeldRemovals;

    fn line(user: &str, item: &str, change: Act, waits: Option<&str>) -> Line {
        let kind = if item.is_empty() { "person" } else { "token" };
        let waits = waits.map(Into::into);
        Line { user: user.into(), kind: kind.into(), item: item.into(), change, why: "because".into(), waits }
    }

    fn found() -> ExportStatus {
        ExportStatus {
            exporting: true,
            exporter: Some("panel-1".into()),
            hand_over: None,
            whole: true,
            live: Some(Live { reachable: true, known: true, circuit: None }),
            persons: 900,
            backlog: 3,
            held_removals: Some(HeldRemovals {
                persons: 412,
                items: 1236,
                hash: "00ff00ff00ff00ff".into(),
                limit_persons: 90,
            }),
            held_first: vec![Named {
                user: "ada".into(),
                kind: "person".into(),
                item: String::new(),
                words: None,
            }],
            adoptions: None,
            adoptions_first: Vec::new(),
            strangers: None,
            strangers_first: Vec::new(),
            refused: 2,
            shared_cards: 1,
            shared_first: vec![Named {
                user: "cy".into(),
                kind: "token".into(),
                item: "c9".into(),
                words: Some("held: its card number is that of token c1 of ada in the PACS".into()),
            }],
            refused_first: vec![Named {
                user: "bo".into(),
                kind: "token".into(),
                item: "c2".into(),
                words: Some("no\u{1b}[2J such\nsite code".into()),
            }],
        }
    }

    #[test]
    fn a_plan_reads_like_a_review() {
        let report = Report {
            lines: vec![
                line("ada", "", Act::Change, None),
                line("ada", "c1", Act::Add, Some("the person comes first")),
                line("bo", "c2", Act::Remove, Some("held by the brake")),
            ],
            more: 7,
            summary: Summary {
                users: 900,
                looked_at: 6,
                users_differ: 4,
                added: 5,
                changed: 1,
                removed: 4,
                waiting: 9,
            },
        };
        insta::assert_snapshot!(plan(&report, &found()));
    }

    #[test]
    fn the_status_says_who_exports_what_is_held_and_what_is_refused() {
        insta::assert_snapshot!(status(&found()));
    }
}
