//! `doorward restore`: this panel takes the place of one that was backed up.
//!
//! Not here: the state directory (`service::restoring`).

use super::init::placing::{hand_over, make_secrets_folder};
use crate::cli::RestoreArgs;
use crate::config::{self, Keep, Readers, SECRETS_FOLDER, place, service_group};
use crate::mirror::backup::{self, Backup, Kept};
use crate::service::backing_up::CONFIG_NAME;
use crate::service::restoring::{self, Done, Wish};
use anyhow::{Context, Result, bail};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Restores it, and says what is not as it was. The configuration comes last: until the state is in its place nothing else
/// has changed.
///
/// # Errors
/// When it is not restored; the panel is what it was then, unless a file of the configuration cannot be written.
pub fn restore(file: &Path, args: &RestoreArgs) -> Result<()> {
    let mut backup = Backup::open(&args.file)?;
    let files = if args.with_config { files(file, args, &mut backup)? } else { Vec::new() };
    let config = match files.iter().find(|(_, kept)| kept.name == CONFIG_NAME) {
        Some((_, kept)) => config::parse(file, &String::from_utf8_lossy(&kept.content))?,
        None => config::load(file)?,
    };
    let wish = Wish { replace: args.replace, doors_open: args.doors_open };
    let stream = format!("{:016x}", fastrand::u64(..));
    let done = restoring::restore(&config, &mut backup, wish, &stream)?;
    if args.with_config {
        place_all(file, args, files)?;
    }
    print(&done, args);
    Ok(())
}

fn print(Done { made_at, records, afresh }: &Done, args: &RestoreArgs) {
    println!("{records} records as of {made_at}, every digest computed again");
    if args.doors_open {
        println!("doors open by them at once, also for whoever lost a right or a card since then");
    } else {
        println!("no door opens by them until they were compared with the source");
    }
    println!("the PACS gets nothing new until then; what the ledger says of it is looked up again");
    if afresh.events > 0 {
        println!(
            "{} events that the source did not have then are sent to it, perhaps once more",
            afresh.events
        );
    }
    if afresh.enrollments > 0 {
        println!("{} enrollments are void: have those cards tapped again", afresh.enrollments);
    }
    if afresh.revocations > 0 {
        println!("{} tokens stay revoked here until the source settles them", afresh.revocations);
    }
    if afresh.lockdown {
        println!("the lockdown of then goes on: doorward door end-lockdown");
    }
    println!(
        "What was ordered at that panel after {made_at} is not in it: order it again if it still has to be"
    );
    println!("(token revoke, door lockdown).");
    println!(
        "Start it: systemctl start doorward. The panel that it replaces must never come back beside it."
    );
}

/// The files that went along, and where each belongs; nothing that is there is given up unasked.
fn files(file: &Path, args: &RestoreArgs, backup: &mut Backup) -> Result<Vec<(PathBuf, Kept)>> {
    let kept = backup::files_of(backup)?;
    if !kept.iter().any(|kept| kept.name == CONFIG_NAME) {
        bail!("backup {}: has no configuration; write one: doorward init", args.file.display());
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for kept in kept {
        if !backup::is_name(&kept.name) {
            bail!("the backup names {:?}, which lies outside of {}", kept.name, folder.display());
        }
        let path = if kept.name == CONFIG_NAME { file.to_path_buf() } else { folder.join(&kept.name) };
        files.push((path, kept));
    }
    let paths = files.iter().map(|(path, _)| path).chain([&args.drop_in]);
    if let Some(path) = paths.into_iter().find(|path| path.exists() && !args.replace) {
        bail!("{}: is there already; leave --with-config out, or give --replace", path.display());
    }
    Ok(files)
}

/// Each in its place.
fn place_all(file: &Path, args: &RestoreArgs, files: Vec<(PathBuf, Kept)>) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut credentials = Vec::new();
    for (path, Kept { name, mode, content }) in files {
        if path.parent() == Some(&folder.join(SECRETS_FOLDER)) {
            make_secrets_folder(folder)?;
            credentials.push(path.clone());
        } else if let Some(folder) = path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
            made.with_context(|| format!("cannot make {}", folder.display()))?;
        }
        // A backup says who may read; that others may, or that something runs, is none of its business.
        let readers = if name == CONFIG_NAME {
            Readers::of_configuration()
        } else {
            Readers { mode: mode & 0o640, group: service_group() }
        };
        let old = place(&path, &content, readers, Keep::Before);
        let old = old.with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
        if let Some(old) = old {
            println!("  the one before is {}", old.display());
        }
    }
    hand_over(&args.drop_in, &credentials)
}
