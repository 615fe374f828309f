//! A PN532 at the end of a serial line, told by its standard input what lies on it: `tap HEX` and `remove`, one a line. It says
//! `ready` once the line is there, and ends with its input. For scenes that are not written in Rust (`make vm-test`).
//!
//! Not here: other cards than MIFARE Classic; trouble.

use anyhow::{Context as _, bail};
use doorward_sim::readers::card::Card;
use doorward_sim::readers::pn532::Pn532;
use std::io::BufRead as _;
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let link = std::env::args_os().nth(1).context("usage: pn532 LINK")?;
    let chip = Pn532::start(&PathBuf::from(link))?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("tap", hex)) => chip.tap(&Card::classic_1k(&bytes(hex)?)),
            None if line == "remove" => chip.remove(),
            _ => bail!("{line}: neither tap HEX nor remove"),
        }
    }
    Ok(())
}

fn bytes(hex: &str) -> anyhow::Result<Vec<u8>> {
    let pair = |at| hex.get(at..at + 2).context("half a byte");
    (0..hex.len()).step_by(2).map(|at| Ok(u8::from_str_radix(pair(at)?, 16)?)).collect()
}
