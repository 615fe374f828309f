//! What can be asked and ordered, and the answers: JSON, and `{"error": …}` with what, where and the remedy.
//!
//! Not here: connections, and who may connect (`control`).

use super::Control;
use super::bodies::{
    ApproveBody, FloorBody, LockBody, LockdownBody, NoBody, RetryBody, RevokeBody, UnlockBody, body,
};
use super::socket::{ACT_SOCKET, READ_SOCKET};
use super::steps;
use crate::mirror::Mirror;
use crate::service::circumstances::Age;
use crate::service::clocks::{self, Clock};
use crate::service::enrolling::asking::{Ask, CardWish, STEPS_MAX};
use crate::service::orders::{self, Card, Here, Order, Who};
use crate::service::planning::{self, LINES_DEFAULT, LINES_MAX, Moment, Wish};
use crate::service::status::{self, Live};
use crate::tls::RELEASED;
use access::time::UtcTime;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Which socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// Changes nothing.
    Reading,
    /// Gives orders.
    Acting,
}

impl Side {
    pub(super) fn socket_name(self) -> &'static str {
        match self {
            Side::Reading => READ_SOCKET,
            Side::Acting => ACT_SOCKET,
        }
    }

    fn method(self) -> Method {
        match self {
            Side::Reading => Method::GET,
            Side::Acting => Method::POST,
        }
    }
}

/// What there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Route {
    Status,
    ExportStatus,
    ExportPlan,
    Apply,
    Approve,
    Retry,
    Revoke,
    Enroll,
    Clock,
    ResetFloor,
    Lockdown,
    EndLockdown,
    Unlock,
    Lock,
}

const ROUTES: [(&str, Side, Route); 14] = [
    ("/status", Side::Reading, Route::Status),
    ("/clock", Side::Reading, Route::Clock),
    ("/clock/reset-floor", Side::Acting, Route::ResetFloor),
    ("/export/status", Side::Reading, Route::ExportStatus),
    ("/export/plan", Side::Reading, Route::ExportPlan),
    ("/export/apply", Side::Acting, Route::Apply),
    ("/export/approve", Side::Acting, Route::Approve),
    ("/export/retry", Side::Acting, Route::Retry),
    ("/token/revoke", Side::Acting, Route::Revoke),
    ("/enroll", Side::Acting, Route::Enroll),
    ("/door/lockdown", Side::Acting, Route::Lockdown),
    ("/door/end-lockdown", Side::Acting, Route::EndLockdown),
    ("/door/unlock", Side::Acting, Route::Unlock),
    ("/door/lock", Side::Acting, Route::Lock),
];

/// A request that is not carried out: its status, and the sentence.
pub(super) struct Refusal(pub(super) StatusCode, pub(super) String);

type Answer = Result<Value, Refusal>;

pub(super) fn bad(words: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, words.into())
}

/// The route of a request, if this side has it.
fn find(side: Side, method: &Method, path: &str) -> Result<Route, Refusal> {
    let Some((_, home, route)) = ROUTES.iter().find(|(known, ..)| *known == path) else {
        let known: Vec<&str> = ROUTES.iter().map(|(path, ..)| *path).collect();
        let words = format!("{path}: there is no such path; there are {}", known.join(", "));
        return Err(Refusal(StatusCode::NOT_FOUND, words));
    };
    if *home == side && *method == side.method() {
        return Ok(*route);
    }
    let words = format!(
        "{method} {path} on {}: it is {} on {}",
        side.socket_name(),
        home.method(),
        home.socket_name()
    );
    Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, words))
}

impl Control {
    /// Answers one request.
    pub(super) async fn answer(
        &self,
        side: Side,
        who: Who,
        request: Request<Incoming>,
    ) -> Response<steps::Answer> {
        let answered = match find(side, request.method(), request.uri().path()) {
            Ok(route) => self.route(route, who, request).await,
            Err(refusal) => Err(refusal),
        };
        let (status, body) = match answered {
            Ok(body) => (StatusCode::OK, body),
            Err(Refusal(status, words)) => (status, steps::Answer::whole(&json!({ "error": words }))),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers
                .insert(ALLOW, HeaderValue::from_static(if side == Side::Reading { "GET" } else { "POST" }));
        }
        response
    }

