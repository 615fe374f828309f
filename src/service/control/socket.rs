//! The socket files: made beside and renamed into place, with their rights from the first moment on.
//!
//! A file that a dead daemon has left is replaced: the lock on the state directory says that no other daemon runs
//! over this state. One that answers belongs to a daemon over another state, and is left alone.
//!
//! Not here: what is said over them.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// The socket to read from.
pub const READ_SOCKET: &str = "read.sock";
/// The socket to act by.
pub const ACT_SOCKET: &str = "act.sock";
/// The service and its group may connect, which takes the right to write.
const SOCKET_MODE: u32 = 0o660;
/// For a folder that nobody has made before; systemd makes it so, too.
const FOLDER_MODE: u32 = 0o750;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The system says no.
    #[error(
        "control socket {path}: cannot {what}: {source}; control_dir must be a short path that the service can \
         write (RuntimeDirectory=doorward in the unit makes /run/doorward)"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        what: &'static str,
        /// The system's words.
        source: io::Error,
    },
    /// Somebody answers there.
    #[error("control socket {path}: another daemon answers there; give each its own control_dir")]
    Taken {
        /// The file.
        path: PathBuf,
    },
}

/// A listening socket; its file goes with it.
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens at `name` in `folder`, which is made if its parent is there.
    pub(super) fn open(folder: &Path, name: &str) -> Result<Socket, SocketError> {
        let path = folder.join(name);
        let failed = |what| {
            let path = path.clone();
            move |source| SocketError::Io { path, what, source }
        };
        if !folder.is_dir() {
            DirBuilder::new().mode(FOLDER_MODE).create(folder).map_err(failed("make its folder"))?;
        }
        if std::os::unix::net::UnixStream::connect(&path).is_ok() {
            return Err(SocketError::Taken { path });
        }
        let beside = folder.join(format!("{name}.new"));
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed("replace what was left")(error));
            }
            _ => {}
        }
        let listener = UnixListener::bind(&beside).map_err(failed("listen"))?;
        let mode = Permissions::from_mode(SOCKET_MODE);
        std::fs::set_permissions(&beside, mode).map_err(failed("set its rights"))?;
        std::fs::rename(&beside, &path).map_err(failed("put it in place"))?;
        Ok(Socket { listener, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // So that a client is told that no daemon runs; one that is left behind says so, too.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "the control socket's file stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{READ_SOCKET, Socket, SocketError};

    #[test]
    fn what_a_dead_daemon_left_is_replaced_and_who_answers_is_left_alone() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        let _inside = runtime.enter();
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("control");
        let path = folder.join(READ_SOCKET);
        let first = Socket::open(&folder, READ_SOCKET).expect("a new folder and socket");
        let second = Socket::open(&folder, READ_SOCKET).err();
        assert!(matches!(second, Some(SocketError::Taken { .. })), "{second:?}");
        assert!(path.exists());
        drop(first);
        assert!(!path.exists(), "the file goes with the socket");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
        assert!(path.exists(), "as a daemon leaves it that was killed");
        assert!(Socket::open(&folder, READ_SOCKET).is_ok());
        let nowhere = Socket::open(&folder.join("a/b"), READ_SOCKET).err().map(|error| error.to_string());
        assert!(nowhere.as_ref().is_some_and(|words| words.contains("control_dir")), "{nowhere:?}");
    }
}
