//! Root, at work in a folder of somebody else's: what it does there it does by that one's rights. So no file there ends as
//! root's, which the service could not open, and no link that the service has laid there leads root anywhere.
//!
//! Not here: what is done there.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Most groups that are remembered of whoever gives their rights up for a while.
const GROUPS_MAX: usize = 64;

/// For as long as it lives this process has the rights of a folder's owner alone. For commands: it is of all threads.
#[derive(Debug)]
pub struct AsOwner {
    groups: Option<Vec<libc::gid_t>>,
}

impl AsOwner {
    /// Takes the rights of the owner of `folder`; whoever is not root has no others to give up.
    ///
    /// # Errors
    /// The system's; the rights are then what they were.
    pub fn of(folder: &Path) -> io::Result<AsOwner> {
        let owner = fs::metadata(folder)?;
        if owner.uid() == 0 || !rustix::process::geteuid().is_root() {
            return Ok(AsOwner { groups: None });
        }
        // Made first, so that a failure half way is undone by its end.
        let taken = AsOwner { groups: Some(groups()?) };
        set_groups(&[])?;
        set_group(owner.gid())?;
        set_user(owner.uid())?;
        Ok(taken)
    }
}

impl Drop for AsOwner {
    fn drop(&mut self) {
        if let Some(groups) = &self.groups {
            // The user first: only root may change the others. Without them whatever follows fails with words of its own.
            let _ = set_user(0).and_then(|()| set_group(0)).and_then(|()| set_groups(groups));
        }
    }
}

fn done(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[expect(unsafe_code, reason = "rights of a process have no safe wrapper")]
fn groups() -> io::Result<Vec<libc::gid_t>> {
    let mut all = vec![0; GROUPS_MAX];
    let most = libc::c_int::try_from(GROUPS_MAX).unwrap_or(libc::c_int::MAX);
    // SAFETY: the list has room for as many as are said.
    let found = done(unsafe { libc::getgroups(most, all.as_mut_ptr()) })?;
    all.truncate(usize::try_from(found).unwrap_or(0));
    Ok(all)
}

#[expect(unsafe_code, reason = "rights of a process have no safe wrapper")]
fn set_groups(groups: &[libc::gid_t]) -> io::Result<()> {
    // SAFETY: the list is as long as is said, and only read.
    done(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) }).map(drop)
}

#[expect(unsafe_code, reason = "rights of a process have no safe wrapper")]
fn set_group(group: u32) -> io::Result<()> {
    // SAFETY: it takes a number alone.
    done(unsafe { libc::setegid(group) }).map(drop)
}

#[expect(unsafe_code, reason = "rights of a process have no safe wrapper")]
fn set_user(user: u32) -> io::Result<()> {
    // SAFETY: it takes a number alone.
    done(unsafe { libc::seteuid(user) }).map(drop)
}
