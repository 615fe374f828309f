//! The files, each in its place; the configuration last, so that there is none before everything it names is there.

use super::answers::Answers;
use super::text::COPIES;
use crate::cli::InitArgs;
use crate::config::{Keep, Readers, SECRETS_FOLDER, place, service_group};
use anyhow::{Context, Result};
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
    let secrets = folder.join(SECRETS_FOLDER);
    let mut drop_in = String::from("# Written by `doorward init`.\n[Service]\n");
    let mut has_secret = false;
    for (name, secret) in answers.secrets() {
        make_folder(&secrets, SECRETS_MODE)?;
        fs::set_permissions(&secrets, fs::Permissions::from_mode(SECRETS_MODE))
            .with_context(|| format!("{}", secrets.display()))?;
        let path = secrets.join(name);
        put(&path, secret.expose().as_bytes(), SECRET, Keep::Nothing)?;
        let path = std::path::absolute(&path).unwrap_or(path);
        let _ = writeln!(drop_in, "LoadCredential={name}:{}", path.display());
        has_secret = true;
    }
    for (flag, copy) in COPIES {
        if answers.has_text(flag) {
            let from = answers.text(flag);
            let content = fs::read(from).with_context(|| from.to_owned())?;
            put(&folder.join(copy), &content, OPEN, Keep::Nothing)?;
        }
    }
    if has_secret {
        if let Some(folder) = args.drop_in.parent() {
            make_folder(folder, 0o755)?;
        }
        put(&args.drop_in, drop_in.as_bytes(), OPEN, Keep::Nothing)?;
    }
    make_folder(&args.state_dir, 0o700)?;
    let group = service_group();
    let readers = Readers { mode: 0o640, group };
    if let Some(old) = put(file, text.as_bytes(), readers, Keep::Before)? {
        println!("  the one before is {}", old.display());
    }
    println!("Then: systemctl daemon-reload, and systemctl enable --now doorward");
    Ok(())
}

fn put(path: &Path, content: &[u8], readers: Readers, keep: Keep) -> Result<Option<PathBuf>> {
    let kept = place(path, content, readers, keep).with_context(|| format!("{}", path.display()))?;
    println!("wrote {} (mode {:o})", path.display(), readers.mode);
    Ok(kept)
}

fn make_folder(folder: &Path, mode: u32) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(folder);
    made.with_context(|| format!("cannot make {}", folder.display()))
}
