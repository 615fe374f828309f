//! Whom the export looks at next: pure bookkeeping of user keys.
//!
//! Users who may lose access, and those whose windows have moved, go first; then whoever was touched or whose
//! time has come; then the walk over everyone. A revocation does not wait behind an import, nor behind a
//! hundred thousand users who have not changed.
//!
//! - [`progress`]: what of it is noted on disk

pub(super) mod progress;

use crate::clock::MonoMs;
use crate::mirror::touched::{Haste, Touched};
use access::time::UtcTime;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where in the queue: how urgent, and the how manieth to come.
type Place = (Reverse<Haste>, u64);

/// Whom to look at, and when.
pub(super) struct Agenda {
    /// To look at now, first come first served, the urgent before the others; and where in it each stands. A user
    /// stands there once, however often touched: nobody looks while the PACS is away.
    due: BTreeMap<Place, String>,
    places: BTreeMap<String, Place>,
    came: u64,
    /// Being worked on; those in the second set have to be looked at again after that.
    busy: BTreeSet<String>,
    busy_again: BTreeSet<String>,
    /// To look at later.
    later: BTreeSet<(MonoMs, String)>,
    turns: BTreeMap<String, MonoMs>,
    /// The walk over everyone: the page under way, and the key after which the next page begins.
    page: VecDeque<String>,
    walk: Option<String>,
    walk_again: bool,
    /// Edges up to here have been looked at.
    edges: UtcTime,
}

impl Agenda {
    /// Empty; edges up to `edges` are the business of the first walk.
    pub(super) fn new(edges: UtcTime) -> Agenda {
        Agenda {
            due: BTreeMap::new(),
            places: BTreeMap::new(),
            came: 0,
            busy: BTreeSet::new(),
            busy_again: BTreeSet::new(),
            later: BTreeSet::new(),
            turns: BTreeMap::new(),
            page: VecDeque::new(),
            walk: None,
            walk_again: false,
            edges,
        }
    }

    pub(super) fn add(&mut self, touched: Touched) {
        match touched {
            Touched::Everyone => self.everyone(),
            Touched::Users(users) => users.into_iter().for_each(|(user, haste)| self.add_one(user, haste)),
        }
    }

    fn add_one(&mut self, user: String, haste: Haste) {
        if self.busy.contains(&user) {
            self.busy_again.insert(user);
            return;
        }
        if let Some(&place @ (Reverse(stands), _)) = self.places.get(&user) {
            if stands >= haste {
                return;
            }
            self.due.remove(&place);
        }
        self.came += 1;
        let place = (Reverse(haste), self.came);
        self.places.insert(user.clone(), place);
        self.due.insert(place, user);
    }

    /// Starts the walk over everyone; one that is under way is finished first, so that no key starves.
    pub(super) fn everyone(&mut self) {
        if self.walk.is_some() {
            self.walk_again = true;
        } else {
            self.walk = Some(String::new());
        }
    }

    /// The key after which the next page of the walk begins, once the last page is through.
    pub(super) fn wants_page(&self) -> Option<String> {
        self.walk.clone().filter(|_| self.page.is_empty())
    }

    /// Users of two sorted lists, each of at most `limit`: what lies beyond the shorter list's end comes again.
    pub(super) fn page(&mut self, mut users: Vec<String>, limit: usize) {
        users.sort();
        users.dedup();
        users.truncate(limit);
        self.walk = users.last().cloned();
        if self.walk.is_none() && std::mem::take(&mut self.walk_again) {
            self.walk = Some(String::new());
        }
        self.page = users.into();
    }

    /// The next user to look at; it counts as busy until [`Agenda::done`].
    pub(super) fn next(&mut self, now: MonoMs) -> Option<String> {
        while let Some((at, user)) = self.later.first().cloned().filter(|(at, _)| *at <= now) {
            self.later.remove(&(at, user.clone()));
            self.turns.remove(&user);
            self.add_one(user, Haste::InTurn);
        }
        let user = loop {
            if let Some((_, user)) = self.due.pop_first() {
                self.places.remove(&user);
                break user;
            }
            let user = self.page.pop_front()?;
            if !self.busy.contains(&user) {
                break user;
            }
            self.busy_again.insert(user);
        };
        self.forget_turn(&user);
        self.busy.insert(user.clone());
        Some(user)
    }

    /// Everyone who was to be looked at now has been.
    pub(super) fn is_quiet(&self) -> bool {
        self.due.is_empty() && self.walk.is_none() && self.page.is_empty()
    }

    /// `user` has been looked at; says whether nothing has touched it meanwhile.
    pub(super) fn done(&mut self, user: &str, again: Option<MonoMs>) -> bool {
        self.busy.remove(user);
        if self.busy_again.remove(user) {
            self.add_one(user.into(), Haste::AtOnce);
            return false;
        }
        if let Some(at) = again {
            self.forget_turn(user);
            self.turns.insert(user.into(), at);
            self.later.insert((at, user.into()));
        }
        true
    }

    fn forget_turn(&mut self, user: &str) {
        if let Some(at) = self.turns.remove(user) {
            self.later.remove(&(at, user.into()));
        }
    }

    /// When the next user's turn comes.
    pub(super) fn next_turn(&self) -> Option<MonoMs> {
        self.later.first().map(|(at, _)| *at)
    }

    /// The span of edges to look at when the clock shows `now`, whichever way it has moved.
    pub(super) fn edges_to(&self, now: UtcTime) -> Option<(UtcTime, UtcTime)> {
        (now != self.edges).then(|| (self.edges.min(now), self.edges.max(now)))
    }

