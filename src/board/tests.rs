use super::inputs::InputEvent;
use super::spec::{Place, Wiring};
use super::virtual_lines::{Edge, NotMoved};
use super::*;
use crate::clock::{ManualClock, MonoMs};
use access::id::Key;
use access::signal::Signal;
use access::time::UtcTime;
use std::path::PathBuf;
use tokio::sync::mpsc::error::TryRecvError;

const TWO_DOORS: &str = r#"
name = "two doors"
description = "for tests"

[[outputs]]
role = "buzzer"
driver = "virtual"
rest = "low"

[[outputs]]
role = "strike"
door = "front"
driver = "virtual"
rest = "low"

[[outputs]]
role = "red_led"
door = "front"
driver = "virtual"
rest = "low"

[[outputs]]
role = "strike"
door = "back"
driver = "virtual"
rest = "high"

[[outputs]]
role = "green_led"
door = "back"
driver = "virtual"
rest = "low"

[[inputs]]
role = "rex"
door = "front"
driver = "virtual"
"#;

fn board(text: &str) -> Board {
    let spec = Spec::parse(Path::new("board.toml"), text).unwrap_or_else(|error| panic!("{error}"));
    let virtual_lines = VirtualLines::of(&spec);
    Board { spec, virtual_lines }
}

fn clock() -> (ManualClock, Arc<dyn Clock>) {
    let clock = ManualClock::new(UtcTime::from_unix(0));
    (clock.clone(), Arc::new(clock))
}

fn key(text: &str) -> Option<Key> {
    Some(Key::new(text).expect("a key"))
}

/// Each shipped board is a file with an installer's word for what has to be looked at on the site.
#[test]
fn every_shipped_board_is_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
    let files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("boards/").map(|file| file.expect("entry").path()).collect();
    let mut names = Vec::new();
    for file in &files {
        let board = Board::load(file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(file.file_stem().and_then(|stem| stem.to_str()), Some(board.name()), "named as its file");
        names.push(board.name().to_owned());
        let spec = board.spec();
        let strikes: Vec<_> = spec.outputs.iter().filter(|output| output.role == Role::Strike).collect();
        assert_eq!(strikes.len(), 1, "{}: one door each", board.name());
        assert!(spec.inputs.iter().any(|input| input.role == InputRole::Rex), "{}", board.name());
        assert!(spec.inputs.iter().any(|input| input.role == InputRole::DoorContact), "{}", board.name());
        let is_virtual = |wiring: &Wiring| *wiring == Wiring::Virtual;
        assert!(spec.wirings().all(|wiring| is_virtual(wiring) == (board.name() == "virtual")));
        // A contact whose wire is cut has to read as an open door: pulled to the level at which it is active.
        for input in spec.inputs.iter().filter(|input| !is_virtual(&input.wiring)) {
            if input.role == InputRole::DoorContact {
                assert_eq!((input.active, input.bias), (Level::High, Some(spec::Bias::PullUp)));
            }
        }
        let text = std::fs::read_to_string(file).expect("a file");
        assert!(is_virtual(&strikes[0].wiring) || text.contains("# VERIFY"), "{}", board.name());
    }
    names.sort();
    assert_eq!(names, ["beaglebone-black", "generic-gpiochip", "raspberry-pi-relay-hat", "virtual"]);
}

#[test]
fn outputs_rest_from_the_moment_they_are_taken_and_edges_are_those_that_follow() {
    let board = board(TWO_DOORS);
    let (time, clock) = clock();
    let lines = board.virtual_lines();
    assert_eq!(lines.levels(), [], "nothing moves before the lines are taken");
    let mut taken = board.take_at_rest(&clock).expect("taken");
    assert_eq!(lines.levels().len(), 5);
    assert!(lines.are_at_rest() && lines.edges().is_empty());

    let mut strike = taken.door(Some("back")).strike.expect("the strike of back");
    let opened = clock.mono();
    strike.energise().expect("set");
    strike.energise().expect("again is nothing more");
    assert!(!lines.are_at_rest());
    time.advance_s(5);
    strike.rest().expect("set");
    strike.rest().expect("again is nothing more");
    let edge = |level, is_rest, mono| Edge { role: Role::Strike, door: key("back"), level, is_rest, mono };
    let pulse = [edge(Level::Low, false, opened), edge(Level::High, true, MonoMs(opened.0 + 5_000))];
    assert_eq!(lines.edges(), pulse);
}

