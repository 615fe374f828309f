//! Scenes of products that do some of it otherwise: what `Caps` says of them.

use super::*;

#[test]
fn a_lost_write_of_a_set_leaves_all_of_it_in_doubt_and_additions_wait() {
    let sets = Caps { permissions_are_one_set: true, ..POST };
    let mut scene = Scene::settled(sets);
    scene.becomes(Some(ada(&["t1"], &["r1", "r2", "r3"])));
    scene.plays(&[("create r2", lost())]);
    assert_eq!(scene.rows.get(ItemKind::Permission, "r1").map(|row| row.state), Some(State::Maybe));
    assert_eq!(scene.sleeps(), LIMITS.late_ms, "r3 would go with the late write");
}

#[test]
fn a_right_that_is_given_to_each_card_follows_the_cards() {
    let mut scene = Scene::settled(Caps { permissions_on_credentials: true, ..POST });
    scene.becomes(Some(ada(&["t1", "t2"], &["r1"])));
    scene.plays(&[("create t2", made("c2")), ("update r1", done())]);
    scene.rests();
}

#[test]
fn a_card_called_by_its_number_is_another_card_under_another() {
    let mut scene =
        Scene::new(Caps { credentials_named_by_number: true, ..POST }, Some(ada(&["t1"], &["r1"])));
    scene.plays(&[("create person", made("p1")), ("create t1#1", made("c1")), ("create r1", made("m1"))]);
    let mut other = ada(&["t1"], &["r1"]);
    other.credentials.values_mut().for_each(|card| card.card_number = "2".into());
    scene.becomes(Some(other));
    scene.plays(&[("remove t1#1", done()), ("create t1#2", made("c2"))]);
    scene.rests();
}
