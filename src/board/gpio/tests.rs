use super::*;
use crate::board::inspection::inspect;
use crate::board::spec::Spec;
use std::path::Path;

fn line(name: &str) -> Line {
    Line { name: name.into(), ..Line::default() }
}

fn chip(number: u32, label: &str, lines: &[&str]) -> Chip {
    let name = format!("gpiochip{number}");
    let path = PathBuf::from("/dev").join(&name);
    Chip { path, name, label: label.into(), lines: Ok(lines.iter().map(|name| line(name)).collect()) }
}

fn chips() -> Vec<Chip> {
    vec![
        chip(0, "pinctrl-bcm2711", &["ID_SDA", "GPIO1", "", "SPARE"]),
        chip(1, "expander", &["GPIO8", "SPARE"]),
        chip(2, "expander", &["GPIO9"]),
    ]
}

fn offset(chip: &str, offset: u32) -> Place {
    Place::Offset { chip: chip.into(), offset }
}

fn named(chip: Option<&str>, line: &str) -> Place {
    Place::Named { chip: chip.map(Into::into), line: line.into() }
}

#[test]
fn a_line_is_found_by_device_name_or_label_of_its_chip_and_by_its_own_name() {
    let chips = chips();
    let places = [
        (offset("/dev/gpiochip1", 1), (1, 1)),
        (offset("gpiochip0", 2), (0, 2)),
        (offset("pinctrl-bcm2711", 0), (0, 0)),
        (named(None, "GPIO9"), (2, 0)),
        (named(Some("gpiochip1"), "SPARE"), (1, 1)),
    ];
    for (place, (number, offset)) in places {
        let found = find(&place, &chips).unwrap_or_else(|flaw| panic!("{place}: {flaw:?}"));
        assert_eq!(
            (found.chip.name.as_str(), found.offset),
            (format!("gpiochip{number}").as_str(), offset),
            "{place}"
        );
    }
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let mut forbidden = chips();
    forbidden[1].lines = Err(Denial::Forbidden);
    let mut old = chips();
    old[1].lines = Err(Denial::Other("not supported".into()));
    let table = [
        (offset("gpiochip9", 0), chips(), "chip", "not there", "gpiochip0 (pinctrl-bcm2711), gpiochip1"),
        (offset("gpiochip9", 0), Vec::new(), "chip", "has no GPIO chip", "Its kernel needs the driver"),
        (offset("/dev/null", 0), chips(), "chip", "is no GPIO chip", "name one of gpiochip0"),
        (offset("expander", 0), chips(), "chip", "several chips: gpiochip1, gpiochip2", "by its device"),
        (offset("gpiochip0", 4), chips(), "offset", "has 4 lines", "gpioinfo"),
        (named(None, "GPIO7"), chips(), "line", "no line of gpiochip0, gpiochip1, gpiochip2", "gpioinfo"),
        (named(None, "GPIO7"), Vec::new(), "line", "which has no GPIO chip", "gpioinfo"),
        (named(Some("gpiochip2"), "GPIO8"), chips(), "line", "no line of gpiochip2", "gpioinfo"),
        (named(None, "SPARE"), chips(), "line", "several lines: gpiochip0 3, gpiochip1 1", "give `chip`"),
        (named(None, "GPIO7"), forbidden.clone(), "line", "denied at /dev/gpiochip1", "doorward-gpio.rules"),
        (
            offset("gpiochip1", 0),
            forbidden.clone(),
            "chip",
            "denied at /dev/gpiochip1",
            "doorward-gpio.rules",
        ),
        (offset("other", 0), forbidden, "chip", "denied at /dev/gpiochip1", "doorward-gpio.rules"),
        (offset("gpiochip1", 0), old, "chip", "not supported", "Linux 5.10"),
    ];
    for (place, chips, key, problem, remedy) in table {
        let flaw = find(&place, &chips).expect_err(problem);
        assert_eq!(flaw.key, key, "{flaw:?}");
        assert!(flaw.problem.contains(problem) && flaw.remedy.contains(remedy), "{flaw:?}");
    }
}

#[test]
fn an_inspection_finds_who_holds_a_line_and_a_line_of_two_names() {
    let text = r#"
name = "x"
description = "x"
[[outputs]]
role = "strike"
driver = "gpio"
line = "GPIO1"
rest = "low"
[[outputs]]
role = "buzzer"
driver = "gpio"
chip = "gpiochip0"
offset = 1
rest = "low"
[[outputs]]
role = "red_led"
driver = "virtual"
rest = "low"
[[inputs]]
role = "rex"
driver = "gpio"
line = "GPIO8"
active = "low"
[[inputs]]
role = "door_contact"
driver = "gpio"
line = "GPIO9"
active = "high"
"#;
    let spec = Spec::parse(Path::new("x.toml"), text).unwrap_or_else(|error| panic!("{error}"));
    let mut chips = chips();
    let mut hold = |chip: usize, by: &str| {
        if let Ok(lines) = &mut chips[chip].lines {
            lines[0].consumer = Some(by.into());
        }
    };
    hold(1, CONSUMER);
    hold(2, "gpio-keys");
    let found = inspect(&spec, &chips);
    assert_eq!(found.iter().map(|one| one.is_ours()).collect::<Vec<_>>(), [false, false, false, true, false]);
    let wrong: Vec<_> =
        found.iter().map(|one| one.found.as_ref().err().map(|flaw| flaw.problem.as_str())).collect();
    let twice = "is gpiochip0 line 1, which is used above already";
    assert_eq!(wrong, [None, Some(twice), None, None, Some("is held by gpio-keys")]);
}

#[test]
fn a_line_that_is_held_names_the_holder_and_how_to_free_it() {
    let table = [
        (Some(CONSUMER), "running doorward", "systemctl stop"),
        (Some("gpio-keys"), "held by gpio-keys", "overlay"),
        (None, "held by somebody", "free it"),
    ];
    for (consumer, problem, remedy) in table {
        let flaw = busy("line", consumer);
        assert!(flaw.problem.contains(problem) && flaw.remedy.contains(remedy), "{flaw:?}");
    }
}
