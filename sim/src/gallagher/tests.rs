//! The double by itself: what the vendor's reference says of searches, personal data, cards, memberships, changes.

use super::*;

const HOST: &str = "http://centre";

fn ask(centre: &mut CommandCentre, method: &str, line: &str, body: &Value) -> (u16, Value) {
    let (path, query) = line.split_once('?').unwrap_or((line, ""));
    let header = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let headers = [("authorization", "GGL-API-KEY k"), ("host", "centre")].map(header).to_vec();
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let reply = centre.answer(&Ask::new(method, path, query, headers, body));
    let location = reply.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone());
    let body =
        serde_json::from_slice(&reply.body).unwrap_or_else(|_| location.map_or(Value::Null, Value::from));
    (reply.status, body)
}

fn get(centre: &mut CommandCentre, line: &str) -> Value {
    ask(centre, "GET", line, &Value::Null).1
}

/// A cardholder in these groups; its path.
fn created(centre: &mut CommandCentre, name: &str, groups: &[u64]) -> String {
    let groups: Vec<Value> = groups
        .iter()
        .map(|id| json!({ "accessGroup": { "href": format!("{HOST}/api/access_groups/{id}") } }))
        .collect();
    let body = json!({
        "division": { "href": format!("{HOST}{DIVISION}") }, "lastName": "x", "authorised": true,
        "@Doorward ID": name, "accessGroups": groups,
    });
    let (status, href) = ask(centre, "POST", "/api/cardholders", &body);
    assert_eq!(status, 201, "{href}");
    href.as_str().and_then(|href| href.strip_prefix(HOST)).expect("an address").to_owned()
}

fn count(centre: &mut CommandCentre, query: &str) -> usize {
    get(centre, &format!("/api/cardholders?{query}"))["results"].as_array().expect("a list").len()
}

#[test]
fn personal_data_needs_the_group_and_quotes_ask_for_the_whole_text() {
    let mut centre = CommandCentre::new("k");
    let one = created(&mut centre, "DW-1", &[300]);
    created(&mut centre, "DW-11", &[300]);
    created(&mut centre, "DW-1", &[352]);
    assert_eq!(count(&mut centre, "pdf_2356=%22dw-1%22"), 1);
    assert_eq!(count(&mut centre, "pdf_2356=dw-1"), 2);
    assert_eq!(count(&mut centre, ""), 3);
    assert_eq!(get(&mut centre, &one)["@Doorward ID"], "DW-1");
    let shown = get(&mut centre, "/api/cardholders?fields=pdf_2356");
    assert_eq!(shown["results"], json!([{ "@Doorward ID": "DW-1" }, { "@Doorward ID": "DW-11" }, {}]));
}

#[test]
fn a_membership_changes_its_address_and_a_card_keeps_its_number() {
    let mut centre = CommandCentre::new("k");
    let one = created(&mut centre, "DW-1", &[300]);
    let card = json!({ "type": { "href": format!("{HOST}{CARD_TYPE}") }, "number": "7" });
    let add = json!({ "cards": { "add": [card] } });
    assert_eq!(ask(&mut centre, "PATCH", &one, &add).0, 204);
    assert_eq!(ask(&mut centre, "PATCH", &one, &add).0, 400, "one card has one number");
    let before = get(&mut centre, &one);
    let (card, group) = (&before["cards"][0]["href"], &before["accessGroups"][0]["href"]);
    let end = |href: &Value| json!([{ "href": href, "until": "2030-01-01T00:00:00Z" }]);
    let update = json!({ "cards": { "update": end(card) }, "accessGroups": { "update": end(group) } });
    assert_eq!(ask(&mut centre, "PATCH", &one, &update).0, 204);
    let after = get(&mut centre, &one);
    assert_eq!(&after["cards"][0]["href"], card);
    assert_ne!(&after["accessGroups"][0]["href"], group);
    for refused in [
        update,
        json!({ "cards": { "update": [{ "href": card, "number": "8" }] } }),
        json!({ "cards": { "update": [{ "href": card, "from": "2031-01-01T00:00:00Z" }] } }),
        json!({ "firstName": "Eve", "cards": { "remove": [{ "href": group }] } }),
    ] {
        assert_eq!(ask(&mut centre, "PATCH", &one, &refused).0, 400, "{refused}");
    }
    assert_eq!(get(&mut centre, &one), after, "a refused change changes nothing");
    centre.hold("DW-1", true);
    assert_eq!(ask(&mut centre, "DELETE", &one, &Value::Null).0, 409);
}

#[test]
fn changes_begin_where_the_first_call_says() {
    let mut centre = CommandCentre::new("k");
    created(&mut centre, "DW-1", &[300]);
    let first = get(&mut centre, "/api/cardholders/changes");
    assert_eq!(first["results"], json!([]));
    let two = created(&mut centre, "DW-2", &[300]);
    ask(&mut centre, "DELETE", &two, &Value::Null);
    let next = first["next"]["href"].as_str().and_then(|href| href.strip_prefix(HOST)).expect("an address");
    let changes = get(&mut centre, next);
    let item = json!({ "href": format!("{HOST}{two}") });
    assert_eq!(
        changes["results"],
        json!([{ "type": "add", "item": item }, { "type": "remove", "item": item }])
    );
}
