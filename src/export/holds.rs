//! What waits for somebody's word, and the hash by which the word is given. Pure.
//!
//! An approval names exactly the rows that were held when it was given, each with the attempt that it stands at:
//! whatever has joined or left them since makes it another hash, and the approval is worth nothing.
//!
//! Not here: the rows (`ledger`), and what is held (`plan`).

use super::item::{ItemId, ItemKind};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Bytes of a hash that are kept: an approval guards against a mistake, not against a forger.
const HASH_BYTES: usize = 8;

/// What waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// Removals that the brake holds.
    Removals,
    /// What was found in the PACS under our names, and is to be taken over.
    Adoptions,
    /// Persons in the PACS under our prefix whom nobody here wants, and that are to be removed.
    Strangers,
}

impl Waiting {
    /// All of them.
    pub const ALL: [Waiting; 3] = [Waiting::Removals, Waiting::Adoptions, Waiting::Strangers];
}

impl Waiting {
    /// Goes into the hash: the word for one set is never the word for the other.
    fn label(self) -> &'static str {
        match self {
            Waiting::Removals => "removals",
            Waiting::Adoptions => "adoptions",
            Waiting::Strangers => "strangers",
        }
    }
}

/// Names a set of rows: SHA-256, cut to 64 bits; 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetHash([u8; HASH_BYTES]);

impl fmt::Display for SetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl SetHash {
    /// Whether `text` spells it. Capital digits and surrounding space are a person's, and mean the same.
    pub fn is(&self, text: &str) -> bool {
        text.trim().eq_ignore_ascii_case(&self.to_string())
    }
}

/// A set of rows that wait; never empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldSet {
    /// Users that have any.
    pub persons: u64,
    /// Rows.
    pub items: u64,
    /// Names the set.
    pub hash: SetHash,
}

/// Adds a set up row by row, in the order of their ids.
pub(in crate::export) struct Adding {
    hash: Sha256,
    last_user: String,
    persons: u64,
    items: u64,
}

impl Adding {
    pub(in crate::export) fn new(waiting: Waiting) -> Adding {
        let mut adding = Adding { hash: Sha256::new(), last_user: String::new(), persons: 0, items: 0 };
        adding.text(waiting.label());
        adding
    }

    /// One row; `kind` by its number in the schema.
    pub(in crate::export) fn row(&mut self, user: &str, kind: u8, item: &str, generation: u64) {
        self.text(user);
        self.hash.update([kind]);
        self.text(item);
        self.hash.update(generation.to_be_bytes());
        self.items += 1;
        if self.last_user != user {
            self.persons += 1;
            user.clone_into(&mut self.last_user);
        }
    }

    /// None for the empty set: there is nothing to say a word to.
    pub(in crate::export) fn finish(self) -> Option<HeldSet> {
        let mut cut = [0; HASH_BYTES];
        cut.copy_from_slice(&self.hash.finalize()[..HASH_BYTES]);
        let set = HeldSet { persons: self.persons, items: self.items, hash: SetHash(cut) };
        (self.items > 0).then_some(set)
    }

    fn text(&mut self, text: &str) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.hash.update(length.to_be_bytes());
        self.hash.update(text.as_bytes());
    }
}

/// What came of an approval.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Approval {
    /// These go on.
    Given {
        /// What they are.
        waiting: Waiting,
        /// How many.
        set: HeldSet,
        /// Their users; one more than asked for when there are more.
        users: Vec<String>,
    },
    /// Nothing has changed: the hash names none of these, which are held now.
    Mismatch(Vec<(Waiting, HeldSet)>),
}

/// Which rows are to be tried again at once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Again {
    /// Of this user only.
    pub user: Option<String>,
    /// Of this item only.
    pub item: Option<Named>,
}

/// An item as people name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Named {
    /// The person itself.
    Person,
    /// The token of this key, or the permission of this `pacs_ref`.
    Child {
        /// Which of the two, if that was said.
        kind: Option<ItemKind>,
        /// The key or `pacs_ref`.
        item: String,
    },
}

impl Named {
    /// Reads what people write: `person`, a token's key or an entitlement's `pacs_ref`, also as events spell them
    /// (`token c-17`, `permission main`).
    pub fn parse(text: &str) -> Named {
        let text = text.trim();
        if text == "person" {
            return Named::Person;
        }
        let (kind, item) = if let Some(key) = text.strip_prefix("token ") {
            (Some(ItemKind::Credential), key)
        } else if let Some(pacs_ref) = text.strip_prefix("permission ") {
            (Some(ItemKind::Permission), pacs_ref)
        } else {
            (None, text)
        };
        Named::Child { kind, item: item.into() }
    }
}

/// An item that the PACS does not take, or one that waits for a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Which.
    pub id: ItemId,
    /// The PACS's own words, if it refused it.
    pub words: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{Adding, ItemKind, Named, SetHash, Waiting};

    fn hash(waiting: Waiting, rows: &[(&str, u8, &str, u64)]) -> Option<SetHash> {
        let mut adding = Adding::new(waiting);
        rows.iter().for_each(|(user, kind, item, generation)| adding.row(user, *kind, item, *generation));
        adding.finish().map(|set| set.hash)
    }

    #[test]
    fn every_part_of_every_row_is_in_the_hash() {
        let removals = |rows| hash(Waiting::Removals, rows);
        let base = removals(&[("ada", 1, "c1", 3)]);
        let others: [&[_]; 7] = [
            &[("adb", 1, "c1", 3)],
            &[("ada", 2, "c1", 3)],
            &[("ada", 1, "c2", 3)],
            &[("ada", 1, "c1", 4)],
            // The same bytes, divided otherwise.
            &[("adac", 1, "1", 3)],
            &[("ada", 1, "c1", 3), ("bo", 0, "", 1)],
            &[],
        ];
        for other in others {
            assert_ne!(removals(other), base, "{other:?}");
        }
        assert_ne!(hash(Waiting::Adoptions, &[("ada", 1, "c1", 3)]), base, "a set of another sort");
        assert_eq!(removals(&[]), None);
    }

    /// A hash is spoken over the telephone and written into scripts: it must not change from version to version.
    #[test]
    fn a_hash_stays_the_same_from_version_to_version() {
        let rows = [("ada", 0, "", 1), ("ada", 1, "c1", 3)];
        let hash = hash(Waiting::Removals, &rows).expect("not empty");
        assert_eq!(hash.to_string(), "894c1f960db6403f");
        assert!(hash.is(&format!(" {}\n", hash.to_string().to_uppercase())));
        assert!(!hash.is(&hash.to_string()[..15]));
    }

    #[test]
    fn persons_are_counted_once_however_many_items_they_have() {
        let mut adding = Adding::new(Waiting::Removals);
        for (user, kind) in [("ada", 0), ("ada", 1), ("bo", 0)] {
            adding.row(user, kind, "", 1);
        }
        let set = adding.finish().expect("not empty");
        assert_eq!((set.persons, set.items), (2, 3));
    }

    #[test]
    fn an_item_is_named_as_people_and_events_name_it() {
        assert_eq!(Named::parse("person"), Named::Person);
        let table = [
            (" c-17 ", None),
            ("token c-17", Some(ItemKind::Credential)),
            ("permission c-17", Some(ItemKind::Permission)),
        ];
        for (text, kind) in table {
            assert_eq!(Named::parse(text), Named::Child { kind, item: "c-17".into() }, "{text}");
        }
    }
}