#[test]
fn what_is_taken_may_be_used_from_any_thread() {
    fn is_send<T: Send>() {}
    fn is_shared<T: Send + Sync + Clone>() {}
    is_send::<Lines>();
    is_send::<Strike>();
    is_send::<Outputs>();
    is_shared::<VirtualLines>();
}

#[test]
fn everything_rests_again_whoever_has_it() {
    let board = board(TWO_DOORS);
    let mut taken = board.take_at_rest(&clock().1).expect("taken");
    let mut outputs = taken.outputs();
    let mut back = taken.door(Some("back"));
    back.strike.as_mut().expect("a strike").energise().expect("set");
    back.indicators.show(Signal::Good, MonoMs(0)).expect("set");
    assert!(!board.virtual_lines().are_at_rest());
    outputs.rest().expect("set");
    assert!(board.virtual_lines().are_at_rest());
}

#[test]
fn a_door_gets_what_names_it_and_once_what_names_none() {
    let board = board(TWO_DOORS);
    let mut taken = board.take_at_rest(&clock().1).expect("taken");
    let front = taken.door(Some("front"));
    assert!(front.strike.is_some() && front.indicators.green.is_none(), "the green light is that of back");
    assert!(front.indicators.buzzer.is_some(), "the buzzer is anybody's");
    let back = taken.door(Some("back"));
    assert!(back.strike.is_some() && back.indicators.green.is_some() && back.indicators.buzzer.is_none());
    assert!(taken.door(Some("back")).strike.is_none(), "handed over once");
}

#[test]
fn a_strike_that_two_doors_could_have_is_nobodys_without_a_door() {
    let two = board(TWO_DOORS);
    let mut taken = two.take_at_rest(&clock().1).expect("taken");
    assert!(taken.door(None).strike.is_none());
    let blocks: Vec<&str> = TWO_DOORS.split("\n\n").filter(|block| !block.contains("\"back\"")).collect();
    let one = board(&blocks.join("\n\n"));
    let mut taken = one.take_at_rest(&clock().1).expect("taken");
    assert!(taken.door(None).strike.is_some(), "the board has one door");
    assert!(Lines::none().door(None).strike.is_none());
}

#[tokio::test]
async fn virtual_inputs_tell_their_level_at_the_start_and_then_each_change() {
    let board = board(TWO_DOORS);
    let lines = board.virtual_lines();
    assert_eq!(lines.set_input(InputRole::Rex, Some("front"), true), Err(NotMoved::Unheard));
    let (_, clock) = clock();
    let mut taken = board.take_at_rest(&clock).expect("taken");
    let event = |is_active, is_initial| InputEvent {
        role: InputRole::Rex,
        door: key("front"),
        is_active,
        is_initial,
        mono: clock.mono(),
    };
    assert_eq!(taken.inputs.recv().await, Some(event(true, true)));
    for is_active in [true, false] {
        lines.set_input(InputRole::Rex, Some("front"), is_active).expect("heard");
    }
    assert_eq!(taken.inputs.recv().await, Some(event(false, false)), "the same level is no change");
    assert_eq!(lines.set_input(InputRole::Rex, Some("back"), true), Err(NotMoved::Unknown));
    assert_eq!(lines.set_input(InputRole::DoorContact, Some("front"), true), Err(NotMoved::Unknown));
    drop(taken);
    assert_eq!(lines.set_input(InputRole::Rex, Some("front"), true), Err(NotMoved::Unheard));
}

#[test]
fn without_inputs_nothing_is_waited_for() {
    let board = board(&TWO_DOORS[..TWO_DOORS.find("[[inputs]]").expect("inputs")]);
    let mut taken = board.take_at_rest(&clock().1).expect("taken");
    assert_eq!(taken.inputs.try_recv(), Err(TryRecvError::Disconnected));
}

const REAL: &str = r#"
name = "real"
description = "for tests"
[[outputs]]
role = "strike"
driver = "gpio"
chip = "gpiochip0"
offset = 4
rest = "low"
[[inputs]]
role = "rex"
driver = "gpio"
line = "GPIO6"
active = "low"
bias = "pull_up"
debounce_ms = 30
"#;

