//! What there is to ask, in its order. Each question has a flag, and the key of the configuration that its answer becomes.
//!
//! Readers are asked for by themselves (`terminal`): each is several questions.

use super::answers::{Answers, board_file, profile_file};
use crate::board::Board;
use crate::export::profile::Profile;
use access::id::Key;
use contract::id::{GatewayId, SiteId};
use std::fs;
use std::path::Path;

/// Whether a question is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    /// It makes no sense after the answers so far.
    No,
    /// Nothing is an answer as well.
    Asked,
    /// Something has to be said.
    Required,
}

/// One question.
pub(super) struct Question {
    /// Its flag, without `--`; of a secret without `-file`.
    pub(super) flag: &'static str,
    /// The key that its answer becomes.
    pub(super) key: &'static str,
    /// For people.
    pub(super) words: &'static str,
    /// It is typed without being seen, and comes from a file otherwise.
    pub(super) is_secret: bool,
    /// Whether it is asked.
    pub(super) need: fn(&Answers) -> Need,
    /// What is wrong with an answer.
    pub(super) check: fn(&str) -> Result<(), String>,
}

impl Question {
    /// The flag as it is written.
    pub(super) fn option(&self) -> String {
        format!("--{}{}", self.flag, if self.is_secret { "-file" } else { "" })
    }

    /// Whether a complaint about the dotted `key` is about this answer.
    pub(super) fn is_about(&self, key: &str) -> bool {
        key == self.key || key.strip_prefix(self.key).is_some_and(|rest| rest.starts_with(['.', '[']))
    }
}

const fn text(
    flag: &'static str,
    key: &'static str,
    words: &'static str,
    need: fn(&Answers) -> Need,
    check: fn(&str) -> Result<(), String>,
) -> Question {
    Question { flag, key, words, is_secret: false, need, check }
}

const fn secret(
    flag: &'static str,
    key: &'static str,
    words: &'static str,
    need: fn(&Answers) -> Need,
) -> Question {
    Question { flag, key, words, is_secret: true, need, check: |_| Ok(()) }
}

/// All of them.
pub(super) const QUESTIONS: [Question; 18] = [
    text(
        "site",
        "site",
        "The site this panel belongs to (a-z 0-9 -)",
        |_| Need::Required,
        |text| SiteId::new(text).map(drop).map_err(str::to_owned),
    ),
    text(
        "gateway",
        "gateway",
        "This panel's own name (a-z 0-9 -)",
        |_| Need::Required,
        |text| GatewayId::new(text).map(drop).map_err(str::to_owned),
    ),
    text(
        "broker-host",
        "broker.host",
        "The broker's name or address",
        |_| Need::Required,
        |text| {
            let is_host = !text.is_empty() && !text.contains(['/', ' ']);
            if is_host { Ok(()) } else { Err("is no name or address; leave a scheme and a port out".into()) }
        },
    ),
    text(
        "broker-ca",
        "broker.ca_file",
        "Certificate of the authority that signed the broker's, for TLS (a PEM file; empty: no TLS)",
        |_| Need::Asked,
        certificate,
    ),
    text(
        "broker-port",
        "broker.port",
        "The broker's port (empty: the usual one)",
        |_| Need::Asked,
        |text| {
            let is_port = text.is_empty() || text.parse::<u16>().is_ok_and(|port| port > 0);
            if is_port { Ok(()) } else { Err("is no port; give 1 to 65535".into()) }
        },
    ),
    text(
        "broker-cert",
        "broker.client_cert_file",
        "This panel's certificate for the broker (a PEM file; empty: it has none)",
        |answers| if answers.has_text("broker-ca") { Need::Asked } else { Need::No },
        certificate,
    ),
    secret("broker-key", "broker.client_key", "The file of its key", |answers| {
        if answers.has_text("broker-cert") { Need::Required } else { Need::No }
    }),
    text(
        "broker-username",
        "broker.username",
        "Login at the broker; its access rules expect the panel's name (empty: none)",
        |_| Need::Asked,
        any,
    ),
    secret("broker-password", "broker.password", "Its password", |answers| {
        if answers.has_text("broker-username") { Need::Required } else { Need::No }
    }),
    text(
        "board",
        "board",
        "The board (empty: none, the panel moves nothing)",
        |_| Need::Asked,
        |text| {
            if text.is_empty() {
                return Ok(());
            }
            Board::load(&board_file(text)).map(drop).map_err(|error| error.to_string())
        },
    ),
    secret("reader-key", "reader-key", "Base key of the OSDP readers, 32 hexadecimal digits", |answers| {
        if answers.has_osdp() { Need::Required } else { Need::No }
    }),
    text(
        "door",
        "door",
        "Doors without a reader, by their keys (a, b; empty: none)",
        |_| Need::Asked,
        |text| super::answers::listed(text).try_for_each(|key| Key::check(key).map_err(str::to_owned)),
    ),
    text(
        "pacs-profile",
        "pacs.profile",
        "The PACS (empty: this panel exports nothing)",
        |_| Need::Asked,
        |text| {
            if text.is_empty() {
                return Ok(());
            }
            Profile::read(&profile_file(text)).map(drop).map_err(|error| error.to_string())
        },
    ),
    text("pacs-url", "pacs.base_url", "Where its API is (https://…)", of_pacs_required, |text| {
        let is_url = text.starts_with("http://") || text.starts_with("https://");
        if is_url { Ok(()) } else { Err("begins neither with http:// nor with https://".into()) }
    }),
    text(
        "pacs-ca",
        "pacs.ca_file",
        "Certificate of the authority that signed the PACS's (a PEM file)",
        |answers| if answers.text("pacs-url").starts_with("https://") { Need::Required } else { Need::No },
        certificate,
    ),
    text(
        "pacs-system-id",
        "pacs.system_id",
        "How this panel names itself to the PACS (empty: not at all)",
        of_pacs,
        any,
    ),
    text("pacs-username", "pacs.username", "Login at the PACS (empty: none, or a key alone)", of_pacs, any),
    secret("pacs-password", "pacs.password", "Its password, or the key or token (empty: none)", |answers| {
        if answers.has_text("pacs-username") { Need::Required } else { of_pacs(answers) }
    }),
];

fn of_pacs(answers: &Answers) -> Need {
    if answers.has_text("pacs-profile") { Need::Asked } else { Need::No }
}

fn of_pacs_required(answers: &Answers) -> Need {
    if answers.has_text("pacs-profile") { Need::Required } else { Need::No }
}

fn any(_: &str) -> Result<(), String> {
    Ok(())
}

fn certificate(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    match fs::read_to_string(Path::new(text)) {
        Ok(content) if content.contains("-----BEGIN CERTIFICATE-----") => Ok(()),
        Ok(_) => Err(format!("{text}: holds no certificate; name a PEM file")),
        Err(error) => Err(format!("{text}: {error}; name a PEM file that can be read")),
    }
}
