//! `doorward board pulse`: moves one output for a moment.

use crate::board::spec::{Output, Wiring};
use crate::board::{Board, Role};
use crate::commands::readers::runtime;
use access::id::Key;
use anyhow::{Context, Result, bail};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Drives the output away from its rest for `ms`, and back, also when a signal ends it early.
pub(super) fn pulse(board: &Board, role: Role, door: Option<&str>, ms: u32, is_meant: bool) -> Result<()> {
    let (at, output) = find(board, role, door)?;
    if role == Role::Strike && !is_meant {
        bail!(
            "this moves the lock of a door, and nobody is asked whether it may open; say --yes if that is meant"
        );
    }
    if output.wiring == Wiring::Virtual {
        println!("{output} is virtual: nothing moves outside this process");
    }
    runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
        let mut pin = board.take_output(at)?;
        let away = output.rest.other();
        println!("{output}: {} for {ms} ms", away.as_str());
        let moved = pin.set(away);
        if moved.is_ok() {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(ms.into())) => {}
                _ = terminate.recv() => println!("ended early"),
                _ = interrupt.recv() => println!("ended early"),
            }
        }
        // Whatever went wrong before.
        pin.set(output.rest)?;
        moved?;
        println!("{output}: {}, at rest", output.rest.as_str());
        Ok(())
    })
}

/// The one output that is meant.
fn find<'a>(board: &'a Board, role: Role, door: Option<&str>) -> Result<(usize, &'a Output)> {
    let is_meant = |output: &Output| {
        output.role == role && door.is_none_or(|door| output.door.as_ref().map(Key::as_str) == Some(door))
    };
    let found: Vec<_> =
        board.spec().outputs.iter().enumerate().filter(|(_, output)| is_meant(output)).collect();
    let names = |outputs: &mut dyn Iterator<Item = &Output>| {
        outputs.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    match found.as_slice() {
        [one] => Ok(*one),
        [] => bail!(
            "board {}: there is no such output; there are {}",
            board.name(),
            names(&mut board.spec().outputs.iter())
        ),
        several => {
            let several = names(&mut several.iter().map(|(_, output)| *output));
            bail!("board {}: which one? There are {several}; say --door KEY", board.name())
        }
    }
}
