//! casbin with the same rules: a line for each grant of each door, who has what as groups, and windows by a function, since
//! groups have none.

use super::asked::Decide;
use super::site::{DOORS, NOW, NOW_MINUTE, OPEN_MINUTES, door_key, grants, right_key, user};
use ::casbin::function_map::OperatorFunction;
use ::casbin::rhai::Dynamic;
use ::casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use anyhow::{Result, anyhow};
use std::collections::HashMap;
use std::sync::OnceLock;

const MODEL: &str = "
[request_definition]
r = card, door, minute, now

[policy_definition]
p = right, door, from, to

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.door == p.door && during(p.from, p.to, r.minute) && g(r.card, p.right) && valid(r.card, p.right, r.now)
";

/// From when until when a card has a right.
static WINDOWS: OnceLock<HashMap<(String, String), (i64, i64)>> = OnceLock::new();

pub(super) fn decide(users: u64) -> Result<Decide<'static>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let enforcer = runtime.block_on(enforcer(users))?;
    Ok(Box::new(move |question| {
        let card: String = question.uid.iter().map(|byte| format!("{byte:02X}")).collect();
        let asked = (card, door_key(question.door), NOW_MINUTE.to_string(), NOW.unix().to_string());
        Ok(enforcer.enforce(asked)?)
    }))
}

async fn enforcer(users: u64) -> Result<Enforcer> {
    let model = DefaultModel::from_str(MODEL).await?;
    let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
    enforcer.add_function("during", OperatorFunction::Arg3(during));
    enforcer.add_function("valid", OperatorFunction::Arg3(valid));
    let mut lines = Vec::new();
    for door in 0..DOORS {
        for (right, is_timed) in grants(door) {
            let (from, to) = if is_timed { OPEN_MINUTES } else { (0, 24 * 60) };
            lines.push(vec![right_key(right), door_key(door), from.to_string(), to.to_string()]);
        }
    }
    enforcer.add_policies(lines).await?;
    let (mut groups, mut windows) = (Vec::new(), HashMap::new());
    for number in 0..users {
        let one = user(number);
        let holder = format!("u-{number:07}");
        // What is barred is left out, as an application would.
        if !one.is_active {
            continue;
        }
        groups.extend(one.rights.iter().map(|(right, _)| vec![holder.clone(), right_key(*right)]));
        for token in one.tokens.iter().filter(|token| token.is_active) {
            let card: String = token.uid.iter().map(|byte| format!("{byte:02X}")).collect();
            groups.push(vec![card.clone(), holder.clone()]);
            for (right, window) in &one.rights {
                let from = token.window.0.max(window.0).unwrap_or(0);
                let to = [token.window.1, window.1].into_iter().flatten().min().unwrap_or(i64::MAX);
                windows.insert((card.clone(), right_key(*right)), (from, to));
            }
        }
    }
    WINDOWS.set(windows).map_err(|_| anyhow!("one enforcer a process"))?;
    enforcer.add_grouping_policies(groups).await?;
    Ok(enforcer)
}

fn number(text: Dynamic) -> i64 {
    text.into_string().ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn during(from: Dynamic, to: Dynamic, minute: Dynamic) -> Dynamic {
    let minute = number(minute);
    (number(from) <= minute && minute < number(to)).into()
}

fn valid(card: Dynamic, right: Dynamic, now: Dynamic) -> Dynamic {
    let (Ok(card), Ok(right)) = (card.into_string(), right.into_string()) else { return false.into() };
    let now = number(now);
    let window = WINDOWS.get().and_then(|windows| windows.get(&(card, right)));
    window.is_some_and(|(from, to)| *from <= now && now < *to).into()
}
