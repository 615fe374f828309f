//! Putting a file in its place: whole or not at all, and readable by those who may.
//!
//! Not here: what it holds.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Readers {
    /// As `chmod` has it.
    pub mode: u32,
    /// This group's, where whoever writes may give it away.
    pub group: Option<u32>,
}

impl Readers {
    /// Of the configuration, which holds no secret: the service's group; everybody where that is not there yet, since the
    /// service could not read it otherwise.
    pub fn of_configuration() -> Readers {
        let group = service_group();
        Readers { mode: if group.is_some() { 0o640 } else { 0o644 }, group }
    }
}

/// What becomes of the file that was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// It is forgotten.
    Nothing,
    /// It is kept beside, with `.bak-` and the first number that is free behind its name.
    Before,
}

/// Writes `content` beside `path` and renames it over; on disk when this returns. Gives the name under which what was there
/// is kept.
///
/// # Errors
/// The system's; `path` is what it was then.
pub fn place(path: &Path, content: &[u8], readers: Readers, old: Keep) -> io::Result<Option<PathBuf>> {
    let beside = with_suffix(path, ".new");
    write(&beside, content, readers).inspect_err(|_| drop(fs::remove_file(&beside)))?;
    let swap = || -> io::Result<Option<PathBuf>> {
        let kept = match old {
            Keep::Before => keep(path)?,
            Keep::Nothing => None,
        };
        fs::rename(&beside, path)?;
        Ok(kept)
    };
    let kept = swap().inspect_err(|_| drop(fs::remove_file(&beside)))?;
    match path.parent() {
        Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all()?,
        _ => File::open(".")?.sync_all()?,
    }
    Ok(kept)
}

fn write(beside: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let _ = fs::remove_file(beside);
    // Nobody's but ours until all is set.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    file.write_all(content)?;
    if let Some(group) = readers.group {
        fchown(&file, None, Some(group))?;
    }
    file.set_permissions(fs::Permissions::from_mode(readers.mode))?;
    file.sync_all()
}

/// A second name for what is there, so that the place is never empty.
fn keep(path: &Path) -> io::Result<Option<PathBuf>> {
    if !path.exists() {
        return Ok(None);
    }
    for n in 1_u32.. {
        let kept = with_suffix(path, &format!(".bak-{n}"));
        match fs::hard_link(path, &kept) {
            Ok(()) => return Ok(Some(kept)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The service's group, which reads the configuration; none where it is not there yet, or where only root could give a
/// file to it.
pub fn service_group() -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok().filter(|_| rustix::process::geteuid().is_root())?;
    let line = groups.lines().find(|line| line.starts_with("doorward:"))?;
    line.split(':').nth(2)?.parse().ok()
}
