//! `doorward verify`: the mirror against its digests and the source's last word, row by row.

use crate::config;
use crate::mirror::Mirror;
use crate::mirror::integrity::{self, Report};
use anyhow::{Result, bail};
use serde_json::json;
use std::path::Path;

/// Faults printed one by one.
const PRINTED_MAX: usize = 100;

/// Looks at everything and prints what was found.
///
/// # Errors
/// When the mirror is not what was written or cannot be read, or when it is not equal to the source's.
pub fn verify(config: &Path, as_json: bool) -> Result<()> {
    let config = config::load(config)?;
    let mut conn = Mirror::at(&config.state_dir).open_reader()?;
    let report = integrity::verify(&mut conn)?;
    if as_json {
        print_json(&report);
    } else {
        print(&report);
    }
    let (.., is_equal) = report.heard();
    match (report.is_sound(), is_equal) {
        (true, true) => Ok(()),
        (true, false) => bail!("the mirror is as it was written, but not equal to the source's last word"),
        (false, _) => {
            bail!(
                "the mirror is damaged; a running gateway fetches again what differs, `doorward status` shows it"
            )
        }
    }
}

fn print(report: &Report) {
    let (version, root, is_equal) = report.heard();
    println!("sqlite    {}", if report.sqlite.is_empty() { "ok" } else { "damaged" });
    report.sqlite.iter().for_each(|line| println!("          {line}"));
    println!("records   {}, root {} computed from the rows", report.records, report.root);
    let said = if report.root == report.standing.root { "the same" } else { "another" };
    println!("mirror    {said} root is written down: {}", report.standing.root);
    let said = if is_equal { "equal" } else { "NOT equal" };
    println!("source    {said}: root {root} at {version}, the last one heard");
    println!("faults    {}", report.faults.len());
    report.faults.iter().take(PRINTED_MAX).for_each(|fault| println!("          {fault}"));
    if report.faults.len() > PRINTED_MAX {
        println!("          and {} more", report.faults.len() - PRINTED_MAX);
    }
}

fn print_json(report: &Report) {
    let (version, root, is_equal) = report.heard();
    let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    let value = json!({
        "sound": report.is_sound(), "equal": is_equal, "records": report.records, "root": report.root,
        "written_root": report.standing.root, "heard": version, "heard_root": root,
        "in_sync": report.standing.out_of_sync.is_none(), "sqlite": report.sqlite, "faults": faults,
    });
    println!("{value}");
}
