//! The files, each in its place; the configuration last, so that there is none before everything it names is there.

use super::answers::Answers;
use super::text::COPIES;
use crate::cli::InitArgs;
use crate::config::{Keep, Readers, SECRETS_FOLDER, place};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Of the folder of the secrets: root's alone.
const SECRETS_MODE: u32 = 0o700;
/// Of a secret: systemd reads it as root.
const SECRET: Readers = Readers { mode: 0o600, group: None };
/// Of what is no secret.
const OPEN: Readers = Readers { mode: 0o644, group: None };

/// Writes all of it, and says what was written.
pub(super) fn place_all(file: &Path, args: &InitArgs, answers: &Answers, text: &str) -> Result<()> {
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    make_folder(folder, 0o755)?;
    let mut credentials = Vec::new();
    for (name, secret) in answers.secrets() {
        let path = make_secrets_folder(folder)?.join(name);
        put(&path, secret.expose().as_bytes(), SECRET, Keep::Nothing)?;
        credentials.push(path);
    }
    for (flag, copy) in COPIES {
        if answers.has_text(flag) {
            let from = answers.text(flag);
            let content = fs::read(from).with_context(|| from.to_owned())?;
            put(&folder.join(copy), &content, OPEN, Keep::Nothing)?;
        }
    }
    hand_over(&args.drop_in, &credentials)?;
    make_folder(&args.state_dir, 0o700)?;
    if let Some(old) = put(file, text.as_bytes(), Readers::of_configuration(), Keep::Before)? {
        println!("  the one before is {}", old.display());
    }
    println!("Then: systemctl daemon-reload, and systemctl enable --now doorward");
    Ok(())
}

/// The folder of the secrets beside the configuration in `folder`.
pub(in crate::commands) fn make_secrets_folder(folder: &Path) -> Result<PathBuf> {
    let secrets = folder.join(SECRETS_FOLDER);
    make_folder(&secrets, SECRETS_MODE)?;
    let closed = fs::set_permissions(&secrets, fs::Permissions::from_mode(SECRETS_MODE));
    closed.with_context(|| format!("{}", secrets.display()))?;
    Ok(secrets)
}

/// Writes the drop-in by which systemd hands these secrets to the service, if there are any.
pub(in crate::commands) fn hand_over(drop_in: &Path, secrets: &[PathBuf]) -> Result<()> {
    if secrets.is_empty() {
        return Ok(());
    }
    let mut text =
        String::from("# Written by `doorward`: secrets that only root reads, for the service.\n[Service]\n");
    for path in secrets {
        let path = std::path::absolute(path).with_context(|| format!("{}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let shown = path.to_string_lossy();
        if shown.chars().any(char::is_control) {
            bail!("{shown:?}: no unit can name it; choose another folder for the configuration");
        }
        // `%` is systemd's.
        let _ = writeln!(text, "LoadCredential={name}:{}", shown.replace('%', "%%"));
    }
    if let Some(folder) = drop_in.parent() {
        make_folder(folder, 0o755)?;
    }
    put(drop_in, text.as_bytes(), OPEN, Keep::Nothing).map(drop)
}

fn put(path: &Path, content: &[u8], readers: Readers, keep: Keep) -> Result<Option<PathBuf>> {
    let kept = place(path, content, readers, keep).with_context(|| format!("{}", path.display()))?;
    println!("wrote {} (mode {:o})", path.display(), readers.mode);
    Ok(kept)
}

/// The mode is the folder's own, not that of what it lies in. On disk when this returns.
fn make_folder(folder: &Path, mode: u32) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let make = || {
        fs::create_dir_all(parent)?;
        DirBuilder::new().mode(mode).create(folder)?;
        fs::File::open(parent)?.sync_all()
    };
    make().with_context(|| format!("cannot make {}", folder.display()))
}