    async fn route(
        &self,
        route: Route,
        who: Who,
        request: Request<Incoming>,
    ) -> Result<steps::Answer, Refusal> {
        let answer = match route {
            Route::Status => {
                let config = self.config.clone();
                let (doors, _) = self.notices.known_doors();
                self.read(move |conn| {
                    let mut status = status::status(conn, &config, true)?;
                    status["doors"] = json!(doors);
                    Ok(status)
                })
                .await
            }
            Route::ExportStatus => {
                let (config, live) = (self.config.clone(), Live::of(&self.notices));
                self.read(move |conn| Ok(json!(status::export_status(conn, &config, Some(live))?))).await
            }
            Route::ExportPlan => self.plan(wish_of(request.uri().query())?).await,
            Route::Apply => {
                let NoBody {} = body(request).await?;
                self.order(who, Order::Apply).await
            }
            Route::Approve => {
                let ApproveBody { hash } = body(request).await?;
                self.order(who, Order::Approve { hash }).await
            }
            Route::Retry => {
                let RetryBody { user, item } = body(request).await?;
                self.order(who, Order::Retry { user, item }).await
            }
            Route::Revoke => {
                let card = match body(request).await? {
                    RevokeBody::Uid(uid) => Card::Uid(uid),
                    RevokeBody::Token(token) => Card::Token(token),
                };
                self.order(who, Order::Revoke(card)).await
            }
            Route::Lockdown => {
                let LockdownBody { exempt } = body(request).await?;
                self.order(who, Order::Lockdown { exempt }).await
            }
            Route::EndLockdown => {
                let NoBody {} = body(request).await?;
                self.order(who, Order::EndLockdown).await
            }
            Route::Unlock => {
                let UnlockBody { door, for_s } = body(request).await?;
                let until = UtcTime::from_unix(self.time.time().now.unix() + i64::from(for_s));
                self.order(who, Order::Unlock { door, until }).await
            }
            Route::Lock => {
                let LockBody { door } = body(request).await?;
                self.order(who, Order::Lock { door }).await
            }
            Route::Enroll => return self.enroll(who, request).await,
            Route::Clock => {
                Ok(json!(Clock::of(&self.time, self.config.clock.sync, Age::of(&self.notices, &self.time))))
            }
            Route::ResetFloor => {
                let FloorBody { to } = body(request).await?;
                self.reset_floor(who, to).await
            }
        };
        answer.map(|value| steps::Answer::whole(&value))
    }

