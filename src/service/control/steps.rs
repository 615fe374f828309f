//! An answer that comes bit by bit: the steps of an enrollment, a JSON object a line. It ends after the last step; when
//! whoever asked hangs up, the enrollment is called off.
//!
//! Not here: the steps (`enrolling`).

use crate::service::enrolling::machine::Step;
use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use serde_json::Value;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// The body of an answer.
pub(super) enum Answer {
    /// All at once.
    Whole(Full<Bytes>),
    /// Step by step.
    Steps {
        /// Where they come from.
        steps: mpsc::Receiver<Step>,
        /// The last one was sent.
        is_over: bool,
    },
}

impl Answer {
    /// One object.
    pub(super) fn whole(value: &Value) -> Answer {
        Answer::Whole(Full::new(Bytes::from(format!("{value}\n"))))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Answer::Whole(whole) => Pin::new(whole).poll_frame(context),
            Answer::Steps { is_over: true, .. } => Poll::Ready(None),
            Answer::Steps { steps, is_over } => steps.poll_recv(context).map(|step| {
                let step = step?;
                *is_over = step.is_end();
                // A step is plain strings and numbers; serialising it cannot fail.
                let mut line = serde_json::to_vec(&step).unwrap_or_default();
                line.push(b'\n');
                Some(Ok(Frame::data(Bytes::from(line))))
            }),
        }
    }

    /// What comes at once has a length, so that the simplest client can read it.
    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Whole(whole) => whole.size_hint(),
            Answer::Steps { .. } => SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Whole(whole) => whole.is_end_stream(),
            Answer::Steps { is_over, .. } => *is_over,
        }
    }
}
