//! A private mosquitto on a free port, and clients that prepare its sessions.

use crate::watched::{Speaks, Watched};
use anyhow::{Context, Result, anyhow, bail};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tokio::time::timeout;

/// How long the broker, or a client of ours, may take for one step.
const PATIENCE: Duration = Duration::from_secs(60);
/// Messages that the publisher sends without waiting.
const PUBLISHER_WINDOW: u16 = 1000;

/// Where the broker says what it sent; retained.
const SENT_BYTES: &str = "$SYS/broker/publish/bytes/sent";

/// Killed when dropped.
pub(crate) struct Broker {
    process: Watched,
    port: u16,
}

impl Broker {
    /// Sends at most `in_flight` messages ahead, keeps all others in memory, and logs who connects.
    pub(crate) fn start(folder: &Path, in_flight: u16) -> Result<Broker> {
        Broker::start_with(folder, in_flight, "")
    }

    /// With `more` in its settings.
    pub(crate) fn start_with(folder: &Path, in_flight: u16, more: &str) -> Result<Broker> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = folder.join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n\
             max_inflight_messages {in_flight}\nmax_queued_messages 0\nuser root\n\
             log_dest stderr\nlog_type notice\nconnection_messages true\n{more}"
        );
        fs::write(&config, text)?;
        let process = Watched::start(Command::new(program()).arg("-c").arg(&config), Speaks::Stderr)
            .context("mosquitto is missing; `make setup` installs it")?;
        let pause = Duration::from_millis(10);
        for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(Broker { process, port });
            }
            std::thread::sleep(pause);
        }
        bail!("mosquitto does not listen; try `mosquitto -c {}`", config.display())
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Payloads sent to all clients since the start, in bytes, as it last counted.
    pub(crate) fn sent_bytes(&self) -> Result<u64> {
        block_on(async {
            let (client, mut events) = AsyncClient::new(options(self.port, "bench-counter"), 8);
            client.subscribe(SENT_BYTES, QoS::AtMostOnce).await?;
            let mut bytes = None;
            until(&mut events, |packet| {
                if let Packet::Publish(publish) = packet {
                    bytes = std::str::from_utf8(&publish.payload).ok().and_then(|text| text.parse().ok());
                }
                bytes.is_some()
            })
            .await?;
            bytes.context("the broker does not count")
        })
    }

    /// When the broker last took this client, by the time of day in ns: its word, since not every client tells.
    pub(crate) fn took_at_ns(&self, client_id: &str) -> Result<u64> {
        let name = format!(" as {client_id} (");
        let lines = std::iter::from_fn(|| self.process.line_now());
        let taken =
            lines.filter(|line| line.text.contains("New client connected") && line.text.contains(&name));
        taken.last().map(|line| line.read_at_ns).with_context(|| format!("the broker never took {client_id}"))
    }
}

fn program() -> &'static str {
    let installed = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
    installed.into_iter().find(|path| Path::new(path).exists()).unwrap_or("mosquitto")
}

/// The broker's name and version, as it says.
pub(crate) fn version() -> String {
    let help = Command::new(program()).arg("-h").output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&help).lines().next().unwrap_or("mosquitto").to_string()
}

/// Options of a client of ours.
pub(crate) fn options(port: u16, client_id: &str) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
    options.set_max_packet_size(256 * 1024, 256 * 1024);
    options.set_keep_alive(Duration::from_secs(60));
    options
}

/// Leaves a persistent session in which messages on `topic` are queued.
pub(crate) fn leave_session(port: u16, client_id: &str, topic: &str) -> Result<()> {
    block_on(async {
        let mut options = options(port, client_id);
        options.set_clean_session(false);
        let (client, mut events) = AsyncClient::new(options, 8);
        client.subscribe(topic, QoS::AtLeastOnce).await?;
        until(&mut events, |packet| matches!(packet, Packet::SubAck(_))).await?;
        client.disconnect().await?;
        // The end of the connection is an error to rumqttc.
        while events.poll().await.is_ok() {}
        Ok(())
    })
}

/// Lets the broker forget a session and what waits in it.
pub(crate) fn forget_session(port: u16, client_id: &str) -> Result<()> {
    block_on(async {
        let mut options = options(port, client_id);
        options.set_clean_session(true);
        let (client, mut events) = AsyncClient::new(options, 8);
        until(&mut events, |packet| matches!(packet, Packet::ConnAck(_))).await?;
        client.disconnect().await?;
        while events.poll().await.is_ok() {}
        Ok(())
    })
}

/// Runs `begin` once `topic` is listened to, and returns when a message that contains `word` has come.
pub(crate) fn hear(port: u16, topic: &str, word: &str, begin: impl FnOnce() -> Result<()>) -> Result<()> {
    block_on(async {
        let (client, mut events) = AsyncClient::new(options(port, "bench-observer"), 8);
        client.subscribe(topic, QoS::AtMostOnce).await?;
        until(&mut events, |packet| matches!(packet, Packet::SubAck(_))).await?;
        begin()?;
        let says = |payload: &[u8]| payload.windows(word.len()).any(|part| part == word.as_bytes());
        until(&mut events, |packet| matches!(packet, Packet::Publish(publish) if says(&publish.payload)))
            .await
    })
}

/// Publishes `messages` in order and returns when the broker has acknowledged all of them.
pub(crate) fn publish(port: u16, topic: &str, messages: &[Vec<u8>]) -> Result<()> {
    block_on(async {
        let mut options = options(port, "bench-publisher");
        options.set_inflight(PUBLISHER_WINDOW);
        let (client, mut events) = AsyncClient::new(options, usize::from(PUBLISHER_WINDOW));
        let mut queued = messages.iter();
        let mut acknowledged = 0;
        while acknowledged < messages.len() {
            while !client_is_full(&client, topic, &mut queued)? {}
            until(&mut events, |packet| matches!(packet, Packet::PubAck(_))).await?;
            acknowledged += 1;
        }
        Ok(())
    })
}

/// Queues the next message; says whether there is no more to queue for now.
fn client_is_full<'a>(
    client: &AsyncClient,
    topic: &str,
    queued: &mut (impl Iterator<Item = &'a Vec<u8>> + Clone),
) -> Result<bool> {
    let before = queued.clone();
    let Some(message) = queued.next() else { return Ok(true) };
    match client.try_publish(topic, QoS::AtLeastOnce, false, message.as_slice()) {
        Ok(()) => Ok(false),
        Err(rumqttc::ClientError::TryRequest(_)) => {
            *queued = before;
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

async fn until(events: &mut EventLoop, mut wanted: impl FnMut(&Packet) -> bool) -> Result<()> {
    let found = async {
        loop {
            if let Event::Incoming(packet) = events.poll().await?
                && wanted(&packet)
            {
                return Ok(());
            }
        }
    };
    // Pings go on for ever; only what is waited for ends the wait.
    timeout(PATIENCE, found).await.map_err(|_| anyhow!("waited {} s in vain", PATIENCE.as_secs()))?
}

/// On this thread, without any others.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
