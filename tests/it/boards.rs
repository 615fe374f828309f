//! Boards, as an installer meets them: `doorward board`, and `run` and `check` with a board that does not fit.

use crate::world::World;
use doorward::config::places;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A panel's folder, with a configuration that names one of the shipped boards.
struct Panel {
    folder: TempDir,
}

impl Panel {
    fn with(board: &str) -> Panel {
        let folder = TempDir::new().expect("a folder");
        let board = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards").join(board);
        let text = format!(
            "site = \"office\"\ngateway = \"panel-1\"\nstate_dir = \"state\"\nboard = {:?}\n[broker]\nhost = \"127.0.0.1\"\n",
            board.display().to_string()
        );
        std::fs::create_dir(folder.path().join("state")).expect("made");
        std::fs::write(folder.path().join("config.toml"), text).expect("written");
        Panel { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    fn doorward(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.arg("--config").arg(self.file()).args(words);
        command
    }

    /// Whether it went well, and all that was said.
    fn said(&self, words: &[&str]) -> (bool, String) {
        let output = self.doorward(words).output().expect("doorward runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.0.id().try_into().expect("a process id")).expect("not zero");
        kill_process(pid, signal).expect("signalled");
    }
}

#[test]
fn check_shows_every_line_and_fails_where_one_is_not_there() {
    let (good, said) = Panel::with("virtual.toml").said(&["board", "check"]);
    assert!(good && said.contains("door_contact"), "{said}");
    assert_eq!(said.matches("virtual").count(), 1 + 6, "the board and its six lines: {said}");

    // The machine that runs this has no such chip, or it would be a panel.
    let panel = Panel::with("generic-gpiochip.toml");
    let text = std::fs::read_to_string("boards/generic-gpiochip.toml").expect("the board");
    let board = panel.folder.path().join("board.toml");
    std::fs::write(&board, text.replace("gpiochip0", "no-such-chip")).expect("written");
    let file = board.display().to_string();
    let (good, said) = panel.said(&["board", "check", "--board", &file]);
    assert!(!good && said.contains("6 of 6 lines cannot be used"), "{said}");
    assert_eq!(said.matches("WRONG: chip: is not there").count(), 6, "{said}");

    let text = std::fs::read_to_string(panel.file()).expect("the configuration");
    let shipped = text.lines().find(|line| line.starts_with("board")).expect("a board").to_owned();
    std::fs::write(panel.file(), text.replace(&shipped, "board = \"board.toml\"")).expect("written");
    for verb in ["check", "run"] {
        let (good, said) = panel.said(&[verb]);
        assert!(
            !good && said.contains("no-such-chip") | said.contains("strike: chip is not there"),
            "{said}"
        );
    }
}

#[test]
fn a_pulse_moves_one_output_and_a_strike_only_when_that_is_meant() {
    let panel = Panel::with("virtual.toml");
    let (good, said) = panel.said(&["board", "pulse", "buzzer", "--ms", "1"]);
    assert!(good && said.ends_with("buzzer: high for 1 ms\nbuzzer: low, at rest\n"), "{said}");
    let (good, said) = panel.said(&["board", "pulse", "strike", "--ms", "1"]);
    assert!(!good && said.contains("say --yes") && !said.contains("high"), "{said}");
    let (good, said) = panel.said(&["board", "pulse", "strike", "--ms", "1", "--yes"]);
    assert!(good && said.ends_with("strike: low, at rest\n"), "{said}");
    let (good, said) = panel.said(&["board", "pulse", "strike", "--door", "back", "--yes"]);
    assert!(!good && said.contains("there are strike, green_led"), "{said}");
    let (good, said) = panel.said(&["board", "pulse", "siren"]);
    assert!(!good && said.contains("write strike, green_led, red_led or buzzer"), "{said}");
    let (good, said) = panel.said(&["board", "pulse", "buzzer", "--ms", "10001"]);
    assert!(!good && said.contains("10000"), "{said}");
}

#[test]
fn a_pulse_that_is_broken_off_ends_at_rest() {
    let panel = Panel::with("virtual.toml");
    for signal in [Signal::INT, Signal::TERM] {
        let mut command = panel.doorward(&["board", "pulse", "strike", "--yes", "--ms", "10000"]);
        let mut running = Running(command.stdout(Stdio::piped()).spawn().expect("doorward runs"));
        let mut lines = BufReader::new(running.0.stdout.take().expect("piped")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "strike: high for 10000 ms"));
        running.signal(signal);
        // To its end, which comes long before ten seconds.
        let rest: Vec<String> = lines.collect();
        assert_eq!(rest, ["ended early", "strike: low, at rest"]);
        assert!(running.0.wait().expect("ended").success());
    }
}

#[test]
fn nothing_is_moved_by_hand_while_the_gateway_runs() {
    let world = World::new();
    let gateway = world.gateway();
    let board = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/virtual.toml").display().to_string();
    let said = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        let output =
            command.arg("--config").arg(world.config_file()).args(words).output().expect("doorward runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let wishes =
        [vec!["board", "rest", "--board", &board], vec!["board", "pulse", "buzzer", "--board", &board]];
    for wish in &wishes {
        let (good, said) = said(wish);
        assert!(!good && said.contains("the gateway runs") && said.contains("systemctl stop"), "{said}");
    }
    gateway.stop();
    for wish in &wishes {
        let (good, said) = said(wish);
        assert!(good, "{said}");
    }
}

#[test]
fn rest_puts_everything_at_rest_whatever_else_is_wrong_and_needs_no_board() {
    let panel = Panel::with("virtual.toml");
    let text = std::fs::read_to_string(panel.file()).expect("the configuration");
    let broken = [
        text.clone(),
        text.replace("[broker]", "[broker]\nport = \"none\""),
        text.replace("[broker]", "[brocker"),
        text.replace("host = \"127.0.0.1\"", "host = \"127.0.0.1\nhost ="),
        format!("{text}site = 7\n[[reader]]\n"),
        text.replace("site = \"office\"", "site ="),
    ];
    for text in &broken {
        std::fs::write(panel.file(), text).expect("written");
        let found = places(&panel.file()).expect("a file");
        assert!(found.board.is_some_and(|board| board.ends_with("boards/virtual.toml")), "{text}");
        assert_eq!(found.state_dir, panel.folder.path().join("state"), "{text}");
        let (good, said) = panel.said(&["board", "rest"]);
        assert!(good && said == "virtual: 4 outputs at rest\n", "{text}: {said}");
    }
    std::fs::write(panel.file(), "site = \"office\"\n").expect("written");
    let (good, said) = panel.said(&["board", "rest"]);
    assert!(good && said.contains("no board"), "{said}");
    let (good, said) = panel.said(&["board", "check"]);
    assert!(!good && said.contains("--board FILE"), "{said}");
}

#[test]
fn watch_shows_the_outputs_and_the_level_of_each_input_until_it_is_ended() {
    let panel = Panel::with("virtual.toml");
    let mut command = panel.doorward(&["board", "watch", "--json"]);
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(piped.spawn().expect("doorward runs"));
    let lines = BufReader::new(running.0.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let seen: Vec<Value> =
        lines.take(6).map(|line| serde_json::from_str(&line).expect("JSON lines")).collect();
    let outputs: Vec<&Value> = seen[..4].iter().map(|line| &line["output"]).collect();
    assert_eq!(outputs, ["strike", "green_led", "red_led", "buzzer"]);
    let inputs: Vec<Value> =
        seen[4..].iter().map(|line| json!([line["input"], line["is_active"], line["is_initial"]])).collect();
    assert_eq!(inputs, [json!(["rex", false, true]), json!(["door_contact", false, true])]);
    running.signal(Signal::TERM);
    assert!(running.0.wait().expect("ended").success());
}
