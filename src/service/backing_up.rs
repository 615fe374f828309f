//! Makes a backup: the mirror, the clock's floor, and the configuration where it is asked for.
//!
//! Not here: the file (`mirror::backup`), what becomes of it ([`super::restoring`]).

use crate::clock::floor::{Floor, FloorError};
use crate::config::{Config, SECRETS_FOLDER, SecretSource};
use crate::mirror::Mirror;
use crate::mirror::backup::{self, About, BackupError, FILE_MAX_BYTES, FILES_MAX, Kept, MODE, is_name};
use access::time::UtcTime;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The configuration's name in a backup.
pub const CONFIG_NAME: &str = "config.toml";

/// Of what the service reads itself: root's, and readable by its group.
const GROUP_MODE: u32 = 0o640;

/// What goes along beside the mirror.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Along {
    /// Nothing.
    State,
    /// The configuration and what it names in its folder, without secrets.
    Config,
    /// Secrets as well.
    Secrets,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackingUpError {
    /// The mirror or the file.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The floor.
    #[error(transparent)]
    Floor(#[from] FloorError),
    /// Something that is to go along.
    #[error("{path}: {problem}; correct it, or leave --with-config out")]
    Along {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// What is beside the mirror in a backup.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// The names of what went along.
    pub names: Vec<String>,
    /// What the configuration names and did not go along, since it lies elsewhere than the configuration.
    pub left: Vec<PathBuf>,
}

/// Writes a backup of this panel, whose configuration was read from `file`, to `to`.
///
/// # Errors
/// As [`BackingUpError`] says.
pub fn make(
    config: &Config,
    file: &Path,
    to: &Path,
    along: Along,
    now: UtcTime,
) -> Result<Taken, BackingUpError> {
    let clock_floor = Floor::open(&config.state_dir)?.at();
    let about = About { gateway: config.gateway.to_string(), made_at: now, clock_floor };
    let (files, left) = match along {
        Along::State => Default::default(),
        Along::Config | Along::Secrets => collect(config, file, along == Along::Secrets)?,
    };
    backup::make(&Mirror::at(&config.state_dir), to, &about, &files)?;
    Ok(Taken { names: files.into_iter().map(|kept| kept.name).collect(), left })
}

fn collect(
    config: &Config,
    file: &Path,
    with_secrets: bool,
) -> Result<(Vec<Kept>, Vec<PathBuf>), BackingUpError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut kept = vec![read(file, CONFIG_NAME.into(), GROUP_MODE)?];
    let mut left = Vec::new();
    let mut wanted = named_files(config);
    if with_secrets {
        wanted.extend(secrets(config, folder));
    }
    for (path, mode) in wanted {
        match path.strip_prefix(folder).ok().and_then(Path::to_str).filter(|name| is_name(name)) {
            Some(name) => kept.push(read(&path, name.to_owned(), mode)?),
            // A package's comes with the package.
            None if path.starts_with("/usr") => {}
            None => left.push(path),
        }
    }
    if kept.len() > usize::try_from(FILES_MAX).unwrap_or(usize::MAX) {
        let problem = format!("names {} files beside it, more than {FILES_MAX}", kept.len() - 1);
        return Err(BackingUpError::Along { path: file.into(), problem });
    }
    Ok((kept, left))
}

fn named_files(config: &Config) -> BTreeMap<PathBuf, u32> {
    let broker = &config.broker;
    let mut files = vec![config.board.as_ref(), broker.ca_file.as_ref(), broker.client_cert_file.as_ref()];
    if let Some(pacs) = &config.pacs {
        files.extend([Some(&pacs.profile), pacs.ca_file.as_ref(), pacs.client_cert_file.as_ref()]);
    }
    files.into_iter().flatten().map(|path| (path.clone(), GROUP_MODE)).collect()
}

/// Files of secrets, and those that systemd hands over where the shipped unit has them: nobody's but root's.
fn secrets(config: &Config, folder: &Path) -> BTreeMap<PathBuf, u32> {
    let broker = [&config.broker.client_key, &config.broker.password];
    let pacs = config.pacs.iter().flat_map(|pacs| [&pacs.client_key, &pacs.password]);
    let readers = config.reader.iter().map(|reader| &reader.key);
    let all = broker.into_iter().chain(pacs).chain(readers).flatten();
    let place = |secret: &SecretSource| match (&secret.file, &secret.credential) {
        (Some(file), _) => Some((file.clone(), GROUP_MODE)),
        // One that is not there is an error: a backup without it would be found out when the panel is dead.
        (None, Some(name)) => Some((folder.join(SECRETS_FOLDER).join(name), MODE)),
        (None, None) => None,
    };
    all.filter_map(place).collect()
}

fn read(path: &Path, name: String, mode: u32) -> Result<Kept, BackingUpError> {
    let error = |problem: String| BackingUpError::Along { path: path.into(), problem };
    let found = fs::metadata(path).map_err(|source| error(source.to_string()))?;
    if found.len() > FILE_MAX_BYTES {
        return Err(error(format!("is larger than {FILE_MAX_BYTES} bytes")));
    }
    let content = fs::read(path).map_err(|source| error(source.to_string()))?;
    Ok(Kept { name, mode, content })
}
