//! A card that nobody has, shown to no reader: whether the doors' own loop takes it, and the writer's thread judges it by the
//! mirror as it judges every card. It is not written down.
//!
//! Not here: what follows from the answer (`supervising`).

use super::Run;
use super::passing::{self, Shown};
use crate::mirror::Urgency;
use crate::mirror::writer::Context;
use access::decide::{Decision, Reason};
use access::text::Text;
use access::token::Identifier;
use access::uid::RawId;
use tokio::sync::oneshot;

/// Longer than any card's, so that it is nobody's.
const BYTES: [u8; 16] = *b"doorward canary!";
/// What it is.
const KIND: &str = "canary";

/// A question; the answer says what is wrong.
pub type Canary = oneshot::Sender<Result<(), String>>;

impl Run {
    /// Has it judged, and does not wait: a request to exit may come meanwhile.
    pub(super) fn ask_canary(&self, answer: Canary) {
        let (writer, moment) = (self.writer.clone(), self.moment_of(false, Vec::new(), 0));
        // Any door will do, and none as well: an unknown card is unknown everywhere.
        let door = self.doors.keys().next().unwrap_or(&self.gateway).clone();
        let identifier = RawId::from_bytes(&BYTES)
            .and_then(|hex| Ok(Identifier { kind: Text::try_from(KIND.to_owned())?, hex }));
        tokio::task::spawn_local(async move {
            let Ok(identifier) = identifier else { return };
            let shown = Shown { door, reader: KIND.into(), identifier };
            // As a card on a full disk: it needs no room.
            let work = move |context: Context<'_>| passing::judge(context.conn, &shown, &moment);
            let judged = match writer.run(Urgency::Narrowing, work).await {
                Ok(passage) => expect_unknown(&passage.decision),
                Err(error) => Err(error.to_string()),
            };
            // Whoever has asked may be gone.
            let _ = answer.send(judged);
        });
    }
}

fn expect_unknown(decision: &Decision) -> Result<(), String> {
    match decision {
        Decision::Denied { reasons } if reasons.contains(&Reason::UnknownCard) => Ok(()),
        other => Err(format!("a card that nobody has was judged to be {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_nobody_has_is_unknown_and_nothing_else_is_right() {
        assert!(RawId::from_bytes(&BYTES).is_ok() && Text::try_from(KIND.to_owned()).is_ok());
        assert_eq!(expect_unknown(&Decision::Denied { reasons: vec![Reason::UnknownCard] }), Ok(()));
        assert!(expect_unknown(&Decision::Denied { reasons: vec![Reason::UnknownDoor] }).is_err());
        let by = access::id::Key::new("ada.main").expect("a key");
        assert!(expect_unknown(&Decision::Granted { by, until: None }).is_err());
    }
}
