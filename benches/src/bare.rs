//! Contender (a): a subscriber by rumqttc that throws messages away. QoS 1, acknowledged by rumqttc itself as
//! messages are read, one thread: what the protocol costs when nothing is kept.

use crate::broker::{block_on, options};
use crate::watched::{CONNECTED, DONE, say, wait_for_end};
use anyhow::Result;
use rumqttc::{AsyncClient, Event, Packet};

/// Its session.
pub(crate) const CLIENT_ID: &str = "bench-bare";

pub(crate) fn run(port: u16, messages: usize) -> Result<()> {
    block_on(async {
        let mut options = options(port, CLIENT_ID);
        options.set_clean_session(false);
        let (_client, mut events) = AsyncClient::new(options, 8);
        let mut count = 0;
        while count < messages {
            match events.poll().await? {
                Event::Incoming(Packet::ConnAck(_)) => say(CONNECTED, 0),
                Event::Incoming(Packet::Publish(_)) => count += 1,
                _ => {}
            }
        }
        say(DONE, 0);
        wait_for_end();
        Ok(())
    })
}
