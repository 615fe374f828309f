//! Which version of its protocol pcscd speaks: asked by the first message of that protocol, which has not changed.
//!
//! A client of another version is refused, and says no more than that there is no service.
//!
//! Not here: whether the client of this program comes along with it ([`super::inventory`] tries that).

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Where pcscd listens, unless the environment says otherwise.
const SOCKET: &str = "/run/pcscd/pcscd.comm";
/// How the environment says otherwise.
const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";
/// How long pcscd may take.
const WAIT_MS: u64 = 2_000;
/// The command that asks for the version.
const COMMAND_VERSION: u32 = 0x11;
/// The version that is offered; what comes back is pcscd's own.
const OFFERED: Protocol = Protocol { major: 4, minor: 4 };
/// Bytes of its message: major, minor, result.
const MESSAGE_BYTES: u32 = 12;

/// A version of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocol {
    major: u32,
    minor: u32,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// Asks pcscd.
///
/// # Errors
/// Why there is no answer, and what to do.
pub fn protocol() -> Result<Protocol, String> {
    let path = std::env::var_os(SOCKET_VARIABLE).map_or_else(|| PathBuf::from(SOCKET), PathBuf::from);
    let complain = |error: io::Error| {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "install pcscd, and start it: systemctl enable --now pcscd.socket"
            }
            io::ErrorKind::UnexpectedEof => {
                "let this user in: systemd/doorward.rules goes to /etc/polkit-1/rules.d"
            }
            _ => "look at it: systemctl status pcscd",
        };
        format!("{}: {error}; {remedy}", path.display())
    };
    let stream = UnixStream::connect(&path).map_err(complain)?;
    ask(stream).map_err(complain)
}

fn ask(mut stream: UnixStream) -> io::Result<Protocol> {
    let limit = Some(Duration::from_millis(WAIT_MS));
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)?;
    let words = [MESSAGE_BYTES, COMMAND_VERSION, OFFERED.major, OFFERED.minor, 0];
    let question: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    stream.write_all(&question)?;
    let mut answer = [[0_u8; 4]; 3];
    for word in &mut answer {
        stream.read_exact(word)?;
    }
    let [major, minor, _] = answer.map(u32::from_ne_bytes);
    Ok(Protocol { major, minor })
}

#[cfg(test)]
mod tests {
    use super::ask;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn answered(answer: &'static [u32]) -> Result<String, std::io::ErrorKind> {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let daemon = std::thread::spawn(move || {
            let mut question = [0; 20];
            theirs.read_exact(&mut question).expect("a question");
            answer.iter().for_each(|word| theirs.write_all(&word.to_ne_bytes()).expect("room"));
        });
        let said = ask(ours);
        daemon.join().expect("no panic");
        said.map(|protocol| protocol.to_string()).map_err(|error| error.kind())
    }

    #[test]
    fn the_version_is_the_daemons_whatever_was_offered() {
        assert_eq!(answered(&[4, 5, 0]).as_deref(), Ok("4:5"));
        assert_eq!(answered(&[4, 4, 0x8010_001D]).as_deref(), Ok("4:4"));
        assert_eq!(answered(&[]), Err(std::io::ErrorKind::UnexpectedEof));
    }
}
