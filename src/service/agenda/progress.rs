//! What looking has come to, for the list on disk: who is as it should be, and how far the walk over everyone has
//! come. Pure.
//!
//! Not here: whose turn it is (`agenda`), the list itself (`mirror::due`).

use crate::mirror::due::{Mark, Settled, Step, Walk};
use std::collections::{BTreeSet, VecDeque};

/// Users that were found to be as they should be are noted so many at a time.
const AT_REST_MAX: usize = 64;

/// How a look at a user has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::service) enum Found {
    /// It is as it should be; on the list it stood under this mark.
    AtRest(Option<Mark>),
    /// Something is left to do, or the look was cut short.
    Restless,
    /// As far as can be told by a clock that is not trusted, or by a mirror that is not whole: nothing to note.
    Unsaid,
}

/// The pages of the walk that are being looked at, and whoever was found at rest.
#[derive(Default)]
pub(in crate::service) struct Progress {
    walk: Option<Mark>,
    pages: VecDeque<Page>,
    at_rest: Vec<(String, Mark)>,
}

struct Page {
    to: Option<String>,
    open: BTreeSet<String>,
    restless: Vec<String>,
}

impl Progress {
    /// A walk begins, over everyone whom `walk` names; what the one before has left is not noted.
    pub(in crate::service) fn begin(&mut self, walk: &Walk) {
        self.walk = walk.after.as_ref().filter(|_| walk.begun).map(|_| walk.mark);
        self.pages.clear();
    }

    /// The next page of the walk; an empty one is its end.
    pub(in crate::service) fn page(&mut self, users: &[String]) {
        if self.walk.is_some() {
            let open = users.iter().cloned().collect();
            self.pages.push_back(Page { to: users.last().cloned(), open, restless: Vec::new() });
        }
    }

    /// `user` was looked at, and nothing has touched it meanwhile.
    pub(in crate::service) fn done(&mut self, user: &str, found: Found) {
        let page = self.pages.iter_mut().find(|page| page.open.contains(user));
        if let Some(page) = page {
            page.open.remove(user);
            if found == Found::Restless {
                page.restless.push(user.to_owned());
            }
        }
        match found {
            Found::AtRest(mark) => self.at_rest.extend(mark.map(|mark| (user.to_owned(), mark))),
            Found::Restless => {}
            Found::Unsaid => {
                self.walk = None;
                self.pages.clear();
            }
        }
    }

    /// What is to be written now; `idle` when nothing else is going on.
    pub(in crate::service) fn take(&mut self, idle: bool) -> Option<Settled> {
        let mut step: Option<Step> = None;
        while let Some(mark) = self.walk
            && let Some(page) = self.pages.pop_front_if(|page| page.open.is_empty())
        {
            let step = step.get_or_insert(Step { mark, to: None, restless: Vec::new() });
            step.restless.extend(page.restless);
            step.to = page.to;
            if step.to.is_none() {
                self.walk = None;
            }
        }
        let is_time = step.is_some() || idle || self.at_rest.len() >= AT_REST_MAX;
        let at_rest = if is_time { std::mem::take(&mut self.at_rest) } else { Vec::new() };
        Some(Settled { at_rest, step }).filter(|settled| !settled.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::due;
    use access::time::UtcTime;
    use rusqlite::Connection;

    /// A site in which everyone is due, and somebody has begun to look.
    fn begun() -> (Connection, Progress) {
        let conn = Connection::open_in_memory().expect("memory");
        conn.execute_batch(include_str!("../../../sql/schema.sql")).expect("the schema is valid");
        due::begin(&conn, UtcTime::from_unix(0)).expect("begun");
        let mut progress = Progress::default();
        progress.begin(&due::walk(&conn).expect("read"));
        (conn, progress)
    }

    fn users(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn step(progress: &mut Progress) -> Option<(Option<String>, Vec<String>)> {
        let step = progress.take(false)?.step?;
        Some((step.to, step.restless))
    }

    #[test]
    fn a_page_counts_once_all_of_it_was_looked_at() {
        let (_, mut progress) = begun();
        progress.page(&users(&["a", "b"]));
        progress.page(&users(&["c"]));
        progress.done("c", Found::AtRest(None));
        progress.done("a", Found::Restless);
        assert_eq!(step(&mut progress), None, "b is still being looked at");
        progress.done("b", Found::AtRest(None));
        assert_eq!(step(&mut progress), Some((Some("c".into()), users(&["a"]))));
        progress.page(&[]);
        assert_eq!(step(&mut progress), Some((None, Vec::new())), "the end of the walk");
        assert_eq!(step(&mut progress), None);
    }

    #[test]
    fn a_look_that_says_nothing_ends_the_notes_of_its_walk() {
        let (conn, mut progress) = begun();
        progress.page(&users(&["a"]));
        progress.done("a", Found::Unsaid);
        assert_eq!(step(&mut progress), None);
        progress.begin(&due::walk(&conn).expect("read"));
        progress.page(&users(&["a"]));
        progress.done("a", Found::AtRest(None));
        assert_eq!(step(&mut progress), Some((Some("a".into()), Vec::new())), "the next one is noted");
    }

    #[test]
    fn whoever_is_at_rest_is_noted_in_lots_or_when_nothing_else_is_going_on() {
        let (conn, mut progress) = begun();
        due::add_users(&conn, users(&["a"])).expect("added");
        let mark = due::mark(&conn, "a").expect("read");
        progress.done("a", Found::AtRest(mark));
        assert_eq!(progress.take(false), None);
        assert_eq!(progress.take(true).map(|settled| settled.at_rest.len()), Some(1));
        for n in 0..AT_REST_MAX {
            progress.done(&n.to_string(), Found::AtRest(mark));
        }
        assert_eq!(progress.take(false).map(|settled| settled.at_rest.len()), Some(AT_REST_MAX));
    }
}
