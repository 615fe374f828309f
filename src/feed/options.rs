//! How to reach the broker, and what to hear of it.
//!
//! Not here: the connection itself (`connection`).

use super::connection::{PACKET_MAX_BYTES, Topic};
use contract::id::{GatewayId, SiteId};
use contract::topics::{GatewayTopic, Topics};
use rumqttc::{LastWill, MqttOptions, QoS, TlsConfiguration, Transport};
use std::sync::Arc;
use std::time::Duration;

/// How to reach the broker.
pub struct FeedOptions {
    /// The site.
    pub site: SiteId,
    /// This panel.
    pub gateway: GatewayId,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS, or plain TCP.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// User name and password.
    pub login: Option<(String, access::text::Secret)>,
    /// Seconds between pings.
    pub keep_alive_s: u16,
    /// What the broker says for us when we are gone.
    pub last_will: Vec<u8>,
    /// Whether this gateway can export, so that it hears what others say of the ledger.
    pub can_export: bool,
}

pub(super) fn mqtt_options(options: &FeedOptions, topics: &Topics) -> MqttOptions {
    let mut mqtt = mqtt_options_for_identity(options);
    let state = topics.gateway(&options.gateway, GatewayTopic::State);
    mqtt.set_last_will(LastWill::new(state, options.last_will.clone(), QoS::AtLeastOnce, true));
    mqtt
}

/// By the gateway's own client id, with its session, and without a last will.
pub(super) fn mqtt_options_for_identity(options: &FeedOptions) -> MqttOptions {
    let mut mqtt = plain(options, client_id(options));
    mqtt.set_clean_session(false);
    mqtt.set_manual_acks(true);
    mqtt
}

/// For a connection beside the gateway's own: another client id, no will, and no session that stays.
pub(super) fn mqtt_options_beside(options: &FeedOptions) -> MqttOptions {
    let mut mqtt = plain(options, format!("{}-doctor", client_id(options)));
    mqtt.set_clean_session(true);
    mqtt
}

fn client_id(options: &FeedOptions) -> String {
    format!("doorward-{}-{}", options.site, options.gateway)
}

fn plain(options: &FeedOptions, client_id: String) -> MqttOptions {
    let mut mqtt = MqttOptions::new(client_id, options.host.clone(), options.port);
    mqtt.set_keep_alive(Duration::from_secs(u64::from(options.keep_alive_s)));
    mqtt.set_max_packet_size(PACKET_MAX_BYTES, PACKET_MAX_BYTES);
    if let Some((username, password)) = &options.login {
        mqtt.set_credentials(username, password.expose());
    }
    if let Some(tls) = &options.tls {
        mqtt.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())));
    }
    mqtt
}

/// Filters, each with what comes by it.
pub(super) fn subscriptions(options: &FeedOptions, topics: &Topics) -> Vec<(Topic, String)> {
    let own = |topic| topics.gateway(&options.gateway, topic);
    let mut all = vec![
        (Topic::Changes, topics.changes()),
        (Topic::Meta, topics.meta()),
        (Topic::Command, own(GatewayTopic::Command)),
        (Topic::Digests, own(GatewayTopic::Digests)),
        (Topic::Bucket, own(GatewayTopic::Bucket)),
    ];
    if options.can_export {
        all.extend(topics.ledgers_to(&options.gateway).map(|filter| (Topic::Ledger, filter)));
    }
    all
}
