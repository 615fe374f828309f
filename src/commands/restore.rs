//! `doorward restore`: this panel takes the place of one that was backed up.
//!
//! Not here: the state directory (`service::restoring`).

use super::init::placing::{hand_over, make_secrets_folder};
use crate::cli::RestoreArgs;
use crate::config::{self, Keep, Readers, SECRETS_FOLDER, place, service_group};
use crate::mirror::backup::{self, Kept};
use crate::service::backing_up::CONFIG_NAME;
use crate::service::restoring::{self, Restored, Wish};
use anyhow::{Context, Result, bail};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

/// Restores it, and says what is not as it was.
///
/// # Errors
/// When it is not restored; the panel is what it was then.
pub fn restore(file: &Path, args: &RestoreArgs) -> Result<()> {
    if args.with_config {
        restore_config(file, args)?;
    }
    let config = config::load(file)?;
    let wish = Wish { replace: args.replace, doors_open: args.doors_open };
    let stream = format!("{:016x}", fastrand::u64(..));
    let restored = restoring::restore(&config, &args.file, wish, &stream)?;
    print(&restored, args);
    Ok(())
}

fn print(Restored { made_at, records, afresh }: &Restored, args: &RestoreArgs) {
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
        "Start it: systemctl start doorward. The panel that it replaces must never come back beside it."
    );
}

/// The files that went along, each in its place.
fn restore_config(file: &Path, args: &RestoreArgs) -> Result<()> {
    let (_, files) = backup::files_of(&args.file)?;
    if files.is_empty() {
        bail!("backup {}: has no configuration; write one: doorward init", args.file.display());
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut wanted = Vec::new();
    for kept in &files {
        let path = if kept.name == CONFIG_NAME { file.to_path_buf() } else { inside(folder, &kept.name)? };
        if path.exists() && !args.replace {
            bail!("{}: is there already; leave --with-config out, or give --replace", path.display());
        }
        wanted.push((path, kept));
    }
    let mut credentials = Vec::new();
    for (path, Kept { mode, content, .. }) in wanted {
        if path.parent() == Some(&folder.join(SECRETS_FOLDER)) {
            make_secrets_folder(folder)?;
            credentials.push(path.clone());
        } else if let Some(folder) = path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
            made.with_context(|| format!("cannot make {}", folder.display()))?;
        }
        // A backup says who may read; that others may, or that something runs, is none of its business.
        let readers = Readers { mode: *mode & 0o640, group: service_group() };
        let old = place(&path, content, readers, Keep::Before);
        let old = old.with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
        if let Some(old) = old {
            println!("  the one before is {}", old.display());
        }
    }
    hand_over(&args.drop_in, &credentials)
}

/// Where a file of this name belongs; never outside of the configuration's folder.
fn inside(folder: &Path, name: &str) -> Result<PathBuf> {
    let name = Path::new(name);
    if !name.components().all(|part| matches!(part, Component::Normal(_))) {
        bail!("the backup names {}, which lies outside of {}", name.display(), folder.display());
    }
    Ok(folder.join(name))
}
