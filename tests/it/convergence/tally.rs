//! What happened in a run.

/// What happened, so that a run in which nothing does is noticed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) steps: u64,
    pub(super) changes: u64,
    pub(super) proofs: u64,
    pub(super) deaths: u64,
    pub(super) sessions_lost: u64,
    pub(super) restores: u64,
    pub(super) requests: u64,
    pub(super) answers: u64,
    pub(super) full: u64,
    pub(super) divisions: u64,
}

impl Tally {
    pub(super) fn add(&mut self, more: Tally) {
        let Tally {
            steps,
            changes,
            proofs,
            deaths,
            sessions_lost,
            restores,
            requests,
            answers,
            full,
            divisions,
        } = more;
        self.steps += steps;
        self.changes += changes;
        self.proofs += proofs;
        self.deaths += deaths;
        self.sessions_lost += sessions_lost;
        self.restores += restores;
        self.requests += requests;
        self.answers += answers;
        self.full += full;
        self.divisions += divisions;
    }

    pub(super) fn happened(&self) -> [(&'static str, u64); 8] {
        [
            ("a proof", self.proofs),
            ("a death", self.deaths),
            ("a lost session", self.sessions_lost),
            ("a restored backup", self.restores),
            ("a request", self.requests),
            ("an answer", self.answers),
            ("a full disk", self.full),
            ("another division", self.divisions),
        ]
    }
}
