//! What a door does, moment by moment.

use super::*;
use access::id::Key;
use proptest::prelude::*;

fn config() -> DoorConfig {
    DoorConfig { held_open_s: 60, ..DoorConfig::usual(Key::new("front").expect("a key")) }
}

fn door(config: &DoorConfig) -> Machine {
    let mut door = Machine::new(config);
    door.controls(true);
    door
}

fn at(ms: u64) -> MonoMs {
    MonoMs(ms)
}

fn contact(is_open: bool) -> Happening {
    Happening::Contact { is_open, is_initial: false }
}

fn rex(is_active: bool) -> Happening {
    Happening::Rex { is_active }
}

#[test]
fn a_card_holds_the_strike_for_its_time_and_no_longer() {
    let mut door = door(&config());
    assert_eq!(door.happen(Happening::Granted, at(1_000)), [Do::Hold { until: at(4_000) }]);
    assert_eq!(door.next(), Some(at(4_000)));
    assert_eq!(door.at(at(3_999)), []);
    assert_eq!(door.at(at(4_000)), [Do::Rest]);
    assert_eq!((door.at(at(9_000)), door.next()), (vec![], None));
}

#[test]
fn it_is_locked_as_soon_as_somebody_has_gone_through() {
    let mut door = door(&config());
    door.happen(Happening::Granted, at(1_000));
    assert_eq!(door.happen(contact(true), at(1_500)), []);
    assert_eq!(door.happen(contact(false), at(2_500)), [Do::Rest]);
    // Nobody has been let in since.
    let forced = [Do::TellForced, Do::Show(Signal::Error)];
    assert_eq!(door.happen(contact(true), at(2_600)), forced);
    assert_eq!(door.trouble(), Trouble::Forced);
    assert_eq!(door.happen(contact(false), at(3_000)), [Do::TellClosed]);
    assert_eq!(door.trouble(), Trouble::None);
}

#[test]
fn when_it_may_be_opened() {
    type Scene = (&'static str, fn(&mut Machine), u64, bool);
    let scenes: [Scene; 7] = [
        ("without a word", |_| (), 1_000, false),
        ("just after the card's time", |door| drop(door.happen(Happening::Granted, at(0))), 4_900, true),
        ("too late", |door| drop(door.happen(Happening::Granted, at(0))), 5_000, false),
        ("with the handle", |door| drop(door.happen(rex(true), at(0))), 60_000, true),
        (
            "long after it was let go",
            |door| {
                door.happen(rex(true), at(0));
                door.happen(rex(false), at(100));
            },
            3_200,
            false,
        ),
        (
            "open to everyone",
            |door| drop(door.happen(Happening::OpenToAll { until: Some(at(90_000)) }, at(0))),
            80_000,
            true,
        ),
        ("by the PACS, which does not tell", |door| drop(door.controls(false)), 1_000, true),
    ];
    for (what, before, ms, may) in scenes {
        let mut door = door(&config());
        before(&mut door);
        let told = door.happen(contact(true), at(ms)).contains(&Do::TellForced);
        assert_eq!(!told, may, "{what}");
    }
}

#[test]
fn a_request_to_exit_is_told_once_and_moves_the_strike_only_where_it_is_to() {
    let mut shunt = door(&config());
    assert_eq!(shunt.happen(rex(true), at(0)), [Do::TellRex]);
    assert_eq!(shunt.happen(rex(true), at(10)), [], "it is the same hand");
    let mut unlock = door(&DoorConfig { rex: Rex::Unlock, ..config() });
    assert_eq!(unlock.happen(rex(true), at(0)), [Do::Hold { until: at(3_000) }, Do::TellRex]);
    unlock.controls(false);
    unlock.happen(rex(false), at(1));
    assert_eq!(unlock.happen(rex(true), at(2)), [Do::TellRex], "the PACS has the strike");
}

#[test]
fn a_door_that_stays_open_is_complained_of_once() {
    let mut door = door(&config());
    door.happen(Happening::Granted, at(0));
    door.happen(contact(true), at(1_000));
    door.at(at(3_000));
    assert_eq!(door.next(), Some(at(61_000)));
    assert_eq!(door.at(at(61_000)), [Do::TellHeldOpen { open_s: 60 }, Do::Show(Signal::Error)]);
    assert_eq!((door.at(at(99_000)), door.next()), (vec![], None));
    assert_eq!(door.happen(contact(false), at(99_001)), [Do::TellClosed]);
    let mut never = super::tests::door(&DoorConfig { held_open_s: 0, ..config() });
    never.happen(rex(true), at(0));
    never.happen(contact(true), at(1));
    assert_eq!(never.at(at(10_000_000)), []);
}

#[test]
fn a_door_that_was_open_at_the_start_was_not_forced() {
    let mut door = door(&config());
    assert_eq!(door.happen(Happening::Contact { is_open: true, is_initial: true }, at(0)), []);
    assert!(door.at(at(60_000)).contains(&Do::TellHeldOpen { open_s: 60 }));
}

#[test]
fn open_to_everyone_outlasts_a_card_and_ends_by_itself() {
    let mut door = door(&config());
    let open = Happening::OpenToAll { until: Some(at(60_000)) };
    assert_eq!(door.happen(open, at(0)), [Do::Hold { until: at(60_000) }]);
    assert_eq!(door.happen(open, at(5)), [], "it is already");
    assert_eq!(door.happen(Happening::Granted, at(10)), [Do::Hold { until: at(60_000) }]);
    door.happen(contact(true), at(20));
    assert_eq!(door.happen(contact(false), at(30)), [], "it stays open to the next one");
    door.happen(contact(true), at(40));
    assert_eq!(door.at(at(60_000)), [Do::Rest]);
    assert_eq!(door.next(), Some(at(120_000)), "whoever keeps it open has his time from here");
    assert!(!door.is_open_to_all(at(60_000)));
}

#[test]
fn what_the_pacs_takes_over_rests() {
    let mut door = door(&config());
    door.happen(Happening::OpenToAll { until: Some(at(60_000)) }, at(0));
    assert_eq!(door.controls(false), [Do::Rest]);
    assert_eq!(door.happen(Happening::OpenToAll { until: Some(at(60_000)) }, at(1)), []);
    assert_eq!(door.happen(Happening::Granted, at(2)), []);
    assert_eq!(door.next(), None);
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        Just(Happening::Granted),
        any::<bool>().prop_map(|is_active| Happening::Rex { is_active }),
        (any::<bool>(), any::<bool>())
            .prop_map(|(is_open, is_initial)| Happening::Contact { is_open, is_initial }),
        proptest::option::of(0_u64..200_000)
            .prop_map(|until| Happening::OpenToAll { until: until.map(MonoMs) }),
    ]
}

