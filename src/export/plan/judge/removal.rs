//! What it takes to remove an item, or to be sure that it is gone. Pure.
//!
//! Not here: whether it is to go (`judge`), and why (`cause`).

use super::{Judge, Next, is_orphan};
use crate::export::item::{Act, Clearance, Row, State};

impl Judge<'_> {
    /// Takes away what may not stay; what an edit takes away needs the brake's clearance.
    pub(super) fn removal(&self, row: &Row) -> Next {
        if row.state == State::Absent {
            return if row.check_at.is_some() && self.caps.look_up {
                self.check_absence(row)
            } else {
                Next::Idle
            };
        }
        match row.clearance {
            Clearance::Pending | Clearance::Held => Next::Held,
            Clearance::None | Clearance::Given => self.unconditional_removal(row),
        }
    }

    pub(super) fn unconditional_removal(&self, row: &Row) -> Next {
        if !self.is_addressable(row) && !self.caps.look_up {
            return self.unaddressable(row);
        }
        let due = row.due(None);
        if due > self.now {
            return Next::At(due);
        }
        if self.is_orphan_to_verify(row) {
            return row.unsettled_until.map_or(Next::Blocked, Next::At);
        }
        // Its removal was acknowledged while something earlier was under way. What that made has another
        // native id, so only our own name can find it.
        let confirm = row.state == State::Maybe && row.prev == State::Absent;
        let unverified =
            !self.is_seen(row) || self.hangs_elsewhere(row) || (confirm && !self.caps.addressed_by_ext_id);
        let find = !self.is_addressable(row) || unverified;
        let act = if find && self.caps.look_up { Act::LookUp } else { Act::Remove };
        self.under_person(row, true).unwrap_or_else(|| Next::Now(self.step(&row.id, Some(row), act, None)))
    }

    /// It was made under a person that is gone: there is nobody to look for it under, and it goes by itself.
    fn is_orphan_to_verify(&self, row: &Row) -> bool {
        let has_person = self.rows.person().is_some_and(|person| person.state != State::Absent);
        self.caps.verifies() && !row.is_person() && !has_person
    }

    /// It was made under another person than today's, whose id may be somebody else's by now.
    fn hangs_elsewhere(&self, row: &Row) -> bool {
        let person = self.rows.person().and_then(|person| person.native_id.as_ref());
        self.caps.verifies() && !row.is_person() && row.parent.as_ref() != person
    }

    /// What is remembered as gone may have come back.
    fn check_absence(&self, row: &Row) -> Next {
        let due = row.due(None);
        let person = self.rows.person().filter(|person| person.state == State::Present);
        if !row.is_person() && person.is_none() {
            let is_open = self
                .rows
                .person()
                .is_some_and(|person| person.state == State::Maybe || person.check_at.is_some());
            return if is_open { Next::Blocked } else { Next::Idle };
        }
        if due > self.now {
            return Next::At(due);
        }
        let look = || Next::Now(self.step(&row.id, Some(row), Act::LookUp, None));
        self.under_person(row, true).unwrap_or_else(look)
    }

    /// It may be there, but neither can it be named nor found.
    pub(super) fn unaddressable(&self, row: &Row) -> Next {
        let person = self.rows.person().filter(|person| person.state != State::Absent);
        if row.is_person() {
            return Next::Stuck;
        }
        if is_orphan(row, person, self.caps) {
            return row.unsettled_until.map_or(Next::Blocked, Next::At);
        }
        let fence = person.is_some_and(|person| self.is_addressable(person));
        if fence && self.caps.remove_person_cascades { Next::Fence } else { Next::Stuck }
    }
}
