//! `doorward status`: where the mirror and the export stand.

use crate::config;
use crate::export::ledger;
use crate::mirror::{Mirror, list};
use crate::service::lock;
use anyhow::Result;
use serde_json::json;
use std::path::Path;

/// Prints the state.
///
/// # Errors
/// When the configuration or the mirror cannot be read.
pub fn status(config: &Path, as_json: bool) -> Result<()> {
    let config = config::load(config)?;
    let conn = Mirror::at(&config.state_dir).open_reader()?;
    let summary = list::summary(&conn)?;
    let export = ledger::counts(&conn)?;
    let running = lock::is_held(&config.state_dir);
    let standing = &summary.standing;
    let records: serde_json::Map<_, _> =
        summary.records.iter().map(|(kind, count)| (kind.clone(), json!(count))).collect();
    if as_json {
        let value = json!({
            "site": summary.site, "gateway": config.gateway, "running": running,
            "head": standing.head, "proven": standing.floor, "root": standing.root,
            "in_sync": standing.out_of_sync.is_none(),
            "whole": standing.whole,
            "repair": summary.covered.map(|(done, of)| json!({ "done": done, "of": of })),
            "out_of_sync": standing.out_of_sync.map(crate::mirror::standing::OutOfSync::as_str),
            "records": records, "refused": summary.refused,
            "events": { "waiting": summary.events.waiting, "lost": summary.events.lost },
            "export": { "persons": export.persons, "backlog": export.backlog, "held": export.held },
        });
        println!("{value}");
        return Ok(());
    }
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
    println!("events    {} waiting, {} lost", summary.events.waiting, summary.events.lost);
    println!(
        "export    {} persons in the PACS, {} items to do, {} held",
        export.persons, export.backlog, export.held
    );
    Ok(())
}
