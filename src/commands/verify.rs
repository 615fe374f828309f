//! `doorward verify`: the mirror against its digests and the source's last word, row by row.

use crate::config;
use crate::mirror::Mirror;
use crate::mirror::integrity::{self, Report};
use anyhow::{Context, Result, bail};
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
    let mirror = Mirror::at(&config.state_dir);
    let mut conn = mirror.open_reader()?;
    let report = integrity::verify(&mut conn).with_context(|| {
        format!(
            "mirror {}: it cannot be read through; if this stays, stop the gateway and remove the file: everything is fetched again",
            mirror.path().display()
        )
    })?;
    if as_json {
        print_json(&report);
    } else {
        print(&report);
    }
    match (report.is_sound(), report.heard()) {
        (true, Some((.., true))) => Ok(()),
        (true, Some(_)) => bail!("the mirror is as it was written, but not equal to the source's last word"),
        (true, None) => {
            bail!("the source was not heard yet; is `doorward run` at work, and the broker reached?")
        }
        (false, _) => {
            bail!(
                "the mirror is damaged; a running gateway fetches again what differs, `doorward status` shows it"
            )
        }
    }
}

fn print(report: &Report) {
    println!("sqlite    {}", if report.sqlite.is_empty() { "ok" } else { "damaged" });
    report.sqlite.iter().for_each(|line| println!("          {line}"));
    println!("records   {}, root {} computed from the rows", report.records, report.root);
    let said = if report.root == report.standing.root { "the same" } else { "another" };
    println!("mirror    {said} root is written down: {}", report.standing.root);
    match report.heard() {
        Some((version, root, is_equal)) => {
            let said = if is_equal { "equal" } else { "NOT equal" };
            println!("source    {said}: root {root} at {version}, the last one heard");
        }
        None => println!("source    not heard yet"),
    }
    println!("faults    {}", report.faults.len());
    report.faults.iter().take(PRINTED_MAX).for_each(|fault| println!("          {fault}"));
    if report.faults.len() > PRINTED_MAX {
        println!("          and {} more", report.faults.len() - PRINTED_MAX);
    }
}

fn print_json(report: &Report) {
    let heard = report.heard();
    let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    let value = json!({
        "sound": report.is_sound(), "equal": heard.is_some_and(|(.., is_equal)| is_equal), "records": report.records, "root": report.root,
        "written_root": report.standing.root, "heard": heard.map(|(version, ..)| version), "heard_root": heard.map(|(_, root, _)| root),
        "in_sync": report.standing.out_of_sync.is_none(), "sqlite": report.sqlite, "faults": faults,
    });
    println!("{value}");
}
