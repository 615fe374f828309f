//! What was given to the broker and is not yet acknowledged. No IO.
//!
//! The MQTT client takes requests in order and chooses the packet ids, so the n-th `sent` belongs to the
//! n-th `handed`.

use contract::id::Version;
use std::collections::{HashMap, VecDeque};

/// One publication under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item {
    /// A message of the stream, by its place.
    Stream(i64),
    /// The hint, at this version.
    Meta(Version),
    /// A receipt: repeated when the gateway repeats its events, so nothing is kept of it.
    Receipt,
    /// A command, by its place.
    Command(i64),
    /// Part of an answer: the gateway asks again for what it does not get.
    Answer,
}

/// The bounded window.
#[derive(Debug)]
pub(super) struct Window {
    limit: usize,
    handed: VecDeque<Item>,
    sent: HashMap<u16, Item>,
    answers: usize,
}

impl Window {
    /// For at most `limit` items at a time.
    pub(super) fn new(limit: u16) -> Window {
        Window { limit: usize::from(limit), handed: VecDeque::new(), sent: HashMap::new(), answers: 0 }
    }

    /// How many more items may be handed over.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.handed.len() + self.sent.len())
    }

    /// How many answers are under way.
    pub(super) fn answers(&self) -> usize {
        self.answers
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.handed.is_empty() && self.sent.is_empty()
    }

    /// The client took `item`.
    pub(super) fn hand(&mut self, item: Item) {
        self.answers += usize::from(item == Item::Answer);
        self.handed.push_back(item);
    }

    /// The client sent the oldest item as packet `id`.
    pub(super) fn sent(&mut self, id: u16) {
        if let Some(item) = self.handed.pop_front() {
            self.sent.insert(id, item);
        }
    }

    /// The broker acknowledged packet `id`.
    pub(super) fn acknowledged(&mut self, id: u16) -> Option<Item> {
        let item = self.sent.remove(&id)?;
        self.answers -= usize::from(item == Item::Answer);
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::{Item, Window};

    #[test]
    fn acknowledgements_in_any_order_find_their_items() {
        let mut window = Window::new(2);
        window.hand(Item::Stream(7));
        window.hand(Item::Stream(8));
        assert_eq!(window.room(), 0);
        window.sent(1);
        window.sent(2);
        assert_eq!(window.acknowledged(2), Some(Item::Stream(8)));
        assert_eq!(window.acknowledged(2), None);
        assert_eq!(window.room(), 1);
        assert_eq!(window.acknowledged(1), Some(Item::Stream(7)));
        window.hand(Item::Answer);
        window.sent(3);
        assert_eq!(window.answers(), 1);
        assert_eq!(window.acknowledged(3), Some(Item::Answer));
        assert!(window.is_empty() && window.answers() == 0);
    }
}
