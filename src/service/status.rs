//! Where the mirror and the export stand, for people and programs: the same from the disk and from the daemon.
//!
//! Not here: what there is to do item by item ([`planning`](super::planning)), `state`, which is the contract's
//! (`reporting`).

use crate::config::Config;
use crate::export::brake::Limit;
use crate::export::holds::{HeldSet, Listed, Waiting};
use crate::export::item::ItemKind;
use crate::export::ledger::shared::{self, SharedCard};
use crate::export::ledger::{self, held};
use crate::mirror::standing::OutOfSync;
use crate::mirror::{door_orders, entitlements, list, overlay, standing};
use crate::service::exporting::cards;
use crate::service::notices::Notices;
use contract::messages::{Circuit, FoundPersons, HandOver, HeldRemovals};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Items that are named one by one in each list of the export's status.
pub const NAMED_MAX: u32 = 20;

/// When the brake holds removals that follow from edits, as configured.
pub fn brake_limit(config: &Config) -> Limit {
    config.pacs.as_ref().map_or(Limit { percent: 0, persons: 0 }, |pacs| Limit {
        percent: pacs.max_removal_percent,
        persons: pacs.max_removal_persons,
    })
}

/// What the brake holds, of a limit of so many persons.
///
/// # Errors
/// SQLite's.
pub fn held_removals(conn: &Connection, limit_persons: u64) -> rusqlite::Result<Option<HeldRemovals>> {
    let spelled = |HeldSet { persons, items, hash }| HeldRemovals {
        persons,
        items,
        hash: hash.to_string(),
        limit_persons,
    };
    Ok(held::waiting(conn, Waiting::Removals)?.map(spelled))
}

/// What waits to be taken over.
///
/// # Errors
/// SQLite's.
pub fn adoptions(conn: &Connection) -> rusqlite::Result<Option<FoundPersons>> {
    found(conn, Waiting::Adoptions)
}

/// Who waits to be removed, though it was never ours.
///
/// # Errors
/// SQLite's.
pub fn strangers(conn: &Connection) -> rusqlite::Result<Option<FoundPersons>> {
    found(conn, Waiting::Strangers)
}

fn found(conn: &Connection, waiting: Waiting) -> rusqlite::Result<Option<FoundPersons>> {
    let spelled = |HeldSet { persons, hash, .. }| FoundPersons { persons, hash: hash.to_string() };
    Ok(held::waiting(conn, waiting)?.map(spelled))
}

/// One line that says what the brake holds, why, and what lets it through.
pub fn brake_line(held: &HeldRemovals) -> String {
    let HeldRemovals { persons, items, hash, limit_persons } = held;
    format!(
        "{items} removals of {persons} persons are held: edits at the source took more than {limit_persons} \
         persons in 24 hours; if that is meant: doorward export approve {hash}"
    )
}

/// One line that says what waits to be taken over, and what lets it.
pub fn adoption_line(adoptions: &FoundPersons) -> String {
    let FoundPersons { persons, hash } = adoptions;
    format!(
        "{persons} persons were found in the PACS and are not ours; to take them over: doorward export approve \
         {hash}"
    )
}

/// One line that says who is in the PACS and nobody's here, and what removes it.
pub fn stranger_line(strangers: &FoundPersons) -> String {
    let FoundPersons { persons, hash } = strangers;
    format!(
        "{persons} persons in the PACS carry our prefix, and nobody here wants them; to remove them: doorward export \
         approve {hash}"
    )
}

/// One line that says how far the hand-over is, and what to do if it stays so.
pub fn hand_over_line(hand_over: &HandOver) -> String {
    match hand_over {
        HandOver::Waits { from } => format!(
            "this gateway is to export and waits for the ledger of {from}; if that one is dead for good: \
             doorward-source take-over"
        ),
        HandOver::Leaves { to } => format!("this gateway exports until {to} has its ledger"),
        HandOver::Gives { to } => format!(
            "{to} was told the ledger and has not said that it has taken it: nobody exports until it does; if that \
             one is dead for good: doorward-source take-over"
        ),
    }
}

/// Vanished entitlements that are named.
pub const VANISHED_NAMES_MAX: usize = 5;

/// Where the mirror and the export stand, as one JSON object.
///
/// # Errors
/// SQLite's.
pub fn status(conn: &Connection, config: &Config, is_running: bool) -> rusqlite::Result<Value> {
    let summary = list::summary(conn)?;
    let export = ledger::counts(conn)?;
    let imported = entitlements::summary(conn, VANISHED_NAMES_MAX)?;
    let standing = &summary.standing;
    let records: serde_json::Map<_, _> =
        summary.records.iter().map(|(kind, count)| (kind.clone(), json!(count))).collect();
    let mut value = json!({
        "site": summary.site, "gateway": config.gateway, "running": is_running,
        "head": standing.head, "proven": standing.floor, "root": standing.root,
        "in_sync": standing.out_of_sync.is_none(),
        "whole": standing.whole,
        "repair": summary.covered.map(|(done, of)| json!({ "done": done, "of": of })),
        "out_of_sync": standing.out_of_sync.map(OutOfSync::as_str),
        "records": records, "refused": summary.refused, "revoked_here": overlay::count_revocations(conn)?,
        "events": { "waiting": summary.events.waiting, "lost": summary.events.lost },
        "entitlements": {
            "defined": imported.defined, "vanished": imported.vanished,
            "vanished_names": imported.names, "held_assignments": imported.held_assignments,
            "missed": imported.missed,
        },
        "export": { "persons": export.persons, "backlog": export.backlog, "held": export.held },
    });
    let limit_persons = brake_limit(config).of(export.persons);
    if let Some(removals) = held_removals(conn, limit_persons)? {
        value["export"]["held_removals"] = json!(removals);
    }
    if let Some(adoptions) = adoptions(conn)? {
        value["export"]["adoptions"] = json!(adoptions);
    }
    if let Some(strangers) = strangers(conn)? {
        value["export"]["strangers"] = json!(strangers);
    }
    let shared_cards = shared::count(conn)?;
    if shared_cards > 0 {
        value["export"]["shared_cards"] = json!(shared_cards);
    }
    if let Some(shut) = door_orders::lockdown(conn)? {
        value["lockdown"] = json!({ "who": shut.who, "exempt": shut.exempt });
    }
    if let Some(hand_over) = ledger::role::standing(conn)?.hand_over(&config.gateway) {
        value["export"]["hand_over"] = json!(hand_over);
    }
    Ok(value)
}

