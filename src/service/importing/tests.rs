//! What an import changes, as a table; and how much goes into one event.

use super::decide::{CONFIRM_MIN_S, Changes, Verdict, decide};
use super::{PAGE_ENTITLEMENTS, pages};
use crate::mirror::entitlements::Known;
use access::time::UtcTime;
use contract::messages::{Event, PacsEntitlement, RenamedEntitlement};
use std::collections::BTreeSet;

const NOW: UtcTime = UtcTime::from_unix(1_000_000);

fn ago(seconds: i64) -> UtcTime {
    UtcTime::from_unix(NOW.unix() - seconds)
}

/// `a` is entitlement `a`; `a=Name` has that name; `a/T` is of sort `T`.
fn entitlement(text: &str) -> PacsEntitlement {
    let (text, kind) = text.split_once('/').unwrap_or((text, "Profile"));
    let (pacs_ref, name) = text.split_once('=').unwrap_or((text, text));
    PacsEntitlement { pacs_ref: pacs_ref.into(), kind: kind.into(), display_name: name.into() }
}

/// As [`entitlement`]; `a!` has vanished an hour ago, `a?90` was missed 90 s ago.
fn known(text: &str) -> Known {
    let vanished_at = text.ends_with('!').then(|| ago(3600));
    let (name, missed) =
        text.trim_end_matches('!').split_once('?').map_or((text, None), |(a, b)| (a, Some(b)));
    let missed_at = missed.map(|seconds| ago(seconds.parse().expect("seconds")));
    Known { entitlement: entitlement(name.trim_end_matches('!')), vanished_at, missed_at }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

/// What is remembered, in the spelling of [`known`]; what has vanished just now is `a*`.
fn shown(after: &[Known]) -> String {
    let one = |known: &Known| {
        let mark = match (known.vanished_at, known.missed_at) {
            (Some(NOW), None) => "*".into(),
            (Some(_), None) => "!".into(),
            (None, Some(at)) => format!("?{}", NOW.unix() - at.unix()),
            (None, None) => String::new(),
            (Some(_), Some(_)) => panic!("vanished and missed"),
        };
        format!("{}{mark}", known.entitlement.pacs_ref)
    };
    after.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Unchanged => "unchanged".into(),
        Verdict::Suspect { missing, of, is_news } => {
            format!("suspect {missing} of {of}{}", if *is_news { ", news" } else { "" })
        }
        Verdict::Changed(Changes { is_first, added, renamed, vanished }) => {
            let first = if *is_first { "first " } else { "" };
            let refs = |all: &[PacsEntitlement]| {
                all.iter().map(|one| one.pacs_ref.as_str()).collect::<Vec<_>>().join(",")
            };
            let names = |one: &RenamedEntitlement| format!("{}:{}>{}", one.pacs_ref, one.from, one.to);
            let renamed = renamed.iter().map(names).collect::<Vec<_>>().join(",");
            format!("{first}+[{}] ~[{renamed}] -[{}]", refs(added), refs(vanished))
        }
    }
}

