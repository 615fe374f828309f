//! How the clock and the mirror stand.
//!
//! Not here: every digest computed again (`doorward verify`).

use super::{Check, Verdict};
use crate::mirror::OpenError;
use crate::mirror::standing::{self, OutOfSync, Restored, Standing};
use crate::service::clocks::Clock;
use crate::service::setup::Setup;

/// `clock` is how it stands, or why nobody can say; `kernel` is whether the kernel says that it is right, asked just now.
pub(super) fn clock(clock: Result<Clock, String>, kernel: Option<bool>) -> Check {
    let clock = match clock {
        Ok(clock) => clock,
        Err(why) => return Check::failed("clock", &why),
    };
    let word = if clock.synchronised { "synchronised" } else { "not synchronised" };
    let found = format!("{}, {}; {word}, says the {}", clock.now, clock.standing, clock.sync);
    let is_told = clock.synchronised || clock.sync != "kernel" || kernel != Some(true);
    let sync = if is_told {
        "see whether a time server is reached: timedatectl timesync-status"
    } else {
        "the kernel says it is synchronised, and the gateway is not told: systemctl restart doorward-clock"
    };
    match (clock.word(), clock.now < clock.floor && clock.synchronised) {
        ("trusted", _) => Check::fine("clock", found),
        ("holdover", _) => {
            let left_s = clock.holdover_left_s.unwrap_or(0);
            Check::wrong(Verdict::Warning, "clock", format!("{found}; believed for {left_s} s more"), sync)
        }
        (_, true) => {
            let found = format!("{found}, and the floor {} is later", clock.floor);
            let remedy = "if the time is right, the floor is wrong: doorward clock reset-floor";
            Check::wrong(Verdict::Failed, "clock", found, remedy)
        }
        _ => {
            let doubt = clock.doubt.unwrap_or_default();
            Check::wrong(Verdict::Failed, "clock", format!("{found}: {doubt}; no window opens by it"), sync)
        }
    }
}

/// The file, and whether what it holds was proven.
pub(super) fn mirror(setup: &Setup, is_running: bool) -> Vec<Check> {
    let conn = match setup.reader() {
        Ok(conn) => conn,
        Err(OpenError::Missing { path }) => {
            let found = format!("{}: not there yet", path.display());
            return vec![Check::wrong(
                Verdict::Untried,
                "mirror",
                found,
                "the first `doorward run` makes it",
            )];
        }
        Err(error) => return vec![Check::failed("mirror", &error.to_string())],
    };
    match standing::standing(&conn) {
        Ok(standing) => vec![proof(&standing, is_running)],
        Err(error) => {
            let remedy = "look closer: doorward verify";
            vec![Check::wrong(Verdict::Failed, "mirror", error.to_string(), remedy)]
        }
    }
}

fn proof(standing: &Standing, is_running: bool) -> Check {
    let Standing { head, root, heard_root, heard, .. } = standing;
    let Some(why) = standing.out_of_sync else {
        if heard == head && heard_root != root {
            let found = format!(
                "says that it is proven, but its root {root} is not {heard_root}, as heard at {heard}"
            );
            return Check::wrong(Verdict::Failed, "mirror", found, "look closer: doorward verify");
        }
        return Check::fine("mirror", format!("equal to the source at {}, root {root}", standing.floor));
    };
    let of = match standing.restored {
        Restored::No => "",
        Restored::Yes => "a backup's, nothing opens by it; ",
        Restored::DoorsOpen => "a backup's, and doors open by it; ",
    };
    let found = format!("{of}not proven: {}; head {head}", why.as_str().replace('_', " "));
    match (why, is_running) {
        (OutOfSync::Damaged, _) => {
            let remedy = "a running gateway fetches again what differs; if it comes back, replace the disk";
            Check::wrong(Verdict::Failed, "mirror", found, remedy)
        }
        (_, false) => {
            Check::wrong(Verdict::Untried, "mirror", found, "start the gateway: it asks the source")
        }
        (_, true) => {
            let remedy = "see that broker and source are reached (below); `doorward status` shows the repair";
            Check::wrong(Verdict::Failed, "mirror", found, remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::digest::Digest;
    use contract::id::Version;

    #[test]
    fn a_mirror_is_fine_only_where_it_was_proven() {
        let version = Version { epoch: 7, seq: 3 };
        let root = Digest::from_bytes([5; 16]);
        let proven = Standing {
            head: version,
            floor: version,
            root,
            out_of_sync: None,
            heard: version,
            heard_root: root,
            whole: true,
            restored: Restored::No,
        };
        let verdict = |standing: Standing, is_running| proof(&standing, is_running).verdict;
        assert_eq!(verdict(proven, false), Verdict::Ok);
        let lying = Standing { heard_root: Digest::from_bytes([6; 16]), ..proven };
        assert_eq!(verdict(lying, true), Verdict::Failed);
        let unproven = Standing { out_of_sync: Some(OutOfSync::NeverProven), ..proven };
        assert_eq!(verdict(unproven, true), Verdict::Failed);
        assert_eq!(verdict(unproven, false), Verdict::Untried);
        let damaged = Standing { out_of_sync: Some(OutOfSync::Damaged), ..proven };
        assert_eq!(verdict(damaged, false), Verdict::Failed);
    }
}
