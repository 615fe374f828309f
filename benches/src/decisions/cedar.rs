//! cedar-policy with the same rules: tokens and users as entities, a policy for each grant of each door.

use super::asked::Decide;
use super::site::{DOORS, NOW, NOW_MINUTE, OPEN_MINUTES, User, Window, door_key, grants, right_key, user};
use anyhow::{Context as _, Result};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// Before every instant and after it.
const ALWAYS: (i64, i64) = (0, i64::MAX);

pub(super) fn decide(users: u64) -> Result<Decide<'static>> {
    let names = Names::new()?;
    let mut all = Vec::new();
    for number in 0..users {
        entities(&names, number, &user(number), &mut all)?;
    }
    let entities = Entities::from_entities(all, None)?;
    let policies: PolicySet = policies().parse()?;
    let authorizer = Authorizer::new();
    let action: EntityUid = r#"Action::"open""#.parse()?;
    let doors: Vec<EntityUid> = (0..DOORS).map(|door| names.uid(&names.door, &door_key(door))).collect();
    Ok(Box::new(move |question| {
        let card = names.uid(&names.token, &hex(&question.uid));
        let door = doors.get(usize::try_from(question.door)?).context("a door")?;
        let context = Context::from_pairs([
            ("now".into(), RestrictedExpression::new_long(NOW.unix())),
            ("minute".into(), RestrictedExpression::new_long(NOW_MINUTE)),
        ])?;
        let request = Request::new(card, action.clone(), door.clone(), context, None)?;
        Ok(authorizer.is_authorized(&request, &policies, &entities).decision() == Decision::Allow)
    }))
}

struct Names {
    token: EntityTypeName,
    user: EntityTypeName,
    door: EntityTypeName,
}

impl Names {
    fn new() -> Result<Names> {
        Ok(Names { token: "Token".parse()?, user: "User".parse()?, door: "Door".parse()? })
    }

    fn uid(&self, name: &EntityTypeName, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
    }
}

fn hex(uid: &[u8]) -> String {
    uid.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn edges(window: Window) -> [(String, RestrictedExpression); 2] {
    let long = RestrictedExpression::new_long;
    [("from".into(), long(window.0.unwrap_or(ALWAYS.0))), ("to".into(), long(window.1.unwrap_or(ALWAYS.1)))]
}

fn entities(names: &Names, number: u64, one: &User, into: &mut Vec<Entity>) -> Result<()> {
    let holder = names.uid(&names.user, &number.to_string());
    let mut rights = Vec::new();
    for (right, window) in one.rights {
        rights.push((right_key(right), RestrictedExpression::new_record(edges(window))?));
    }
    let attributes = HashMap::from([
        ("active".to_owned(), RestrictedExpression::new_bool(one.is_active)),
        ("rights".to_owned(), RestrictedExpression::new_record(rights)?),
    ]);
    into.push(Entity::new(holder.clone(), attributes, HashSet::new())?);
    for token in &one.tokens {
        let mut attributes: HashMap<String, RestrictedExpression> = edges(token.window).into();
        attributes.insert("active".into(), RestrictedExpression::new_bool(token.is_active));
        attributes.insert("user".into(), RestrictedExpression::new_entity_uid(holder.clone()));
        into.push(Entity::new(names.uid(&names.token, &hex(&token.uid)), attributes, HashSet::new())?);
    }
    Ok(())
}

fn policies() -> String {
    let mut text = String::new();
    for door in 0..DOORS {
        for (right, is_timed) in grants(door) {
            let (door, right) = (door_key(door), right_key(right));
            let hours = if is_timed {
                format!(" && context.minute >= {} && context.minute < {}", OPEN_MINUTES.0, OPEN_MINUTES.1)
            } else {
                String::new()
            };
            let _ = write!(
                text,
                "permit (principal is Token, action == Action::\"open\", resource == Door::\"{door}\") when {{
                   principal has user && principal.active && principal.from <= context.now && context.now < principal.to
                   && principal.user.active && principal.user.rights has \"{right}\"
                   && principal.user.rights[\"{right}\"].from <= context.now
                   && context.now < principal.user.rights[\"{right}\"].to{hours} }};\n"
            );
        }
    }
    text
}
