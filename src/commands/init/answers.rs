//! What was said, by flag.
//!
//! Not here: whether it makes sense (`questions`, and the loader).

use super::questions::QUESTIONS;
use crate::cli::InitArgs;
use access::text::Secret;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where boards and profiles are, beside the place that is asked in.
const SHIPPED: &str = "/usr/share/doorward";
/// Longest secret in bytes, as the loader has it.
const SECRET_MAX_BYTES: u64 = 64 * 1024;

/// What was said.
pub(super) struct Answers {
    texts: BTreeMap<&'static str, String>,
    secrets: BTreeMap<&'static str, Secret>,
    readers: Option<Vec<String>>,
}

impl Answers {
    /// By the flags alone.
    pub(super) fn given(args: &InitArgs) -> Result<Answers> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let doors = (!args.door.is_empty()).then(|| args.door.join(","));
        let texts = [
            ("site", args.site.clone()),
            ("gateway", args.gateway.clone()),
            ("broker-host", args.broker_host.clone()),
            ("broker-port", args.broker_port.clone()),
            ("broker-ca", path(&args.broker_ca)),
            ("broker-cert", path(&args.broker_cert)),
            ("broker-username", args.broker_username.clone()),
            ("board", args.board.clone()),
            ("door", doors),
            ("pacs-profile", args.pacs_profile.clone()),
            ("pacs-url", args.pacs_url.clone()),
            ("pacs-ca", path(&args.pacs_ca)),
            ("pacs-system-id", args.pacs_system_id.clone()),
            ("pacs-username", args.pacs_username.clone()),
        ];
        let files = [
            ("broker-key", &args.broker_key_file),
            ("broker-password", &args.broker_password_file),
            ("reader-key", &args.reader_key_file),
            ("pacs-password", &args.pacs_password_file),
        ];
        let from_stdin = files.iter().filter(|(_, file)| file.as_deref() == Some(Path::new("-"))).count();
        if from_stdin > 1 {
            bail!("only one secret can come from standard input; give the others by files");
        }
        let mut answers = Answers {
            texts: texts.into_iter().filter_map(|(flag, text)| Some((flag, text?))).collect(),
            secrets: BTreeMap::new(),
            readers: (!args.reader.is_empty()).then(|| args.reader.clone()),
        };
        for (flag, file) in files {
            if let Some(file) = file {
                let secret =
                    read_secret(file).with_context(|| format!("--{flag}-file {}", file.display()))?;
                answers.secrets.insert(flag, secret);
            }
        }
        Ok(answers)
    }

    pub(super) fn has(&self, flag: &str) -> bool {
        self.texts.contains_key(flag) || self.secrets.contains_key(flag)
    }

    /// What was said there; empty if nothing was.
    pub(super) fn text(&self, flag: &str) -> &str {
        self.texts.get(flag).map_or("", String::as_str)
    }

    /// Whether something was said there.
    pub(super) fn has_text(&self, flag: &str) -> bool {
        !self.text(flag).is_empty()
    }

    pub(super) fn secret(&self, flag: &str) -> Option<&Secret> {
        self.secrets.get(flag)
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        self.secrets.iter().map(|(flag, secret)| (*flag, secret))
    }

    pub(super) fn say(&mut self, flag: &'static str, text: String) {
        self.texts.insert(flag, text);
    }

    pub(super) fn keep_secret(&mut self, flag: &'static str, secret: Secret) {
        self.secrets.insert(flag, secret);
    }

    /// Forgets what led to a complaint about this key; false when nothing did.
    pub(super) fn forget(&mut self, key: &str) -> bool {
        if key == "reader" || key.starts_with("reader[") {
            self.readers = None;
            return true;
        }
        let about = QUESTIONS.iter().find(|question| question.is_about(key));
        about.is_some_and(|question| {
            self.texts.remove(question.flag).is_some() | self.secrets.remove(question.flag).is_some()
        })
    }

    /// Each reader as its flag has it.
    pub(super) fn readers(&self) -> &[String] {
        self.readers.as_deref().unwrap_or_default()
    }

    pub(super) fn asks_readers(&self) -> bool {
        self.readers.is_none()
    }

    pub(super) fn set_readers(&mut self, readers: Vec<String>) {
        self.readers = Some(readers);
    }

    pub(super) fn has_osdp(&self) -> bool {
        self.readers().iter().any(|reader| reader.split(',').nth(1).map(str::trim) == Some("osdp"))
    }
}

/// A secret from a file, or from standard input; the end of its line is none of it.
fn read_secret(file: &Path) -> Result<Secret> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().take(SECRET_MAX_BYTES).read_to_string(&mut text)?;
    } else {
        fs::File::open(file)?.take(SECRET_MAX_BYTES).read_to_string(&mut text)?;
    }
    text.truncate(text.trim_end_matches('\n').trim_end_matches('\r').len());
    if text.is_empty() {
        bail!("is empty; write the secret into it");
    }
    Ok(Secret::from(text))
}

/// The words between commas.
pub(super) fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// A board by its name or as a file.
pub(super) fn board_file(name: &str) -> PathBuf {
    shipped("boards", name)
}

/// A profile by its name or as a file.
pub(super) fn profile_file(name: &str) -> PathBuf {
    shipped("profiles", name)
}

fn shipped(folder: &str, name: &str) -> PathBuf {
    let by_name = |root: &Path| root.join(folder).join(format!("{name}.toml"));
    let places = [by_name(Path::new(SHIPPED)), by_name(Path::new("."))];
    let is_name = !name.contains(['/', '.']);
    let found = places.into_iter().find(|path| is_name && path.exists());
    let path = found.unwrap_or_else(|| PathBuf::from(name));
    // The service stands elsewhere.
    std::path::absolute(&path).unwrap_or(path)
}

/// The names of those that are shipped.
pub(super) fn shipped_names(folder: &str) -> Vec<String> {
    let read = |root: &Path| fs::read_dir(root.join(folder)).ok();
    let Some(files) = read(Path::new(SHIPPED)).or_else(|| read(Path::new("."))) else { return Vec::new() };
    let name = |path: PathBuf| {
        let is_toml = path.extension().is_some_and(|end| end == "toml");
        path.file_stem().filter(|_| is_toml).map(|name| name.to_string_lossy().into_owned())
    };
    let mut names: Vec<String> = files.flatten().filter_map(|file| name(file.path())).collect();
    names.sort();
    names
}