/// An item that is named in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Named {
    /// Its user.
    pub user: String,
    /// `person`, `token` or `permission`.
    pub kind: String,
    /// The token's key or the permission's `pacs_ref`; empty for the person.
    pub item: String,
    /// The PACS's own words, if it refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

/// The word for a kind of item.
pub fn kind_word(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Person => "person",
        ItemKind::Credential => "token",
        ItemKind::Permission => "permission",
    }
}

impl From<Listed> for Named {
    fn from(listed: Listed) -> Named {
        let Listed { id, words } = listed;
        Named { user: id.user.to_string(), kind: kind_word(id.kind).into(), item: id.item, words }
    }
}

impl From<&SharedCard> for Named {
    fn from(held: &SharedCard) -> Named {
        let words = Some(cards::words(held));
        Named { user: held.user.to_string(), kind: "token".into(), item: held.token.to_string(), words }
    }
}

/// One line of tokens that wait for another's card number.
pub fn shared_line(tokens: u64) -> String {
    format!("{tokens} tokens are held: others have their card numbers; doorward export status names them")
}

/// What of the export's state is known to the daemon alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Live {
    /// The PACS answered last time.
    pub reachable: bool,
    /// The PACS has answered as its profile says since the start: nothing is sent before.
    pub known: bool,
    /// Whether requests go to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit: Option<Circuit>,
}

impl Live {
    /// As it is now.
    pub fn of(notices: &Notices) -> Live {
        let level = *notices.watch().borrow();
        let circuit = Some(if level.circuit_open { Circuit::Open } else { Circuit::Closed });
        Live { reachable: level.pacs_reachable, known: notices.is_pacs_known(), circuit }
    }
}

/// Where the export stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExportStatus {
    /// Whether this gateway is the one that exports.
    pub exporting: bool,
    /// The gateway that is, as the source last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exporter: Option<String>,
    /// The hand-over that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<HandOver>,
    /// Whether the mirror has ever been whole.
    pub whole: bool,
    /// What the daemon knows; none while it does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// Persons in the PACS on our account.
    pub persons: u64,
    /// Items in doubt, or whose last attempt failed.
    pub backlog: u64,
    /// What the brake holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_removals: Option<HeldRemovals>,
    /// The first of its removals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_first: Vec<Named>,
    /// What waits to be taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoptions: Option<FoundPersons>,
    /// The first of these items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adoptions_first: Vec<Named>,
    /// Who is in the PACS and nobody's here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strangers: Option<FoundPersons>,
    /// The first of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strangers_first: Vec<Named>,
    /// Tokens that are held since their card number is another's.
    #[serde(default)]
    pub shared_cards: u64,
    /// The first of them, with whose it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_first: Vec<Named>,
    /// Additions and contents that the PACS refuses.
    pub refused: u64,
    /// The first of them, with its words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_first: Vec<Named>,
}

/// Where the export stands; `live` is the daemon's part.
///
/// # Errors
/// SQLite's.
pub fn export_status(
    conn: &Connection,
    config: &Config,
    live: Option<Live>,
) -> rusqlite::Result<ExportStatus> {
    let counts = ledger::counts(conn)?;
    let exporter = ledger::role::standing(conn)?;
    let named = |listed: Vec<Listed>| listed.into_iter().map(Named::from).collect();
    let (refused_first, refused) = held::list_refused(conn, NAMED_MAX)?;
    Ok(ExportStatus {
        exporting: config.pacs.is_some() && exporter.may_send(),
        hand_over: exporter.hand_over(&config.gateway),
        exporter: exporter.word.named.map(|named| named.to_string()),
        whole: standing::standing(conn)?.whole,
        live,
        persons: counts.persons,
        backlog: counts.backlog,
        held_removals: held_removals(conn, brake_limit(config).of(counts.persons))?,
        held_first: named(held::list_waiting(conn, Waiting::Removals, NAMED_MAX)?),
        adoptions: adoptions(conn)?,
        adoptions_first: named(held::list_waiting(conn, Waiting::Adoptions, NAMED_MAX)?),
        strangers: strangers(conn)?,
        strangers_first: named(held::list_waiting(conn, Waiting::Strangers, NAMED_MAX)?),
        shared_cards: shared::count(conn)?,
        shared_first: shared::list(conn, NAMED_MAX)?.iter().map(Named::from).collect(),
        refused,
        refused_first: named(refused_first),
    })
}
