//! The control API under `/_sim/`: faults, dumps, effects, drift. No authentication, and no fault applies to it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::children::ChildKind;
use crate::effects::{Effect, Via};
use crate::elements::{AccessElement, checked};
use crate::faults::{Fault, FaultId};
use crate::request::{Answer, Request};
use crate::shared::Shared;
use crate::world::{Refusal, State};

/// The first segment of every control path.
pub(crate) const PREFIX: &str = "_sim";

const WAIT_DEFAULT_MS: u64 = 30_000;
const WAIT_MAX_MS: u64 = 600_000;

/// Answers a control request; only `wait` takes its time.
pub(crate) async fn answer(shared: &Shared, request: &Request) -> Answer {
    let segments: Vec<&str> = request.segments.iter().skip(1).map(String::as_str).collect();
    let result = match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["faults"]) => Ok(faults(shared)),
        ("POST", ["faults"]) => inject(shared, request),
        ("DELETE", ["faults"]) => {
            shared.with(|inner| inner.faults.clear());
            Ok(Answer::nothing())
        }
        ("DELETE", ["faults", id]) => remove(shared, id),
        ("GET", ["world"]) => world(shared, request),
        ("GET", ["effects"]) => effects(shared, request),
        ("GET", ["wait"]) => wait(shared, request).await,
        ("PUT", ["elements"]) => elements(shared, request),
        ("POST", ["persons"]) => force(shared, request),
        ("DELETE", ["persons", number]) => delete(shared, number).map(|()| Answer::nothing()),
        (_, ["faults" | "world" | "effects" | "wait" | "elements" | "persons", ..]) => {
            Ok(Answer::wrong_method(request))
        }
        _ => Ok(Answer::no_path()),
    };
    result.unwrap_or_else(Answer::from)
}

/// Deletes a person by its external id, as drift.
///
/// # Errors
/// `NotFound`.
pub(crate) fn delete(shared: &Shared, number: &str) -> Result<(), Refusal> {
    shared.act(Via::Sim, |state, stamp| {
        let native = state.person_ids.native(&number.to_owned()).map(str::to_owned);
        let native =
            native.ok_or_else(|| Refusal::NotFound(format!("no person with personnelNumber {number}")))?;
        state.delete_person(&native, stamp)
    })
}

fn faults(shared: &Shared) -> Answer {
    let listed = |(id, fault): &(FaultId, Fault)| {
        let mut shown = json!(fault);
        shown["id"] = json!(id);
        shown
    };
    shared.with(|inner| Answer::items(inner.faults.active().iter().map(listed).collect()))
}

fn inject(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let fault: Fault = request.json()?;
    let id = shared.with(|inner| inner.faults.inject(fault));
    let id = id.map_err(|full| Refusal::Conflict(full.to_string()))?;
    Ok(Answer::new(201, json!({ "id": id })))
}

fn remove(shared: &Shared, id: &str) -> Result<Answer, Refusal> {
    let none = || Refusal::NotFound(format!("no fault {id}"));
    let fault = FaultId(id.parse().map_err(|_| none())?);
    if shared.with(|inner| inner.faults.remove(fault)) { Ok(Answer::nothing()) } else { Err(none()) }
}

fn world(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    request.only(&["ids"])?;
    let with_ids = request.number("ids", 0)? != 0;
    Ok(shared.with(|inner| {
        let mut dump = json!(inner.state.world);
        if with_ids {
            add_ids(&mut dump, &inner.state);
        }
        Answer::new(200, dump)
    }))
}

/// Puts `id` beside `fields` of each person and into each child.
fn add_ids(dump: &mut Value, state: &State) {
    for number in state.world.persons.keys() {
        dump["persons"][number]["id"] = json!(state.person_ids.native(number));
        for kind in [ChildKind::Credential, ChildKind::Permission] {
            for key in state.children(kind, number).keys() {
                let native = state.ids(kind).native(&(number.clone(), key.clone()));
                dump["persons"][number][kind.list()][key]["id"] = json!(native);
            }
        }
    }
}

fn effects(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    request.only(&["since"])?;
    let since = request.number("since", 0)?;
    Ok(shared.with(|inner| {
        let log = &inner.state.effects;
        let items: Vec<&Effect> = log.since(since).collect();
        Answer::new(200, json!({ "items": items, "total": log.total(), "dropped": log.dropped() }))
    }))
}

async fn wait(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    request.only(&["effects", "timeout_ms"])?;
    let wanted = request.number("effects", 1)?;
    let timeout = request.number("timeout_ms", WAIT_DEFAULT_MS)?.min(WAIT_MAX_MS);
    let reached = shared.wait_for_effects(wanted, Duration::from_millis(timeout)).await;
    let total = shared.with(|inner| inner.state.effects.total());
    Ok(Answer::new(200, json!({ "effects": total, "reached": reached })))
}

fn elements(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let elements: Vec<AccessElement> = checked(request.json()?)?;
    shared.act(Via::Sim, |state, _| state.elements = elements);
    Ok(Answer::nothing())
}

fn force(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let body = request.object()?;
    let native = shared.act(Via::Sim, |state, stamp| state.force_person(body, stamp))?;
    Ok(Answer::new(200, json!({ "id": native })))
}
