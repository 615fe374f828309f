//! The envelope of every answer, `{code, msg, data}`, and what a code means for the ledger. Pure.
//!
//! UniFi Access may answer an error with HTTP 200; only the code `SUCCESS` says that something was done.
//!
//! Not here: what `data` holds (`users`, `cards`, `policies`).

use crate::export::http::{Failure, Response};
use crate::export::item::{Act, Answer, Step};
use crate::export::pacs::PacsError;
use crate::export::pacs::answer::{cleaned, json, of_failure, text_at, unless_done, words};
use access::text::Secret;
use serde_json::Value;

/// The only code of success.
const SUCCESS: &str = "SUCCESS";

/// Why a request brought nothing to go on with.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no whole answer.
    Silence(Failure),
    /// The answer is no success.
    Said(Box<Said>),
    /// It is a success without what it must hold.
    Form(String),
}

/// An answer without success.
#[derive(Debug)]
pub(super) struct Said {
    response: Response,
    code: Option<String>,
    words: String,
}

/// What the documented codes mean for the ledger. All others are a definite no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    /// What was named is not there.
    Gone,
    /// Somebody else holds the card.
    Taken,
    /// It is the login's fault, or the console's state.
    NotNow,
    /// Something went wrong inside the console, perhaps after the change.
    Doubtful,
}

fn meaning(code: &str) -> Option<Meaning> {
    match code {
        "CODE_NOT_EXISTS"
        | "CODE_RESOURCE_NOT_FOUND"
        | "CODE_USER_ACCOUNT_NOT_EXIST"
        | "CODE_USER_WORKER_NOT_EXISTS" => Some(Meaning::Gone),
        "CODE_CREDS_NFC_HAS_BIND_USER" | "CODE_CREDS_DISABLE_TRANSFER_UID_USER_NFC" => Some(Meaning::Taken),
        "CODE_AUTH_FAILED"
        | "CODE_ACCESS_TOKEN_INVALID"
        | "CODE_UNAUTHORIZED"
        | "CODE_OTHERS_UID_ADOPTED_NOT_SUPPORTED" => Some(Meaning::NotNow),
        "CODE_SYSTEM_ERROR" => Some(Meaning::Doubtful),
        _ => None,
    }
}

/// The whole envelope of a success.
pub(super) fn opened(response: Response, token: &Secret) -> Result<Value, Trouble> {
    let tree = json(&response);
    let code = tree.as_ref().and_then(|tree| tree.get("code")?.as_str()).map(str::to_owned);
    // Accepted is not done.
    let status = response.status.as_u16();
    if (200..=299).contains(&status) && status != 202 && code.as_deref() == Some(SUCCESS) {
        return Ok(tree.unwrap_or_default());
    }
    let told = words(&response, &["/msg"], &[token]);
    let words = code.as_ref().map_or(told.clone(), |code| cleaned(&format!("{code}: {told}")));
    Err(Trouble::Said(Box::new(Said { response, code, words })))
}

/// What a list holds: `data`, which may be null when there is nothing to list.
pub(super) fn rows(tree: &mut Value) -> Result<Vec<Value>, Trouble> {
    match tree.get_mut("data").map(Value::take) {
        Some(Value::Array(rows)) => Ok(rows),
        Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) | None => {
            Err(Trouble::Form("the answer has no list at /data".into()))
        }
    }
}

/// An id that must be there.
pub(super) fn id_at(tree: &Value, pointer: &str) -> Result<String, Trouble> {
    let id = text_at(tree, pointer).filter(|id| !id.is_empty());
    id.ok_or_else(|| Trouble::Form(format!("the answer has no {pointer}")))
}

impl Trouble {
    /// For a request that changes something.
    pub(super) fn answer(self, step: &Step) -> Answer {
        match self {
            Trouble::Silence(failure) => of_failure(failure),
            Trouble::Said(said) => said.answer(step),
            Trouble::Form(words) => Answer::Unknown { words },
        }
    }

    /// For a request that only reads: whatever came of it, nothing was changed.
    pub(super) fn before(self, step: &Step) -> Answer {
        match self.answer(step) {
            Answer::Unknown { words } => Answer::NotSent { words },
            // Only what is made can collide.
            Answer::Conflict { words } => Answer::NotSent { words },
            answer @ (Answer::Done { .. }
            | Answer::Found { .. }
            | Answer::Several { .. }
            | Answer::NotFound { .. }
            | Answer::Refused { .. }
            | Answer::TryLater { .. }
            | Answer::NotSent { .. }) => answer,
        }
    }

    /// For what no step asked for.
    pub(super) fn error(self, what: &'static str) -> PacsError {
        match self {
            Trouble::Silence(source) => PacsError::Failed { what, source },
            Trouble::Said(said) => {
                PacsError::Status { what, status: said.response.status.as_u16(), words: said.words }
            }
            Trouble::Form(words) => PacsError::Failed { what, source: Failure::Unknown(words) },
        }
    }
}

impl Said {
    fn answer(self, step: &Step) -> Answer {
        let Said { response, code, words } = self;
        let status = response.status.as_u16();
        let by_status = unless_done(step, &response, || words.clone());
        // Of these the status says more than any code.
        if let Some(answer @ (Answer::TryLater { .. } | Answer::Unknown { .. })) = by_status {
            return answer;
        }
        match (code.as_deref().map(meaning), by_status) {
            (Some(Some(Meaning::Gone)), _) => Answer::NotFound { words },
            (Some(Some(Meaning::Taken)), _) if step.act == Act::Create => Answer::Conflict { words },
            (Some(Some(Meaning::Taken)), _) => Answer::Refused { status, words },
            (Some(Some(Meaning::NotNow)), _) => {
                Answer::TryLater { status, words, after_ms: response.retry_after_ms }
            }
            (Some(Some(Meaning::Doubtful)), _) => Answer::Unknown { words },
            (Some(None) | None, Some(answer)) => answer,
            (Some(None), None) => Answer::Refused { status, words },
            (None, None) => Answer::Unknown { words },
        }
    }
}