#[test]
fn an_import_is_told_apart_from_the_one_before_and_an_accident_from_a_change() {
    let all = "a b c d e f g h";
    // Before; what the PACS lists; what assignments name (`-`: that cannot be told); verdict; remembered.
    let table = [
        ("", "a b", "", "first +[a,b] ~[] -[]", "a b"),
        ("", "", "", "unchanged", ""),
        ("a b", "b a", "", "unchanged", "a b"),
        ("a b", "a b c", "", "+[c] ~[] -[]", "a b c"),
        ("a=Lab b", "a=Laboratory b", "", "+[] ~[a:Lab>Laboratory] -[]", "a b"),
        ("a b", "a=b b=a", "", "+[] ~[a:a>b,b:b>a] -[]", "a b"),
        ("a b", "a/Zone b", "", "+[] ~[] -[]", "a b"),
        // Vanished: remembered while an assignment names it, or while that cannot be told.
        ("a b", "b", "a", "+[] ~[] -[a]", "a* b"),
        ("a b", "b", "b", "+[] ~[] -[a]", "b"),
        ("a b", "b", "-", "+[] ~[] -[a]", "a* b"),
        ("a! b", "b", "a", "unchanged", "a! b"),
        ("a! b", "b", "", "unchanged", "b"),
        ("a! b", "a b", "a", "+[a] ~[] -[]", "a b"),
        // Gone under one reference and there under another is not the same right.
        ("a=Lab b", "b c=Lab", "a", "+[c] ~[] -[a]", "a* b c"),
        // A sort that is not asked for any more has not vanished.
        ("a/Zone b", "b", "a", "+[] ~[] -[]", "b"),
        ("a/Door b c d e f", "b c d e f", "a", "+[] ~[] -[]", "b c d e f"),
        ("a/Zone! b", "b", "a", "unchanged", "b"),
        // More than half of all, and at least five.
        ("a b c d", "", "", "+[] ~[] -[a,b,c,d]", ""),
        (all, "a b c d", "", "+[] ~[] -[e,f,g,h]", "a b c d"),
        ("a b c d e f g h i j", "a b c d e", "", "+[] ~[] -[f,g,h,i,j]", "a b c d e"),
        (all, "a b c", "d", "suspect 5 of 8, news", "a b c d?0 e?0 f?0 g?0 h?0"),
        (all, "", "", "suspect 8 of 8, news", "a?0 b?0 c?0 d?0 e?0 f?0 g?0 h?0"),
        // Of a list that is not believed nothing else is taken.
        ("a b c d e", "z", "", "suspect 5 of 5, news", "a?0 b?0 c?0 d?0 e?0"),
        ("a b c d e!", "z", "e", "+[z] ~[] -[a,b,c,d]", "e! z"),
        // A later import says the same; one that is too soon says nothing.
        ("a?60 b?60 c?60 d?60 e?60", "", "b", "+[] ~[] -[a,b,c,d,e]", "b*"),
        ("a?59 b?59 c?59 d?59 e?59", "", "b", "suspect 5 of 5", "a?59 b?59 c?59 d?59 e?59"),
        // It says less: what was missed twice is gone, if that is still so many.
        ("a b?90 c?90 d?90 e?90 f?90 g?90", "a b", "", "+[] ~[] -[c,d,e,f,g]", "a b"),
        ("a b?90 c?90 d?90 e?90 f?90", "a b c d e", "", "+[] ~[] -[f]", "a b c d e"),
        // It says more.
        ("a b?90 c?90 d?90 e?90 f?90", "", "", "suspect 6 of 6, news", "a?0 b?90 c?90 d?90 e?90 f?90"),
        // It takes everything back.
        ("a?90 b?90 c?90 d?90 e?90", "a b c d e", "", "unchanged", "a b c d e"),
        // The clock was set back in between: the note is of the future, and begins anew.
        ("a?-90 b?-90 c?-90 d?-90 e?-90", "", "", "suspect 5 of 5, news", "a?0 b?0 c?0 d?0 e?0"),
    ];
    assert_eq!(CONFIRM_MIN_S, 60);
    for (before, found, assigned, verdict, after) in table {
        let before: Vec<Known> = words(before).map(known).collect();
        let found: Vec<PacsEntitlement> = words(found).map(entitlement).collect();
        let named: Option<BTreeSet<String>> =
            (assigned != "-").then(|| words(assigned).map(str::to_owned).collect());
        let mut types = vec!["Profile".to_owned()];
        types.extend(found.iter().any(|one| one.kind == "Zone").then(|| "Zone".to_owned()));
        let decision = decide(&before, &found, &types, named.as_ref(), NOW);
        let line = format!("{} -> {}", shown(&before), shown(&decision.after));
        assert_eq!(told(&decision.verdict), verdict, "{line}");
        assert_eq!(shown(&decision.after), after, "{line}");
        assert!(decision.after.is_sorted(), "{line}");
    }
}

#[test]
fn changes_are_told_in_events_that_stay_small_and_the_last_one_says_so() {
    let all = |count: usize, from: usize| -> Vec<PacsEntitlement> {
        (from..from + count).map(|at| entitlement(&format!("e{at:04}"))).collect()
    };
    for (added, vanished) in [(0, 0), (1, 0), (60, 40), (60, 41), (250, 1), (0, 300)] {
        let changes = Changes { added: all(added, 0), vanished: all(vanished, 1000), ..Changes::default() };
        let pages = pages(&changes, NOW);
        assert_eq!(pages.len(), (added + vanished).div_ceil(PAGE_ENTITLEMENTS));
        let mut told = Changes::default();
        for (at, event) in pages.iter().enumerate() {
            let Event::EntitlementsChanged { added, vanished, complete, renamed, .. } = event else {
                panic!("{event:?}")
            };
            assert!(added.len() + renamed.len() + vanished.len() <= PAGE_ENTITLEMENTS);
            assert_eq!(*complete, at + 1 == pages.len());
            told.added.extend(added.iter().cloned());
            told.vanished.extend(vanished.iter().cloned());
        }
        assert_eq!(told, changes);
    }
}
