//! The Unix datagram socket beside the file: any datagram means "look into the file now".
//!
//! It carries no data and a lost one costs a second ([`super::TICK_MS`]), so a second writer, a stale
//! socket or a path too long for one is no reason to fail.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Where the socket of the file `db` is.
pub fn socket_path(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".wake");
    name.into()
}

/// Wakes the `serve` of `db`; false when none listens.
pub fn wake(db: &Path) -> bool {
    let send = || -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        // A full queue means that it is about to wake anyway.
        socket.set_nonblocking(true)?;
        socket.send_to(b"wake", socket_path(db)).map(|_| ())
    };
    match send() {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

/// Listens for [`wake`]. The caller holds the lock of `db`, so that an existing socket is a stale one.
///
/// # Errors
/// When the socket cannot be made, e.g. its path has more than 107 bytes.
pub fn listen(db: &Path) -> io::Result<tokio::net::UnixDatagram> {
    let path = socket_path(db);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = tokio::net::UnixDatagram::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(socket)
}
