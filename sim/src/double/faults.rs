//! Which fault a request meets. Pure: the server acts it out.

use serde_json::Value;

/// What goes wrong with one request. Times are in milliseconds.
#[derive(Clone, PartialEq, Debug)]
pub enum FaultKind {
    /// It is not carried out; this is the answer.
    Status {
        /// 200 to 599.
        status: u16,
        /// E.g. `Retry-After`.
        headers: Vec<(String, String)>,
        /// Null for none.
        body: Value,
    },
    /// It is carried out; this status, without a body, is the answer all the same.
    StatusAfter {
        /// 200 to 599.
        status: u16,
    },
    /// The connection is closed; it is not carried out.
    CutBefore,
    /// It is carried out; the connection is closed without an answer.
    CutAfter,
    /// It is carried out at once and answered after `ms`.
    Slow {
        /// The wait.
        ms: u64,
    },
    /// The connection is closed at once; it is carried out after `ms`.
    Late {
        /// The wait.
        ms: u64,
    },
}

/// A fault, and the request it meets; what is `None` matches everything.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// The method, in upper case.
    pub method: Option<String>,
    /// A part of path and query as they stand in the request line.
    pub path_contains: Option<String>,
    /// What happens.
    pub kind: FaultKind,
}

impl Fault {
    /// Meets the next request.
    #[must_use]
    pub fn next(kind: FaultKind) -> Fault {
        Fault { method: None, path_contains: None, kind }
    }

    /// Meets the next request with this method whose path and query contain this; empty matches everything.
    #[must_use]
    pub fn on(method: &str, path_contains: &str, kind: FaultKind) -> Fault {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Fault { method: some(method), path_contains: some(path_contains), kind }
    }

    fn meets(&self, method: &str, line: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.path_contains.as_ref().is_none_or(|part| line.contains(part))
    }
}

impl FaultKind {
    /// This answer, without a body.
    #[must_use]
    pub fn status(status: u16) -> FaultKind {
        FaultKind::Status { status, headers: Vec::new(), body: Value::Null }
    }
}

/// Takes the first fault that the request meets.
pub(super) fn take(faults: &mut Vec<Fault>, method: &str, line: &str) -> Option<FaultKind> {
    let at = faults.iter().position(|fault| fault.meets(method, line))?;
    Some(faults.remove(at).kind)
}
