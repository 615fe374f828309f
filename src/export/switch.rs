//! The rules of the ledger by name, so that the simulation can switch each off and show that it is missed.
//!
//! Outside tests every rule holds, and asking costs nothing.
//!
//! Not here: the rules themselves (`item`, `rows`, `plan`, `brake`).

/// A rule that the simulation can switch off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "some are the executor's, and the simulation has its own"))]
pub(in crate::export) enum Rule {
    /// The intent is on disk before the request leaves.
    IntentFirst,
    /// A lost request leaves its item in doubt.
    LostIsDoubt,
    /// A success does not settle what an earlier lost request may still change.
    SuccessWaitsForThePast,
    /// A name that is taken leaves the item in doubt: an earlier attempt may have made it.
    ConflictIsDoubt,
    /// An addition waits until nothing earlier can still run.
    AdditionsWait,
    /// A removal is confirmed once nothing earlier can undo it.
    RemovalsAreConfirmed,
    /// What hangs on a person is gone with it.
    ChildrenGoAlong,
    /// A refusal holds its item alone.
    RefusalsHoldAlone,
    /// Children that cannot be removed do not keep their person.
    PersonGoesOverStuckChildren,
    /// After a restart everything in doubt is unsettled again.
    DoubtIsArmedAgain,
    /// The ledger is compared with the PACS.
    ReadBack,
    /// So is what the ledger knows as gone.
    ReadBackOfTheGone,
    /// A remembered id is verified before it is acted on.
    IdsAreVerified,
    /// What is there already is looked for before it is made.
    LookBeforeCreate,
    /// Of several with one name all but one are removed.
    ExtrasGo,
    /// A person that was there is left alone until someone approves.
    AdoptionIsApproved,
    /// A lost write of a set of permissions leaves all of them in doubt.
    SetsAreDoubtedWhole,
    /// Removals by edit above the limit are held.
    Brake,
    /// What the brake has let pass counts for 24 hours, restarts or not.
    BrakeRemembers,
    /// An approval is for exactly what was held.
    ApprovalIsExact,
}

/// All of them.
#[cfg(test)]
pub(in crate::export) const RULES: [Rule; 20] = [
    Rule::IntentFirst,
    Rule::LostIsDoubt,
    Rule::SuccessWaitsForThePast,
    Rule::ConflictIsDoubt,
    Rule::AdditionsWait,
    Rule::RemovalsAreConfirmed,
    Rule::ChildrenGoAlong,
    Rule::RefusalsHoldAlone,
    Rule::PersonGoesOverStuckChildren,
    Rule::DoubtIsArmedAgain,
    Rule::ReadBack,
    Rule::ReadBackOfTheGone,
    Rule::IdsAreVerified,
    Rule::LookBeforeCreate,
    Rule::ExtrasGo,
    Rule::AdoptionIsApproved,
    Rule::SetsAreDoubtedWhole,
    Rule::Brake,
    Rule::BrakeRemembers,
    Rule::ApprovalIsExact,
];

#[cfg(test)]
thread_local! {
    static OFF: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) };
}

/// Whether the rule is in force.
#[cfg(test)]
pub(in crate::export) fn holds(rule: Rule) -> bool {
    OFF.get() != Some(rule)
}

/// Whether the rule is in force.
#[cfg(not(test))]
pub(in crate::export) const fn holds(_rule: Rule) -> bool {
    true
}

/// Runs `what` in this thread without the rule.
#[cfg(test)]
pub(in crate::export) fn without<T>(rule: Rule, what: impl FnOnce() -> T) -> T {
    OFF.set(Some(rule));
    let result = what();
    OFF.set(None);
    result
}