    /// Has the readers wait for a card; the answer comes step by step.
    async fn enroll(&self, who: Who, request: Request<Incoming>) -> Result<steps::Answer, Refusal> {
        let wish = body::<CardWish>(request).await?.checked().map_err(bad)?;
        let (sender, steps) = mpsc::channel(STEPS_MAX);
        let ask = Ask::Enroll { wish, who, steps: Some(sender) };
        self.asks.try_send(ask).map_err(|error| {
            Refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the readers take no more now: {error}; try again"),
            )
        })?;
        Ok(steps::Answer::Steps { steps, is_over: false })
    }

    async fn plan(&self, wish: Wish) -> Answer {
        let Some(planner) = self.planner.clone() else { return Err(no_pacs()) };
        let (config, live) = (self.config.clone(), Live::of(&self.notices));
        let moment = Moment { time: self.time.time(), mono: Some(self.time.mono()) };
        self.read(move |conn| {
            let status = status::export_status(conn, &config, Some(live))?;
            Ok(json!(planning::report(conn, &planner, &status, &moment, &wish)?))
        })
        .await
    }

    /// Reads the mirror by a connection and on a thread of its own: a long plan must not hold up the gateway.
    async fn read(
        &self,
        what: impl FnOnce(&mut Connection) -> rusqlite::Result<Value> + Send + 'static,
    ) -> Answer {
        let mirror = Mirror::at(&self.config.state_dir);
        let work = move || {
            let mut conn = mirror.open_reader().map_err(|error| error.to_string())?;
            what(&mut conn).map_err(|error| {
                format!("mirror {}: cannot be read: {error}; try `doorward verify`", mirror.path().display())
            })
        };
        let failed = |words: String| Refusal(StatusCode::INTERNAL_SERVER_ERROR, words);
        let read = tokio::task::spawn_blocking(work).await;
        read.map_err(|error| failed(error.to_string()))?.map_err(failed)
    }

    async fn reset_floor(&self, who: Who, to: Option<UtcTime>) -> Answer {
        match clocks::reset_floor(&self.writer, &self.time, &who, to.unwrap_or(RELEASED)).await {
            Ok(words) => Ok(json!({ "done": true, "words": words })),
            Err(words) => Err(Refusal(StatusCode::CONFLICT, words)),
        }
    }

    async fn order(&self, who: Who, order: Order) -> Answer {
        let is_for_export = match order {
            Order::Apply | Order::Approve { .. } | Order::Retry { .. } => true,
            Order::Revoke(_)
            | Order::SettleRevocation { .. }
            | Order::SettleEnrollment { .. }
            | Order::Lockdown { .. }
            | Order::EndLockdown
            | Order::Unlock { .. }
            | Order::Lock { .. } => false,
        };
        if is_for_export && self.planner.is_none() {
            return Err(no_pacs());
        }
        let gateway = self.config.gateway.clone();
        let here = Here { time: self.time.time(), doors: self.doors.clone(), gateway };
        match orders::order(&self.writer, &self.notices, here, who, order).await {
            Ok(outcome) if outcome.is_done() => Ok(json!({ "done": true, "words": outcome.words() })),
            Ok(outcome) => Err(Refusal(StatusCode::CONFLICT, outcome.words())),
            Err(error) => Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
        }
    }
}

fn no_pacs() -> Refusal {
    let words = "this panel exports nothing: its configuration has no [pacs]; ask the panel that has";
    Refusal(StatusCode::CONFLICT, words.into())
}

/// What of a plan is asked for, from `limit=N` and `everyone`.
fn wish_of(query: Option<&str>) -> Result<Wish, Refusal> {
    let mut wish = Wish { limit: LINES_DEFAULT, everyone: false };
    for parameter in query.unwrap_or_default().split('&').filter(|parameter| !parameter.is_empty()) {
        let limit = parameter.strip_prefix("limit=").and_then(|number| number.parse().ok());
        match limit.filter(|limit| *limit <= LINES_MAX) {
            Some(limit) => wish.limit = limit,
            None if parameter == "everyone" => wish.everyone = true,
            None => {
                return Err(bad(format!(
                    "?{parameter}: there are limit=N, with N from 0 to {LINES_MAX}, and everyone"
                )));
            }
        }
    }
    Ok(wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_in_bounds_or_refused_by_name() {
        let wish = |query| wish_of(query).ok().map(|wish| (wish.limit, wish.everyone));
        assert_eq!(wish(None), Some((LINES_DEFAULT, false)));
        assert_eq!(wish(Some("limit=0")), Some((0, false)));
        assert_eq!(wish(Some("limit=10000&everyone")), Some((LINES_MAX, true)));
        for query in ["limit=10001", "limit=-1", "limit=", "lines=3", "limit=3&x=1", "everyone=no"] {
            let Err(Refusal(status, words)) = wish_of(Some(query)) else { panic!("{query} was taken") };
            let named = query.rsplit('&').next().unwrap_or_default();
            assert!(status == StatusCode::BAD_REQUEST && words.contains(named), "{words}");
        }
    }

    #[test]
    fn each_path_belongs_to_one_method_of_one_socket() {
        for (path, home, route) in ROUTES {
            for side in [Side::Reading, Side::Acting] {
                for method in [Method::GET, Method::POST, Method::DELETE] {
                    let found = find(side, &method, path).ok();
                    let is_home = side == home && method == home.method();
                    assert_eq!(found, is_home.then_some(route), "{method} {path} on {side:?}");
                }
            }
        }
        let Err(Refusal(status, words)) = find(Side::Reading, &Method::GET, "/nothing") else { panic!() };
        assert!(status == StatusCode::NOT_FOUND && words.contains("/export/plan"), "{words}");
    }
}
