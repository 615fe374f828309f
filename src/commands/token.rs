//! `doorward token`: takes tokens out of use here and now.
//!
//! Not here: doing it; the daemon does, and tells the source.

use super::client::Client;
use crate::cli::TokenVerb;
use crate::config;
use access::id::Key;
use access::uid::RawId;
use anyhow::{Result, anyhow};
use serde_json::json;
use std::path::Path;

/// Does what was asked.
///
/// # Errors
/// When the daemon refuses it or does not run, or when what is named cannot be.
pub fn token(file: &Path, verb: TokenVerb) -> Result<()> {
    let config = config::load(file)?;
    let TokenVerb::Revoke { uid, token } = verb;
    let body = match (uid, token) {
        (Some(uid), _) => {
            let plain: String = uid.chars().filter(|c| !matches!(c, ':' | '-' | ' ')).collect();
            let bytes = RawId::from_hex(&plain).map_err(|reason| anyhow!("uid {uid:?}: {reason}"))?;
            json!({ "uid": bytes.to_string() })
        }
        (None, token) => {
            let token = token.unwrap_or_default();
            let key = Key::new(&token).map_err(|reason| anyhow!("token {token:?}: {reason}"))?;
            json!({ "token": key.as_str() })
        }
    };
    let answer = Client::new(&config).act("/token/revoke", &body)?;
    println!("{}", answer["words"].as_str().unwrap_or("done"));
    Ok(())
}
