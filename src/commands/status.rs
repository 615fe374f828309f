//! `doorward status`: where the mirror and the export stand.

use super::table::clean;
use crate::config;
use crate::export::ledger;
use crate::mirror::entitlements::{self, Summary};
use crate::mirror::{Mirror, door_orders, list, overlay};
use crate::service::lock;
use crate::service::status;
use anyhow::Result;
use std::path::Path;

/// Prints the state.
///
/// # Errors
/// When the configuration or the mirror cannot be read.
pub fn status(config: &Path, as_json: bool) -> Result<()> {
    let config = config::load(config)?;
    let conn = Mirror::at(&config.state_dir).open_reader()?;
    let running = lock::is_held(&config.state_dir);
    if as_json {
        println!("{}", status::status(&conn, &config, running)?);
        return Ok(());
    }
    let summary = list::summary(&conn)?;
    let export = ledger::counts(&conn)?;
    let imported = entitlements::summary(&conn, status::VANISHED_NAMES_MAX)?;
    let standing = &summary.standing;
    let proof = match standing.out_of_sync {
        None => format!("equal to the source at {}", standing.floor),
        Some(why) => format!("not proven: {}", why.as_str().replace('_', " ")),
    };
    let counts: Vec<String> = summary.records.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!(
        "gateway   {} of site {}, {}",
        config.gateway,
        summary.site,
        if running { "running" } else { "stopped" }
    );
    println!("mirror    {proof}; head {}, root {}", standing.head, standing.root);
    if let Some((done, of)) = summary.covered {
        let what = if standing.whole { "repair" } else { "first sync" };
        println!(
            "{what:<10}{} %: {done} of {of} buckets are as the source had them",
            u64::from(done) * 100 / u64::from(of)
        );
    } else if !standing.whole {
        println!("          never whole yet: nothing leaves the PACS for being absent here");
    }
    println!("records   {}", counts.join(", "));
    println!("refused   {}", summary.refused);
    let revoked_here = overlay::count_revocations(&conn)?;
    if revoked_here > 0 {
        println!("overlay   {revoked_here} tokens are revoked here, until the source settles them");
    }
    if let Some(shut) = door_orders::lockdown(&conn)? {
        println!("LOCKDOWN  by {}: nobody passes here; doorward door end-lockdown ends it", clean(&shut.who));
    }
    println!("events    {} waiting, {} lost", summary.events.waiting, summary.events.lost);
    print!("{}", entitlement_lines(&imported));
    println!(
        "export    {} persons in the PACS, {} items to do, {} held",
        export.persons, export.backlog, export.held
    );
    if let Some(hand_over) = ledger::role::standing(&conn)?.hand_over(&config.gateway) {
        println!("          {}", status::hand_over_line(&hand_over));
    }
    if let Some(held) = status::held_removals(&conn, status::brake_limit(&config).of(export.persons))? {
        println!("brake     {}", status::brake_line(&held));
    }
    if let Some(found) = status::adoptions(&conn)? {
        println!("adoption  {}", status::adoption_line(&found));
    }
    if let Some(found) = status::strangers(&conn)? {
        println!("strangers {}", status::stranger_line(&found));
    }
    let shared_cards = ledger::shared::count(&conn)?;
    if shared_cards > 0 {
        println!("cards     {}", status::shared_line(shared_cards));
    }
    Ok(())
}

/// What the PACS defines, and what it has ceased to define; nothing where nothing was imported.
fn entitlement_lines(imported: &Summary) -> String {
    let Summary { defined, vanished, names, held_assignments, missed } = imported;
    let mut lines = String::new();
    if defined + vanished > 0 {
        lines += &format!("entitled  {defined} entitlements defined in the PACS\n");
    }
    if *vanished > 0 {
        let more = if names.len() as u64 == *vanished { "" } else { ", ..." };
        lines += &format!(
            "vanished  {vanished} defined there no longer: {}{more}; {held_assignments} assignments held: \
             take them back at the source, or define the entitlements again\n",
            clean(&names.join(", "))
        );
    }
    if *missed > 0 {
        lines += &format!(
            "missed    {missed} of them were missing in the last import, which looks like an accident: the next \
             one decides\n"
        );
    }
    lines
}
