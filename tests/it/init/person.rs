//! A person at a terminal, who reads what is asked and types answers.

use crate::world::PATIENCE;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, sync_channel};

pub(super) struct Person {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    read: usize,
}

impl Person {
    /// Starts the program at a terminal of its own.
    pub(super) fn at(mut program: Command) -> Person {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = File::from(rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap());
        program.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let child = program.spawn().unwrap();
        // Or the terminal would never come to its end.
        drop(program);
        let keyboard = File::from(master);
        let mut from = keyboard.try_clone().unwrap();
        let (to, screen) = sync_channel(1_000);
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(read @ 1..) = from.read(&mut bytes) {
                if to.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Person { child, keyboard, screen, seen: String::new(), read: 0 }
    }

    /// Waits until the screen shows this, after whatever was waited for before.
    pub(super) fn wait_for(&mut self, words: &str) {
        loop {
            if let Some(at) = self.seen[self.read..].find(words) {
                self.read += at + words.len();
                return;
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("{words}: {error}: {}", self.seen),
            }
        }
    }

    /// Waits for the question, and answers it.
    pub(super) fn answer(&mut self, question: &str, answer: &str) {
        self.wait_for(question);
        self.wait_for(": ");
        writeln!(self.keyboard, "{answer}").unwrap();
    }

    /// All that the screen has shown, once the program has ended.
    pub(super) fn end(mut self) -> String {
        while let Ok(bytes) = self.screen.recv_timeout(PATIENCE) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        self.child.wait().unwrap();
        self.seen
    }
}
