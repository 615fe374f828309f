//! Which fault a request meets. Pure: the server acts it out.

use serde::{Deserialize, Serialize};

/// How many faults may be set at a time.
pub const FAULTS_MAX: usize = 1_000;

/// The name of an injected fault, given by [`crate::Handle::inject`] or `POST /_sim/faults`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u64);

/// Too many faults are set: [`FAULTS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{FAULTS_MAX} faults are set; clear some first")]
pub struct FaultsFull;

/// What goes wrong. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The act is done and answered after `ms`.
    Latency {
        /// The wait.
        ms: u64,
    },
    /// The act is not done; this status is the answer.
    Status {
        /// 200 to 599.
        status: u16,
        /// The `error` member of the answer.
        #[serde(default)]
        words: String,
    },
    /// The act is done; this status is the answer all the same.
    StatusAfter {
        /// 200 to 599.
        status: u16,
        /// The `error` member of the answer.
        #[serde(default)]
        words: String,
    },
    /// The connection is closed; the act is not done.
    CutBefore,
    /// The act is done; the connection is closed without an answer.
    CutAfter,
    /// The connection is closed at once; the act is done after `ms`.
    Late {
        /// The wait.
        ms: u64,
    },
    /// Nothing happens for `ms`, then the connection is closed; the act is not done.
    Hang {
        /// The wait.
        ms: u64,
    },
}

/// Which requests a fault meets; what is `None` matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The method, upper or lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A part of path and query as they stand in the request line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A part of the body's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Match {
    /// Every request.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Requests whose path and query contain this.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// Requests whose body contains this.
    #[must_use]
    pub fn body(mut self, part: &str) -> Self {
        self.body = Some(part.to_owned());
        self
    }

    fn meets(&self, method: &str, path: &str, body: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|part| path.contains(part))
            && self.body.as_ref().is_none_or(|part| body.contains(part))
    }
}

/// A fault and the requests it meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Fault {
    /// Which requests.
    #[serde(flatten)]
    pub matching: Match,
    /// How many of them; `None` is forever. In JSON `null` is forever, and absent is once.
    pub count: Option<u32>,
    /// How many of them pass first.
    pub skip: u32,
    /// What happens to them.
    pub fault: FaultKind,
}

impl Fault {
    /// Meets the first matching request, once.
    #[must_use]
    pub fn once(matching: Match, fault: FaultKind) -> Self {
        Self::times(1, matching, fault)
    }

    /// Meets that many matching requests.
    #[must_use]
    pub fn times(count: u32, matching: Match, fault: FaultKind) -> Self {
        Self { matching, count: Some(count), skip: 0, fault }
    }

    /// Meets every matching request until it is cleared.
    #[must_use]
    pub fn forever(matching: Match, fault: FaultKind) -> Self {
        Self { matching, count: None, skip: 0, fault }
    }

    /// Lets that many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }
}

/// A fault as it is written in JSON. `flatten` cannot refuse unknown members, and a misspelt `body` would make
/// the fault meet every request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    method: Option<String>,
    path: Option<String>,
    body: Option<String>,
    #[serde(default = "once")]
    count: Option<u32>,
    #[serde(default)]
    skip: u32,
    fault: FaultKind,
}

#[expect(clippy::unnecessary_wraps, reason = "the type of the field that this is the default of")]
fn once() -> Option<u32> {
    Some(1)
}

impl TryFrom<Wire> for Fault {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        if let FaultKind::Status { status, .. } | FaultKind::StatusAfter { status, .. } = wire.fault
            && !(200..=599).contains(&status)
        {
            return Err(format!("status must be from 200 to 599, not {status}"));
        }
        let Wire { method, path, body, count, skip, fault } = wire;
        Ok(Self { matching: Match { method, path, body }, count, skip, fault })
    }
}

/// The faults that are set, in the order of their setting.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    last: u64,
    active: Vec<(FaultId, Fault)>,
}

impl Faults {
    pub(crate) fn inject(&mut self, fault: Fault) -> Result<FaultId, FaultsFull> {
        if self.active.len() >= FAULTS_MAX {
            return Err(FaultsFull);
        }
        self.last += 1;
        self.active.push((FaultId(self.last), fault));
        Ok(FaultId(self.last))
    }

    pub(crate) fn clear(&mut self) {
        self.active.clear();
    }

    /// Whether it was still set.
    pub(crate) fn remove(&mut self, id: FaultId) -> bool {
        let before = self.active.len();
        self.active.retain(|(held, _)| *held != id);
        self.active.len() < before
    }

    pub(crate) fn active(&self) -> &[(FaultId, Fault)] {
        &self.active
    }

    /// The first fault that meets this request; it is used up by one. A fault that still lets requests pass
    /// counts this one and leaves it to the next.
    pub(crate) fn take(&mut self, method: &str, path: &str, body: &str) -> Option<FaultKind> {
        for index in 0..self.active.len() {
            let (_, fault) = &mut self.active[index];
            if fault.count == Some(0) || !fault.matching.meets(method, path, body) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            let kind = fault.fault.clone();
            fault.count = fault.count.map(|count| count - 1);
            if fault.count == Some(0) {
                self.active.remove(index);
            }
            return Some(kind);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_matches_applies_until_it_is_used_up() {
        let mut faults = Faults::default();
        let posts = Match::any().method("post").path("/persons").body("PA1");
        faults.inject(Fault::times(2, posts, FaultKind::CutBefore).skip(1)).expect("there is room");
        faults.inject(Fault::forever(Match::any(), FaultKind::CutAfter)).expect("there is room");
        let mut post = |body| faults.take("POST", "/persons", body);
        let met = [post("PA1"), post("PA2"), post("PA1"), post("PA1"), post("PA1")];
        let (before, after) = (Some(FaultKind::CutBefore), Some(FaultKind::CutAfter));
        assert_eq!(met, [after.clone(), after.clone(), before.clone(), before, after]);
        faults.clear();
        assert_eq!(faults.take("GET", "/persons", ""), None);
    }

    #[test]
    fn json_is_strict_and_says_how_often() {
        let read = |text| serde_json::from_str::<Fault>(text);
        let once = read(r#"{"fault":{"kind":"late","ms":800}}"#).expect("it is well-formed");
        assert_eq!(once, Fault::once(Match::any(), FaultKind::Late { ms: 800 }));
        let ever = read(r#"{"count":null,"fault":{"kind":"cut_after"}}"#).expect("it is well-formed");
        assert_eq!(ever, Fault::forever(Match::any(), FaultKind::CutAfter));
        assert!(read(r#"{"boddy":"x","fault":{"kind":"cut_after"}}"#).is_err());
        assert!(read(r#"{"fault":{"kind":"status","status":42}}"#).is_err());
        let written = serde_json::to_string(&ever).expect("it can be written");
        assert_eq!(read(&written).expect("it reads what it wrote"), ever);
    }
}
