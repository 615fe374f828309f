//! The double by itself: what the public documents say, answer by answer.

use super::*;

fn ask(sim: &mut Unifi, method: &str, line: &str, body: &Value) -> Value {
    let headers = vec![("authorization".to_owned(), "Bearer t".to_owned())];
    let (path, query) = line.split_once('?').unwrap_or((line, ""));
    let reply = sim.answer(&Ask::new(method, path, query, headers, body.to_string().into_bytes()));
    assert_eq!(reply.status, 200, "an error is a matter of the code alone");
    serde_json::from_slice(&reply.body).expect("every answer is an envelope")
}

fn code(answer: &Value) -> &str {
    answer["code"].as_str().expect("every envelope has a code")
}

#[test]
fn only_a_deactivated_user_is_deleted_and_its_cards_are_free_then() {
    let mut sim = Unifi::new("t", &[]);
    let user = sim.enrol("Ada", "Lovelace", "1");
    let card = sim.add_card("0A", "one", Some(&user));
    let path = format!("/users/{user}");
    assert_eq!(code(&ask(&mut sim, "DELETE", &path, &Value::Null)), "CODE_OPERATION_FORBIDDEN");
    let status = json!({ "status": "DEACTIVATED" });
    assert_eq!(code(&ask(&mut sim, "PUT", &path, &status)), "SUCCESS");
    assert_eq!(sim.cards[&card].user.as_deref(), Some(user.as_str()));
    assert_eq!(code(&ask(&mut sim, "DELETE", &path, &Value::Null)), "SUCCESS");
    assert_eq!(code(&ask(&mut sim, "DELETE", &path, &Value::Null)), "CODE_USER_WORKER_NOT_EXISTS");
    assert_eq!(sim.cards[&card].user, None);
}

#[test]
fn policies_are_one_set_and_those_of_groups_are_apart() {
    let mut sim = Unifi::new("t", &[("a", "A"), ("b", "B")]);
    let user = sim.enrol("Ada", "Lovelace", "1");
    sim.users.get_mut(&user).expect("it is there").group_policies = vec!["b".to_owned()];
    let path = format!("/users/{user}/access_policies");
    for (set, expected) in [(json!(["a"]), "SUCCESS"), (json!(["a", "x"]), "CODE_NOT_EXISTS")] {
        let answer = ask(&mut sim, "PUT", &path, &json!({ "access_policy_ids": set }));
        assert_eq!(code(&answer), expected);
    }
    let count = |sim: &mut Unifi, query: &str| {
        ask(sim, "GET", &format!("{path}{query}"), &Value::Null)["data"].as_array().map(Vec::len)
    };
    assert_eq!(count(&mut sim, "?only_user_policies=true"), Some(1));
    assert_eq!(count(&mut sim, ""), Some(2));
    ask(&mut sim, "PUT", &path, &json!({ "access_policy_ids": [] }));
    assert_eq!(count(&mut sim, ""), Some(1));
}

#[test]
fn a_card_goes_to_another_user_only_by_force() {
    let mut sim = Unifi::new("t", &[]);
    let (ada, eve) = (sim.enrol("Ada", "Lovelace", "1"), sim.enrol("Eve", "Moneypenny", "2"));
    let token = sim.add_card("0A", "one", Some(&ada));
    let path = format!("/users/{eve}/nfc_cards");
    for (force, expected) in [(false, "CODE_CREDS_NFC_HAS_BIND_USER"), (true, "SUCCESS")] {
        let answer = ask(&mut sim, "PUT", &path, &json!({ "token": token, "force_add": force }));
        assert_eq!(code(&answer), expected);
    }
    assert_eq!(sim.cards[&token].user, Some(eve));
}

#[test]
fn pages_are_counted_from_one_and_have_a_longest() {
    let mut sim = Unifi { page_max: 2, ..Unifi::new("t", &[]) };
    for number in 1..=5 {
        sim.enrol("Ada", "Lovelace", &number.to_string());
    }
    let page = ask(&mut sim, "GET", "/users?page_num=3&page_size=50", &Value::Null);
    assert_eq!(page["pagination"], json!({ "page_num": 3, "page_size": 2, "total": 5 }));
    assert_eq!(page["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(code(&ask(&mut sim, "GET", "/users?page_num=0", &Value::Null)), "CODE_PARAMS_INVALID");
}

#[test]
fn without_the_token_nothing_is_answered() {
    let mut sim = Unifi::new("t", &[]);
    let reply = sim.answer(&Ask::new("GET", "/users", "", Vec::new(), Vec::new()));
    assert_eq!(reply.status, 401);
}
