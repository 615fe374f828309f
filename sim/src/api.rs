//! What the PACS answers to a request, and what it does for it. Pure: state and stamp in, answer out.

use serde_json::json;

use crate::children::ChildKind;
use crate::effects::Stamp;
use crate::elements::ElementType;
use crate::request::{Answer, Request};
use crate::world::{PERSONNEL_NUMBER, Refusal, State};

/// Executes one request.
pub(crate) fn answer(state: &mut State, request: &Request, stamp: Stamp) -> Answer {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let result = match segments.as_slice() {
        ["accessElements"] => elements(state, request),
        ["persons"] => persons(state, request, stamp),
        ["persons", id] => person(state, request, id, stamp),
        ["persons", id, "credentials"] => children(state, request, ChildKind::Credential, id, stamp),
        ["persons", id, "permissions"] => children(state, request, ChildKind::Permission, id, stamp),
        ["persons", id, "credentials", child] => {
            one_child(state, request, ChildKind::Credential, (id, child), stamp)
        }
        ["persons", id, "permissions", child] => {
            one_child(state, request, ChildKind::Permission, (id, child), stamp)
        }
        _ => Ok(Answer::no_path()),
    };
    result.unwrap_or_else(Answer::from)
}

fn elements(state: &State, request: &Request) -> Result<Answer, Refusal> {
    if request.method != "GET" {
        return Ok(Answer::wrong_method(request));
    }
    request.only(&["type"])?;
    let wanted = request.parameter("type").map(ElementType::parse).transpose()?;
    let listed = state.elements.iter().filter(|element| wanted.is_none_or(|kind| kind == element.kind));
    Ok(Answer::items(listed.map(|element| json!(element)).collect()))
}

fn persons(state: &mut State, request: &Request, stamp: Stamp) -> Result<Answer, Refusal> {
    match request.method.as_str() {
        "GET" => {
            request.only(&[PERSONNEL_NUMBER])?;
            Ok(Answer::items(state.persons_json(request.parameter(PERSONNEL_NUMBER))))
        }
        "POST" => {
            let native = state.create_person(request.object()?, stamp)?;
            Ok(Answer::new(201, state.person_json(&native)?))
        }
        _ => Ok(Answer::wrong_method(request)),
    }
}

fn person(state: &mut State, request: &Request, id: &str, stamp: Stamp) -> Result<Answer, Refusal> {
    match request.method.as_str() {
        "GET" => Ok(Answer::new(200, state.person_json(id)?)),
        "PUT" => {
            state.replace_person(id, request.object()?, stamp)?;
            Ok(Answer::new(200, state.person_json(id)?))
        }
        "DELETE" => {
            state.delete_person(id, stamp)?;
            Ok(Answer::nothing())
        }
        _ => Ok(Answer::wrong_method(request)),
    }
}

fn children(
    state: &mut State,
    request: &Request,
    kind: ChildKind,
    person: &str,
    stamp: Stamp,
) -> Result<Answer, Refusal> {
    match request.method.as_str() {
        "GET" => {
            request.only(&[kind.key()])?;
            Ok(Answer::items(state.children_json(kind, person, request.parameter(kind.key()))?))
        }
        "POST" => {
            let native = state.create_child(kind, person, request.object()?, stamp)?;
            Ok(Answer::new(201, state.child_json(kind, person, &native)?))
        }
        _ => Ok(Answer::wrong_method(request)),
    }
}

fn one_child(
    state: &mut State,
    request: &Request,
    kind: ChildKind,
    (person, child): (&str, &str),
    stamp: Stamp,
) -> Result<Answer, Refusal> {
    match request.method.as_str() {
        "GET" => Ok(Answer::new(200, state.child_json(kind, person, child)?)),
        "PUT" => {
            state.replace_child(kind, person, child, request.object()?, stamp)?;
            Ok(Answer::new(200, state.child_json(kind, person, child)?))
        }
        "DELETE" => {
            state.delete_child(kind, person, child, stamp)?;
            Ok(Answer::nothing())
        }
        _ => Ok(Answer::wrong_method(request)),
    }
}