proptest! {
    /// Whatever happens: the strike is held only for a card, a hand or an order, never beyond their time, and a door that
    /// is looked at when it asks for it leaves no hold behind.
    #[test]
    fn a_strike_is_never_held_beyond_its_time(
        unlock in any::<bool>(),
        steps in proptest::collection::vec((happening(), 0_u64..40_000), 1..40),
    ) {
        let rex = if unlock { Rex::Unlock } else { Rex::Shunt };
        let mut door = door(&DoorConfig { rex, ..config() });
        let (mut now, mut held, mut allowed) = (MonoMs(0), None::<MonoMs>, MonoMs(0));
        for (what, passed_ms) in steps {
            let then = now.after_ms(passed_ms);
            // The gateway looks whenever the machine has asked for it.
            while let Some(next) = door.next().filter(|next| *next <= then) {
                now = next.max(now);
                for one in door.at(now) {
                    match one {
                        Do::Hold { until } => held = Some(until),
                        Do::Rest => held = None,
                        Do::TellRex | Do::TellForced | Do::TellHeldOpen { .. } | Do::TellClosed | Do::Show(_) => {}
                    }
                }
                prop_assert!(door.next().is_none_or(|after| after > now), "it asks for the same moment again");
            }
            now = then;
            match what {
                Happening::Granted => allowed = allowed.max(now.after_ms(3_000)),
                Happening::Rex { is_active: true } if unlock => allowed = allowed.max(now.after_ms(3_000)),
                Happening::OpenToAll { until: Some(until) } => allowed = allowed.max(until),
                Happening::Rex { .. } | Happening::Contact { .. } | Happening::OpenToAll { until: None } => {}
            }
            for one in door.happen(what, now) {
                match one {
                    Do::Hold { until } => held = Some(until),
                    Do::Rest => held = None,
                    Do::TellRex | Do::TellForced | Do::TellHeldOpen { .. } | Do::TellClosed | Do::Show(_) => {}
                }
            }
            prop_assert!(held.is_none_or(|until| until <= allowed), "held until {held:?}, allowed until {allowed:?}");
        }
    }
}
