//! What runs have come to.
//!
//! Not here: what is right and wrong (`check`).

/// What a run came to.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Outcome {
    pub(super) held_persons: u64,
    pub(super) requests: u64,
    pub(super) lost: u64,
    pub(super) late: u64,
    pub(super) crashes: u64,
    pub(super) restores: u64,
    pub(super) hand_edits: u64,
    pub(super) extras: u64,
    pub(super) adoptions: u64,
    pub(super) brakes: u64,
    pub(super) clock_steps: u64,
    pub(super) hand_overs: u64,
}

impl Outcome {
    pub(super) fn add(&mut self, other: &Outcome) {
        self.held_persons += other.held_persons;
        self.requests += other.requests;
        self.lost += other.lost;
        self.late += other.late;
        self.crashes += other.crashes;
        self.restores += other.restores;
        self.hand_edits += other.hand_edits;
        self.extras += other.extras;
        self.adoptions += other.adoptions;
        self.brakes += other.brakes;
        self.clock_steps += other.clock_steps;
        self.hand_overs += other.hand_overs;
    }
}
