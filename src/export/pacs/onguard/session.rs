//! The login: one at a time, renewed once when a request is refused for it.
//!
//! A refused login is not tried again at once: directories lock users out who try too often.
//!
//! Not here: what is asked (`instances`).

use super::Trouble;
use crate::export::http::{Call, Failure, HttpClient, HttpError, PacsSettings, Response};
use crate::export::pacs::answer::{json, text_at, words};
use access::text::Secret;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::json;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Sleep;

/// After a refused login there is no other for this long.
pub(super) const LOGIN_PAUSE_MS: u64 = 30_000;
const LOGIN: &str = "/authentication?version=1.0";
const APPLICATION: HeaderName = HeaderName::from_static("application-id");
const SESSION: HeaderName = HeaderName::from_static("session-token");

pub(super) struct Session {
    http: HttpClient,
    username: String,
    password: Secret,
    directory_id: String,
    error_words: String,
    pause_ms: u64,
    /// Held while logging in.
    gate: tokio::sync::Mutex<()>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Counts logins that were tried, so that whoever waited for one shares its outcome.
    logins: u64,
    /// Why the last one failed.
    failed: Option<Trouble>,
    /// Runs after a refusal.
    pause: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone)]
struct Token {
    /// The login that gave it.
    login: u64,
    secret: Secret,
    header: HeaderValue,
}

impl Session {
    /// Prepares the client; nothing is sent.
    pub(super) fn new(
        settings: &PacsSettings,
        directory_id: String,
        error_words: String,
        pause_ms: u64,
    ) -> Result<Session, HttpError> {
        let missing = |key| HttpError::Missing { key };
        let application = settings.system_id.as_deref().ok_or_else(|| missing("system_id"))?;
        let application =
            HeaderValue::from_str(application).map_err(|_| HttpError::Header { key: "system_id" })?;
        Ok(Session {
            http: HttpClient::new(settings, vec![(APPLICATION, application)])?,
            username: settings.username.clone().ok_or_else(|| missing("username"))?,
            password: settings.password.clone().ok_or_else(|| missing("password"))?,
            directory_id,
            error_words,
            pause_ms,
            gate: tokio::sync::Mutex::new(()),
            state: RefCell::default(),
        })
    }

    /// Sends one request under the login. A 401 is certainly not carried out, so after it the request goes
    /// out once more under a new login; nothing else is repeated.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Response, Trouble> {
        let token = self.token(None).await?;
        let response = self.http.send(call.clone().header(SESSION, token.header)).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let token = self.token(Some(token.login)).await?;
        Ok(self.http.send(call.header(SESSION, token.header)).await?)
    }

    /// The PACS's words without our secrets.
    pub(super) fn words(&self, response: &Response, pin: Option<&Secret>) -> String {
        let token = self.state.borrow().token.as_ref().map(|token| token.secret.clone());
        let secrets: Vec<&Secret> = [&self.password].into_iter().chain(&token).chain(pin).collect();
        words(response, &[&self.error_words], &secrets)
    }

    /// The login in force, or a new one; `spent` is the login that was just refused.
    async fn token(&self, spent: Option<u64>) -> Result<Token, Trouble> {
        if let Some(token) = self.in_force(spent) {
            return Ok(token);
        }
        let logins = self.state.borrow().logins;
        let _gate = self.gate.lock().await;
        if let Some(token) = self.in_force(spent) {
            return Ok(token);
        }
        let pausing = self.is_pausing().await;
        let shared = pausing || self.state.borrow().logins != logins;
        let failed = self.state.borrow().failed.clone().filter(|_| shared);
        if let Some(failed) = failed {
            return Err(failed);
        }
        self.state.borrow_mut().logins += 1;
        let outcome = self.log_in().await;
        match outcome {
            Ok(secret) => self.accept(secret),
            Err(trouble) => {
                match &trouble {
                    Trouble::Login { .. } => self.refuse(trouble.clone()),
                    Trouble::NotAsked(_)
                    | Trouble::Lost(_)
                    | Trouble::Status { .. }
                    | Trouble::Form { .. } => {
                        self.state.borrow_mut().failed = Some(trouble.clone());
                    }
                }
                Err(trouble)
            }
        }
    }

    fn in_force(&self, spent: Option<u64>) -> Option<Token> {
        self.state.borrow().token.clone().filter(|token| Some(token.login) != spent)
    }

    async fn log_in(&self) -> Result<Secret, Trouble> {
        let body = json!({
            "user_name": self.username,
            "password": self.password.expose(),
            "directory_id": self.directory_id,
        });
        // No answer to a login says nothing of the request that it was for: that was not sent.
        let not_asked = |words: String| Trouble::NotAsked(format!("login: {words}"));
        let response = self.http.send(Call::new(Method::POST, LOGIN).json(&body)).await;
        let response = response.map_err(|failure| match failure {
            Failure::NotSent(words) | Failure::Unknown(words) => not_asked(words),
        })?;
        let status = response.status.as_u16();
        match status {
            200..=299 => {
                let token = json(&response).and_then(|tree| text_at(&tree, "/session_token"));
                token.map(Secret::from).ok_or_else(|| not_asked("the answer has no session_token".into()))
            }
            300..=499 => Err(Trouble::Login {
                status,
                words: format!("login: {}", self.words(&response, None)),
                after_ms: response.retry_after_ms.unwrap_or(self.pause_ms).max(self.pause_ms),
            }),
            _ => Err(not_asked(format!("{status} {}", self.words(&response, None)))),
        }
    }

    fn accept(&self, secret: Secret) -> Result<Token, Trouble> {
        let header = HeaderValue::from_str(secret.expose());
        let mut header =
            header.map_err(|_| Trouble::NotAsked("login: the session_token fits no header".into()))?;
        header.set_sensitive(true);
        let mut state = self.state.borrow_mut();
        let token = Token { login: state.logins, secret, header };
        state.token = Some(token.clone());
        state.failed = None;
        state.pause = None;
        Ok(token)
    }

    fn refuse(&self, trouble: Trouble) {
        let mut state = self.state.borrow_mut();
        state.token = None;
        state.failed = Some(trouble);
        state.pause = Some(Box::pin(tokio::time::sleep(Duration::from_millis(self.pause_ms))));
    }

    async fn is_pausing(&self) -> bool {
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            let running = state.pause.as_mut().is_some_and(|pause| pause.as_mut().poll(context).is_pending());
            if !running {
                state.pause = None;
            }
            Poll::Ready(running)
        })
        .await
    }
}
