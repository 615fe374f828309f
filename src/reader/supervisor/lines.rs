//! A child's output as lines that are not longer than they may be.

use crate::reader::line::LINE_MAX_BYTES;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes asked for at a time.
const CHUNK_BYTES: usize = 1024;

/// Reads lines; a future of [`Lines::next`] may be dropped without losing any.
pub(super) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    /// Bytes at its beginning that were given out.
    used: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(source: R) -> Lines<R> {
        Lines { source, buffer: Vec::new(), used: 0 }
    }

    /// The next line without its end; `None` at the end of the output, and an error for a line too long.
    pub(super) async fn next(&mut self) -> std::io::Result<Option<&[u8]>> {
        self.buffer.drain(..self.used);
        self.used = 0;
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                self.used = end + 1;
                return Ok(Some(&self.buffer[..end]));
            }
            if self.buffer.len() > LINE_MAX_BYTES {
                return Err(std::io::Error::other(format!("a line of more than {LINE_MAX_BYTES} bytes")));
            }
            let mut chunk = [0; CHUNK_BYTES];
            // What was read is in the buffer before the next wait, so nothing hangs on this future.
            let count = self.source.read(&mut chunk).await?;
            if count == 0 {
                return Ok(None);
            }
            self.buffer.extend_from_slice(&chunk[..count]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_MAX_BYTES, Lines};

    fn on_runtime(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(test);
    }

    #[test]
    fn lines_come_one_by_one_and_half_a_line_at_the_end_is_none() {
        on_runtime(async {
            let mut lines = Lines::new(&b"one\n\ntwo\nthr"[..]);
            for expected in [&b"one"[..], b"", b"two"] {
                assert_eq!(lines.next().await.expect("readable"), Some(expected));
            }
            assert_eq!(lines.next().await.expect("readable"), None);
        });
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_memory() {
        on_runtime(async {
            let mut lines = Lines::new(tokio::io::repeat(b'x'));
            assert!(lines.next().await.is_err());
            assert!(lines.buffer.len() <= LINE_MAX_BYTES + super::CHUNK_BYTES);
        });
    }
}