#[test]
fn real_lines_are_named_by_offset_or_by_name() {
    let board = board(REAL);
    let spec = board.spec();
    let offset = Place::Offset { chip: "gpiochip0".into(), offset: 4 };
    assert_eq!(spec.outputs[0].wiring, Wiring::Gpio(offset));
    let named = Place::Named { chip: None, line: "GPIO6".into() };
    assert_eq!(spec.inputs[0].wiring, Wiring::Gpio(named));
    assert_eq!((spec.inputs[0].active, spec.inputs[0].debounce_ms), (Level::Low, 30));
}

#[test]
fn every_complaint_names_file_key_value_and_remedy() {
    let table = [
        ("offset = 4", "", "outputs[0].line", "", "gpioinfo"),
        ("offset = 4", "offset = 4\nline = \"X\"", "outputs[0].offset", "4", "one of them"),
        ("chip = \"gpiochip0\"", "", "outputs[0].chip", "", "name it"),
        ("driver = \"gpio\"", "driver = \"virtual\"", "outputs[0].chip", "\"gpiochip0\"", "remove the key"),
        ("driver = \"gpio\"", "driver = \"spi\"", "outputs[0].driver", "\"spi\"", "correct"),
        ("rest = \"low\"", "", "outputs[0].rest", "", "add the key"),
        ("rest = \"low\"", "rest = \"off\"", "outputs[0].rest", "\"off\"", "correct"),
        ("rest = \"low\"", "rest = \"low\"\npulse_ms = 500", "outputs[0].pulse_ms", "500", "remove the key"),
        ("active = \"low\"", "", "inputs[0].active", "", "\"low\" for a button"),
        ("\"rex\"", "\"strike\"", "inputs[0].role", "\"strike\"", "correct"),
        ("debounce_ms = 30", "debounce_ms = 1001", "inputs[0].debounce_ms", "1001", "20 is usual"),
        ("debounce_ms = 30", "door = \"a b\"", "inputs[0].door", "\"a b\"", "correct"),
        (
            "line = \"GPIO6\"",
            "chip = \"gpiochip0\"\noffset = 4",
            "inputs[0]",
            "(a TOML table)",
            "a line has one use",
        ),
        ("[[inputs]]", "[[inputs]]\nx = 1\n[[inputs]]", "inputs[0].x", "1", "remove the key"),
        ("[[outputs]]", "[outputs]", "outputs", "", "correct"),
    ];
    for (from, to, key, value, remedy) in table {
        let text = REAL.replacen(from, to, 1);
        assert_ne!(text, REAL, "{from}");
        let error = Spec::parse(Path::new("board.toml"), &text).expect_err(&text);
        assert_eq!(error.key, key, "{error}");
        assert!(error.value.clone().unwrap_or_default().contains(value), "{error}");
        assert!(error.remedy.contains(remedy), "{error}");
        assert!(BoardError(error).to_string().starts_with("board board.toml: "));
    }
}

#[test]
fn a_role_is_there_once_a_door_and_a_board_has_its_limits() {
    let twice = TWO_DOORS.replace("door = \"back\"", "door = \"front\"");
    let error = Spec::parse(Path::new("board.toml"), &twice).expect_err("two strikes of front");
    assert!(
        error.to_string().contains("outputs[3]")
            && error.to_string().contains("strike of front is there twice")
    );
    let many: String = (0..=spec::LINES_MAX)
        .map(|at| format!("[[inputs]]\nrole = \"rex\"\ndoor = \"d{at}\"\ndriver = \"virtual\"\n"))
        .collect();
    let text = format!("name = \"x\"\ndescription = \"x\"\n{many}");
    let error = Spec::parse(Path::new("board.toml"), &text).expect_err("too many");
    assert!(error.to_string().contains("33 of them, more than 32"), "{error}");
}

#[test]
fn a_real_line_that_this_machine_does_not_have_is_named_and_nothing_is_kept() {
    let text = format!("{REAL}\n[[outputs]]\nrole = \"buzzer\"\ndriver = \"virtual\"\nrest = \"low\"\n");
    let text = text.replace("gpiochip0", "/dev/no-such-chip").replace("GPIO6", "no such line");
    let board = board(&text);
    let error = board.take_at_rest(&clock().1).expect_err("no such chip").to_string();
    assert!(error.contains("outputs[0].chip = \"/dev/no-such-chip\""), "{error}");
    assert_eq!(board.virtual_lines().levels().len(), 1, "what can rest, rests");
}
