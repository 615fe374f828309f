//! One run, from the first request to the last answer.

use super::{ANSWER_MAX_MS, Progress, WINDOW_BUCKETS};
use crate::clock::MonoMs;
use contract::repair::{Bits, Want};
use std::collections::{BTreeSet, VecDeque};

/// Divisions by which a run may be interrupted before it pauses.
const DIVISIONS_MAX: u32 = 3;

#[derive(Clone, Debug)]
pub(super) struct Run {
    /// How the source divides keys, once it has said so.
    bits: Option<Bits>,
    /// First buckets of pages that are missing, as far as known: all up to the end.
    pages: Pages,
    /// Of an empty mirror: the next bucket to ask for.
    all_from: Option<u32>,
    todo: VecDeque<u32>,
    outstanding: BTreeSet<u32>,
    fetched: Vec<u32>,
    asked: bool,
    /// How often the source has changed its division since the run began.
    divisions: u32,
    expires: MonoMs,
}

/// Which digests have come.
#[derive(Clone, Debug)]
enum Pages {
    /// None is wanted: an empty mirror differs everywhere.
    Needless,
    /// These buckets' have not come yet; before the first page nobody knows how many there are.
    Missing(Option<BTreeSet<u32>>),
}

impl Run {
    pub(super) fn comparing(now: MonoMs) -> Run {
        Run {
            bits: None,
            pages: Pages::Missing(None),
            all_from: None,
            todo: VecDeque::new(),
            outstanding: BTreeSet::new(),
            fetched: Vec::new(),
            asked: false,
            divisions: 0,
            expires: now.after_ms(ANSWER_MAX_MS),
        }
    }

    pub(super) fn fetching_all(now: MonoMs) -> Run {
        Run { pages: Pages::Needless, all_from: Some(0), ..Run::comparing(now) }
    }

    fn begin_anew(&mut self, now: MonoMs) {
        *self = Run { divisions: self.divisions + 1, ..Run::comparing(now) };
    }

    /// Whether the source changes its mind faster than it can be followed.
    pub(super) fn is_led_astray(&self) -> bool {
        self.divisions > DIVISIONS_MAX
    }

    /// A page of digests was compared.
    pub(super) fn page(&mut self, bits: Bits, from: u32, count: u32, differing: Vec<u32>, now: MonoMs) {
        if self.bits.is_some_and(|known| known != bits) {
            // The source divides otherwise now: what is outstanding will not come.
            self.begin_anew(now);
        }
        if self.bits.is_none() && self.all_from.is_some() {
            self.outstanding.retain(|bucket| *bucket < bits.buckets());
        }
        self.bits = Some(bits);
        self.expires = now.after_ms(ANSWER_MAX_MS);
        if let Pages::Missing(missing) = &mut self.pages {
            let missing = missing.get_or_insert_with(|| (0..bits.buckets()).collect());
            let page = from..from.saturating_add(count);
            if missing.contains(&from) {
                self.todo.extend(differing);
            }
            missing.retain(|bucket| !page.contains(bucket));
        }
    }

    /// A bucket is on disk.
    pub(super) fn bucket(&mut self, bits: Bits, bucket: u32, now: MonoMs) {
        if self.bits.is_some_and(|known| known != bits) {
            // An answer to what was asked before the source divided otherwise, or just after.
            if self.all_from.is_some() {
                self.begin_anew(now);
            }
            return;
        }
        if self.bits.is_none() && self.all_from.is_some() {
            self.outstanding.retain(|bucket| *bucket < bits.buckets());
        }
        self.bits = Some(bits);
        if self.outstanding.remove(&bucket) {
            self.fetched.push(bucket);
            self.expires = now.after_ms(ANSWER_MAX_MS);
        }
    }

    /// The next request, when the window has room for one that is worth it.
    pub(super) fn ask(&mut self, now: MonoMs) -> Option<Want> {
        if !self.asked && matches!(self.pages, Pages::Missing(None)) {
            self.asked = true;
            return Some(Want::Digests);
        }
        if self.outstanding.len() > WINDOW_BUCKETS / 2 {
            return None;
        }
        let room = WINDOW_BUCKETS - self.outstanding.len();
        let want = match self.all_from {
            Some(from) => self.ask_all(from, room)?,
            None => self.ask_differing(room)?,
        };
        self.expires = now.after_ms(ANSWER_MAX_MS);
        Some(want)
    }

    fn ask_all(&mut self, from: u32, room: usize) -> Option<Want> {
        let end = self.bits.map(Bits::buckets);
        if end.is_none() && !self.outstanding.is_empty() {
            // Nobody knows yet how many there are.
            return None;
        }
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        let count = end.map_or(room, |end| end.saturating_sub(from).min(room));
        if count == 0 {
            return None;
        }
        self.outstanding.extend(from..from + count);
        self.all_from = Some(from + count);
        Some(Want::All { from, count })
    }

    fn ask_differing(&mut self, room: usize) -> Option<Want> {
        let bits = self.bits?;
        let buckets: Vec<u32> = self.todo.drain(..room.min(self.todo.len())).collect();
        if buckets.is_empty() {
            return None;
        }
        self.outstanding.extend(&buckets);
        Some(Want::Buckets { bits, buckets })
    }

    /// Whether everything asked for has come.
    pub(super) fn is_through(&self) -> bool {
        let compared = match &self.pages {
            Pages::Needless => self.bits.is_some_and(|bits| self.all_from >= Some(bits.buckets())),
            Pages::Missing(missing) => missing.as_ref().is_some_and(BTreeSet::is_empty),
        };
        compared && self.todo.is_empty() && self.outstanding.is_empty()
    }

    /// Whether all buckets were equal.
    pub(super) fn has_fetched_nothing(&self) -> bool {
        self.fetched.is_empty()
    }

    /// The buckets that were fetched.
    pub(super) fn into_fetched(self) -> (Bits, Vec<u32>) {
        (self.bits.unwrap_or_default(), self.fetched)
    }

    /// When it has expired, if no answer comes before.
    pub(super) fn expires(&self) -> MonoMs {
        self.expires
    }

    pub(super) fn progress(&self, tries: u32) -> Progress {
        let Some(bits) = self.bits else { return Progress { done: 0, of: 0, tries } };
        let of = bits.buckets();
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let done = match &self.pages {
            Pages::Needless => size(self.fetched.len()),
            Pages::Missing(missing) => {
                let open =
                    missing.as_ref().map_or(0, BTreeSet::len) + self.todo.len() + self.outstanding.len();
                of.saturating_sub(size(open))
            }
        };
        Progress { done, of, tries }
    }
}
