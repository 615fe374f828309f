//! What a process uses and what a disk is given, as the kernel counts it.

use anyhow::{Context, Result, anyhow};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The kernel counts sectors of this size, whatever the disk's are.
const SECTOR_BYTES: u64 = 512;

/// CPU time of all living threads of `pid` so far, in nanoseconds.
pub(crate) fn cpu_ns(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // The scheduler's own count is exact where `stat` counts ticks of 10 ms.
        let text =
            fs::read_to_string(task?.path().join("schedstat")).context("the kernel has no schedstat")?;
        let ns = text.split_whitespace().next().context("empty schedstat")?;
        sum += ns.parse::<u64>()?;
    }
    Ok(sum)
}

/// Anonymous memory of `pid` in RAM now, in bytes: what it has for itself, without files it has mapped.
pub(crate) fn anonymous_bytes(pid: u32) -> Result<u64> {
    Ok(field(&format!("/proc/{pid}/status"), "RssAnon:")? * 1024)
}

/// Bytes that `pid` has dirtied of files so far.
pub(crate) fn write_bytes(pid: u32) -> Result<u64> {
    field(&format!("/proc/{pid}/io"), "write_bytes:")
}

fn field(file: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .with_context(|| format!("no {name} in {file}"))?;
    let number = rest.split_whitespace().next().unwrap_or_default();
    number.parse().map_err(|_| anyhow!("{file}: {name} {rest} is no number"))
}

/// The block device below a folder.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    stat: PathBuf,
    /// As the kernel calls it.
    pub(crate) name: String,
}

impl Disk {
    /// None where the file system is on no block device of its own: in memory, an overlay, a network's.
    pub(crate) fn below(folder: &Path) -> Option<Disk> {
        let device = fs::metadata(folder).ok()?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let link = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
        let name = fs::canonicalize(&link).ok()?.file_name()?.to_str()?.to_string();
        Some(Disk { stat: link.join("stat"), name })
    }

    /// Bytes that the device has been given so far by all of the machine, after what waits has been written.
    pub(crate) fn written(&self) -> Result<u64> {
        const SECTORS_WRITTEN: usize = 6;
        rustix::fs::sync();
        let text = fs::read_to_string(&self.stat)?;
        let sectors = text.split_whitespace().nth(SECTORS_WRITTEN).context("a short stat of the disk")?;
        Ok(sectors.parse::<u64>()? * SECTOR_BYTES)
    }
}
