//! Another program at the same pcscd: one that holds a card for itself alone.

use super::desk::Middleware;
use super::pcsc::{UID4, UID7};
use doorward::reader::line::Reason;
use doorward_sim::readers::card::Card;
use doorward_sim::readers::pcscd::SOCKET_VARIABLE;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// Connects so that nobody else can, says so, and stays until its input ends.
#[test]
#[ignore = "a program of its own, started by a scene"]
fn a_greedy_client() {
    let context = pcsc::Context::establish(pcsc::Scope::System).expect("pcscd");
    let name = context.list_readers_owned().expect("readers").remove(0);
    let card = context.connect(&name, pcsc::ShareMode::Exclusive, pcsc::Protocols::ANY).expect("a card");
    println!("held");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let _ = card.disconnect(pcsc::Disposition::LeaveCard);
}

fn greedy(middleware: &Middleware) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "readers::rival::a_greedy_client", "--ignored", "--nocapture"]);
    command.env(SOCKET_VARIABLE, middleware.pcscd.socket()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = command.spawn().expect("it starts");
    let lines = BufReader::new(client.stdout.take().expect("a pipe")).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("held")), "it holds the card");
    client
}

#[test]
fn a_card_that_another_program_holds_is_said_to_be_held_and_read_once_it_is_free() {
    let (middleware, reader, desk) = Middleware::with_reader();
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
    let mut client = greedy(&middleware);
    reader.remove();
    desk.expect_removed();
    // Its hold outlives the card.
    reader.tap(&Card::ultralight(&UID7));
    desk.expect_unreadable(Reason::Held);
    reader.remove();
    desk.expect_removed();
    // Closes its input; what becomes of its output nobody reads any more.
    client.wait().expect("it ends");
    reader.tap(&Card::ultralight(&UID7));
    desk.expect_uid(&UID7);
}
