//! Random users as the rules would have them.

use access::id::Key;
use access::person::{Credential, Permission, Person};
use access::time::{UtcTime, Window};
use access::trust::Need;
use fastrand::Rng;
use std::collections::BTreeMap;

const TOKENS: [&str; 2] = ["t1", "t2"];
const RIGHTS: [&str; 2] = ["r1", "r2"];

fn one_in(rng: &mut Rng, n: u32) -> bool {
    rng.u32(0..n) == 0
}

fn need(rng: &mut Rng, keep: bool) -> Need {
    if keep && one_in(rng, 6) { Need::Keep } else { Need::Want }
}

fn window(rng: &mut Rng) -> Window {
    Window { from: None, to: one_in(rng, 2).then(|| UtcTime::from_unix(rng.i64(1..3))) }
}

/// The user at another moment: windows, statuses and data have changed at random. With `keep`, the clock may be
/// untrusted.
pub(super) fn person(rng: &mut Rng, keep: bool) -> Option<Person> {
    if one_in(rng, 4) {
        return None;
    }
    let prefix = if one_in(rng, 30) { "PB" } else { "PA" };
    let credential = |rng: &mut Rng| Credential {
        need: need(rng, keep),
        card_number: rng.u32(1..3).to_string(),
        window: window(rng),
    };
    let permission = |rng: &mut Rng| Permission {
        need: need(rng, keep),
        kind: "AccessProfile".into(),
        display_name: rng.u32(1..3).to_string(),
        window: window(rng),
    };
    let (mut credentials, mut permissions) = (BTreeMap::new(), BTreeMap::new());
    for key in TOKENS.iter().filter_map(|name| Key::new(name).ok()) {
        if !one_in(rng, 3) {
            credentials.insert(key, credential(rng));
        }
    }
    for name in RIGHTS {
        if !one_in(rng, 3) {
            permissions.insert(name.to_owned(), permission(rng));
        }
    }
    Some(Person {
        ext_id: format!("{prefix}u"),
        permissions,
        need: need(rng, keep),
        given_name: rng.u32(1..3).to_string(),
        family_name: "U".into(),
        organization: None,
        email: None,
        pin: None,
        properties: BTreeMap::new(),
        credentials,
    })
}
