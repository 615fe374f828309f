//! Who should be in the PACS, kept by hand: an opinion independent of the gateway's, to compare the PACS with.
//!
//! It knows the people of `examples/office` and nothing of the rules by which the gateway gets there: each
//! card and right stands here with the window in which the PACS should have it.

use access::time::{UtcTime, Window};
use anyhow::{Result, anyhow};
use doorward_sim::World;
use std::collections::{BTreeMap, BTreeSet};

/// User, name, cards, rights in the PACS; `@from..to` limits one to a window. Greta is locked and Hiro inactive,
/// so neither is here; `temp-04` is lent to nobody.
const EXAMPLE: [(&str, &str, &str, &str); 10] = [
    (
        "ada",
        "Ada Ekström",
        "04A1B2C3 5A0091D0@2026-11-23T06:00:00Z..2026-11-24T18:00:00Z",
        "ap-main ap-office ap-server",
    ),
    ("bo", "Bo Lindqvist", "0014F7E2", "ap-main ap-office"),
    ("chioma", "Chioma Okafor", "04C27A11D35E80", "ap-main ap-office azt-lab"),
    ("dmitri", "Dmitri Sokolov", "04D9013BA26F80", "ap-main ap-office"),
    ("elsa", "Elsa Nyström", "0451E6A7", "ap-main ap-office ap-server azt-lab"),
    ("farid", "Farid Haddad", "04B83C9F127A80", "ap-main ap-office"),
    ("ines", "Inês Carvalho", "C0FFEE42", "ap-main ap-office azt-lab"),
    ("jon", "Jón Þórsson", "047F20D8", "ap-main"),
    (
        "karin",
        "Karin Wallin",
        "5A0091CE",
        "ap-main@2026-11-24T06:00:00Z..2026-11-26T06:00:00Z azt-lab@2026-11-24T06:00:00Z..2026-11-26T06:00:00Z",
    ),
    ("liam", "Liam O'Brien", "5A0091CF", "ap-main ap-office@2026-11-23T07:00:00Z..2026-11-28T17:00:00Z"),
];

/// One person as it should be.
#[derive(Clone, Debug, Default)]
struct Person {
    name: String,
    cards: Vec<(String, Window)>,
    rights: Vec<(String, Window)>,
}

/// Everyone who may be in the PACS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Office {
    people: BTreeMap<String, Person>,
}

/// What of a person is compared: name, card numbers, rights.
type Shape = (String, BTreeSet<String>, BTreeSet<String>);

impl Office {
    /// The people of `examples/office`.
    ///
    /// # Errors
    /// When the table above is misspelt.
    pub(crate) fn example() -> Result<Office> {
        let mut office = Office::default();
        for (user, name, cards, rights) in EXAMPLE {
            office.hire(user, name, cards, rights)?;
        }
        Ok(office)
    }

    /// Adds or replaces a person.
    ///
    /// # Errors
    /// When a window is misspelt.
    pub(crate) fn hire(&mut self, user: &str, name: &str, cards: &str, rights: &str) -> Result<()> {
        let all = |text: &str| text.split(' ').map(limited).collect::<Result<Vec<_>>>();
        let person = Person { name: name.to_owned(), cards: all(cards)?, rights: all(rights)? };
        self.people.insert(user.to_owned(), person);
        Ok(())
    }

    /// Nothing of a person remains.
    pub(crate) fn dismiss(&mut self, user: &str) {
        self.people.remove(user);
    }

    /// How many of them should be in the PACS at `now`.
    pub(crate) fn size(&self, now: UtcTime) -> usize {
        self.shapes(now).len()
    }

    /// The first difference to what the PACS holds at `now`.
    pub(crate) fn difference(&self, world: &World, now: UtcTime) -> Option<String> {
        let (wanted, found) = (self.shapes(now), found(world));
        let all: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
        let different = all.into_iter().find(|user| wanted.get(*user) != found.get(*user))?;
        Some(format!("{different}: wanted {:?}, found {:?}", wanted.get(different), found.get(different)))
    }

    /// Those with a card and a right at `now`.
    fn shapes(&self, now: UtcTime) -> BTreeMap<String, Shape> {
        let open = |all: &[(String, Window)]| -> BTreeSet<String> {
            all.iter().filter(|(_, window)| window.holds(now)).map(|(what, _)| what.clone()).collect()
        };
        let shape = |person: &Person| (person.name.clone(), open(&person.cards), open(&person.rights));
        let all = self.people.iter().map(|(user, person)| (format!("PA{user}"), shape(person)));
        all.filter(|(_, (_, cards, rights))| !cards.is_empty() && !rights.is_empty()).collect()
    }
}

/// `what` or `what@from..to`.
fn limited(text: &str) -> Result<(String, Window)> {
    let Some((what, window)) = text.split_once('@') else { return Ok((text.to_owned(), Window::ALWAYS)) };
    let (from, to) = window.split_once("..").ok_or_else(|| anyhow!("{text}: no window"))?;
    let edge = |text: &str| UtcTime::parse(text).map(Some).map_err(|why| anyhow!("{text}: {why}"));
    let window = Window::new(edge(from)?, edge(to)?).map_err(|why| anyhow!("{text}: {why}"))?;
    Ok((what.to_owned(), window))
}

fn found(world: &World) -> BTreeMap<String, Shape> {
    let mut shapes = BTreeMap::new();
    for (number, person) in &world.persons {
        let text = |name: &str| person.fields.get(name).and_then(|value| value.as_str()).unwrap_or_default();
        let cards = person.credentials.values().filter_map(|card| card["cardNumber"].as_str());
        let shape: Shape = (
            format!("{} {}", text("firstName"), text("lastName")),
            cards.map(str::to_owned).collect(),
            person.permissions.keys().cloned().collect(),
        );
        shapes.insert(number.clone(), shape);
    }
    shapes
}

#[cfg(test)]
mod tests {
    use super::Office;
    use access::time::UtcTime;

    #[test]
    fn a_window_opens_and_closes_the_pacs_to_a_person() {
        let mut office = Office::example().unwrap();
        let at = |text| UtcTime::parse(text).unwrap();
        let before = office.size(at("2026-11-24T05:59:59Z"));
        assert_eq!(office.size(at("2026-11-24T06:00:00Z")), before + 1, "Karin's window is open");
        assert_eq!(office.size(at("2026-11-26T06:00:00Z")), before, "and closed");
        office.dismiss("bo");
        assert_eq!(office.size(at("2026-11-26T06:00:00Z")), before - 1);
        assert!(office.hire("x", "X Y", "00@2026", "ap-main").is_err());
    }

    #[test]
    fn every_difference_is_found() {
        let office = Office::example().unwrap();
        let now = UtcTime::parse("2026-11-22T00:00:00Z").unwrap();
        let world = doorward_sim::World::default();
        assert!(office.difference(&world, now).unwrap().starts_with("PAada"));
        assert_eq!(Office::default().difference(&world, now), None);
    }
}