    /// Edges up to here have been looked at.
    pub(super) fn edges(&self) -> UtcTime {
        self.edges
    }

    /// Edges up to `edges` have been looked at, later ones have not.
    pub(super) fn edges_done(&mut self, edges: UtcTime) {
        self.edges = edges;
    }
}

#[cfg(test)]
mod tests {
    use super::{Agenda, Haste, Touched};
    use crate::clock::MonoMs;
    use access::time::UtcTime;

    fn agenda() -> Agenda {
        Agenda::new(UtcTime::from_unix(100))
    }

    fn touched(users: &[&str]) -> Touched {
        Touched::Users(users.iter().map(|user| ((*user).to_string(), Haste::InTurn)).collect())
    }

    #[test]
    fn the_touched_go_before_the_walk() {
        let mut agenda = agenda();
        agenda.everyone();
        agenda.page(vec!["a".into(), "b".into(), "c".into()], 10);
        agenda.add(touched(&["z"]));
        let order: Vec<_> = std::iter::from_fn(|| agenda.next(MonoMs(0))).collect();
        assert_eq!(order, ["z", "a", "b", "c"]);
    }

    #[test]
    fn who_may_lose_access_goes_before_who_was_touched_earlier() {
        let mut agenda = agenda();
        agenda.add(touched(&["a", "b", "c"]));
        agenda.add(Touched::Users([("c".to_string(), Haste::AtOnce)].into()));
        let order: Vec<_> = std::iter::from_fn(|| agenda.next(MonoMs(0))).collect();
        assert_eq!(order, ["c", "a", "b"], "and only once");
    }

    #[test]
    fn who_is_touched_again_and_again_stands_in_the_queue_once_and_keeps_the_place() {
        let mut agenda = agenda();
        for round in 0..1_000 {
            let haste = if round % 2 == 0 { Haste::AtOnce } else { Haste::InTurn };
            agenda.add(Touched::Users([("a".to_string(), haste), ("b".to_string(), Haste::AtOnce)].into()));
        }
        assert_eq!((agenda.due.len(), agenda.places.len()), (2, 2));
        let order: Vec<_> = std::iter::from_fn(|| agenda.next(MonoMs(0))).collect();
        assert_eq!(order, ["a", "b"]);
        assert!(agenda.is_quiet() && agenda.places.is_empty());
    }

    #[test]
    fn a_busy_user_that_is_touched_is_looked_at_again() {
        let mut agenda = agenda();
        agenda.add(touched(&["a"]));
        assert_eq!(agenda.next(MonoMs(0)).as_deref(), Some("a"));
        agenda.add(touched(&["a"]));
        assert_eq!(agenda.next(MonoMs(0)), None, "one at a time");
        assert!(!agenda.done("a", Some(MonoMs(50))), "what was seen is not the last word");
        assert_eq!(agenda.next(MonoMs(0)).as_deref(), Some("a"), "and not only at its turn");
        assert!(agenda.done("a", None));
    }

    #[test]
    fn a_turn_comes_when_its_time_has_come() {
        let mut agenda = agenda();
        agenda.add(touched(&["a"]));
        agenda.next(MonoMs(0));
        agenda.done("a", Some(MonoMs(50)));
        assert_eq!(agenda.next_turn(), Some(MonoMs(50)));
        assert_eq!(agenda.next(MonoMs(49)), None);
        assert_eq!(agenda.next(MonoMs(50)).as_deref(), Some("a"));
        assert_eq!(agenda.next_turn(), None);
    }

    #[test]
    fn the_walk_goes_on_after_the_last_user_of_a_page_and_ends() {
        let mut agenda = agenda();
        agenda.everyone();
        assert_eq!(agenda.wants_page().as_deref(), Some(""));
        agenda.page(vec!["b".into(), "a".into(), "a".into(), "c".into()], 2);
        assert_eq!(agenda.next(MonoMs(0)).as_deref(), Some("a"));
        assert_eq!(agenda.wants_page(), None);
        assert_eq!(agenda.next(MonoMs(0)).as_deref(), Some("b"));
        assert_eq!(agenda.wants_page().as_deref(), Some("b"), "c was beyond the page");
        agenda.page(Vec::new(), 2);
        assert_eq!(agenda.wants_page(), None);
    }

    #[test]
    fn a_walk_asked_for_during_another_follows_it() {
        let mut agenda = agenda();
        agenda.everyone();
        agenda.page(vec!["a".into()], 10);
        agenda.everyone();
        assert_eq!(agenda.next(MonoMs(0)).as_deref(), Some("a"));
        assert_eq!(agenda.wants_page().as_deref(), Some("a"), "the first goes on where it was");
        agenda.page(Vec::new(), 10);
        assert_eq!(agenda.wants_page().as_deref(), Some(""), "and then the second begins");
        agenda.page(Vec::new(), 10);
        assert_eq!(agenda.wants_page(), None);
    }

    #[test]
    fn edges_are_looked_at_whichever_way_the_clock_moves() {
        let mut agenda = agenda();
        let at = UtcTime::from_unix;
        assert_eq!(agenda.edges_to(at(100)), None);
        assert_eq!(agenda.edges_to(at(130)), Some((at(100), at(130))));
        agenda.edges_done(at(130));
        assert_eq!(agenda.edges_to(at(90)), Some((at(90), at(130))));
    }
}
