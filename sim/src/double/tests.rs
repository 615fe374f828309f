//! The frame with an API of one list: faults, violations and what is noted.

use super::*;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

const FILE: &str = r#"
openapi: 3.1.0
servers: [{ url: /api }]
security: [{ key: [] }]
paths:
  /things:
    get:
      parameters:
        - { name: top, in: query, required: true, schema: { type: integer, maximum: 10 } }
        - { name: X-Client, in: header, required: true }
    post:
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/Thing' } } }
  /things/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
    delete: {}
  /things/all:
    delete: { security: [] }
components:
  securitySchemes: { key: { type: http, scheme: bearer } }
  schemas:
    Thing:
      type: object
      required: [name]
      additionalProperties: false
      properties: { name: { type: string }, pin: { type: string, maxLength: 4 }, link: { type: string } }
"#;

#[derive(Clone, Default)]
struct Things(Vec<String>);

impl Api for Things {
    fn answer(&mut self, request: &Ask) -> Reply {
        match (request.method.as_str(), request.parts().as_slice()) {
            ("GET", ["things"]) => Reply::json(200, &json!(self.0)),
            ("POST", ["things"]) => {
                let name = request.json().ok().and_then(|body| Some(body.get("name")?.as_str()?.to_owned()));
                self.0.push(name.unwrap_or_default());
                Reply::empty(201).header("location", "/api/things/1")
            }
            _ => Reply::empty(404),
        }
    }

    fn dump(&self) -> Value {
        json!(self.0)
    }

    fn openapi(&self) -> &'static str {
        FILE
    }
}

/// Status and body; none when the connection was cut.
fn ask(double: &Double<Things>, method: &str, line: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(double.address).expect("it listens");
    let login = "Authorization: Bearer secret\r\nX-Client: test\r\nContent-Type: application/json\r\n";
    let length = body.len();
    let head = format!("{method} {line} HTTP/1.1\r\nHost: here\r\n{login}Connection: close\r\n");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn post(double: &Double<Things>, name: &str) -> Option<u16> {
    ask(double, "POST", "/api/things", &json!({ "name": name }).to_string()).map(|(status, _)| status)
}

#[test]
fn each_fault_hits_the_next_request_that_matches_and_only_that() {
    let double = Double::start(Things::default());
    let table = [
        (FaultKind::status(503), Some(503), false),
        (FaultKind::StatusAfter { status: 500 }, Some(500), true),
        (FaultKind::CutBefore, None, false),
        (FaultKind::CutAfter, None, true),
        (FaultKind::Slow { ms: 1 }, Some(201), true),
    ];
    for (kind, status, is_done) in table {
        double.fault(Fault::on("POST", "/things", kind.clone()));
        assert!(ask(&double, "GET", "/api/things?top=1", "").is_some_and(|(status, _)| status == 200));
        assert_eq!(double.faults_left(), 1);
        assert_eq!(post(&double, "one"), status, "{kind:?}");
        assert_eq!(
            double.with(|things| std::mem::take(&mut things.0)).len(),
            usize::from(is_done),
            "{kind:?}"
        );
        assert_eq!(post(&double, "two"), Some(201));
        double.with(|things| things.0.clear());
    }
    double.fault(Fault::next(FaultKind::Late { ms: 20 }));
    assert_eq!(post(&double, "late"), None);
    assert!(double.wait_until(Duration::from_secs(10), |things| things.dump() == json!(["late"])));
    let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
    double.fault(Fault::next(FaultKind::Status {
        status: 429,
        headers,
        body: json!({ "message": "slow down" }),
    }));
    let answer = ask(&double, "GET", "/api/things?top=1", "");
    assert_eq!(answer, Some((429, r#"{"message":"slow down"}"#.to_owned())));
    assert_eq!(double.violations(), [""; 0]);
}

#[test]
fn a_request_that_breaks_the_file_is_named_with_the_place_and_still_answered() {
    let double = Double::start(Things::default());
    let broken = |method: &str, line: &str, body: &str| {
        ask(&double, method, line, body).expect("it is answered");
        double.violations().join("; ")
    };
    for (method, line, body, why) in [
        ("GET", "/api/nothing", "", "no such path"),
        ("GET", "/elsewhere", "", "not below the server's path"),
        ("PUT", "/api/things", "", "no such method"),
        ("GET", "/api/things", "", "query \"top\" is missing"),
        ("GET", "/api/things?top=11", "", "query \"top\""),
        ("GET", "/api/things?top=many", "", "query \"top\""),
        ("GET", "/api/things?top=1&filter=x", "", "unknown parameter \"filter\""),
        ("POST", "/api/things", "", "there is no body"),
        ("POST", "/api/things", "{", "no JSON"),
        ("POST", "/api/things", r#"{"nam":"x"}"#, "'nam' was unexpected"),
        ("POST", "/api/things", r#"{"name":"x","pin":"12345"}"#, "at \"/pin\""),
        ("DELETE", "/api/things/x", "", "path \"id\""),
        ("DELETE", "/api/things/1", "{}", "a body where none"),
    ] {
        let found = broken(method, line, body);
        assert!(found.contains(why) && found.starts_with(&format!("{method} {line}: ")), "{why}: {found}");
        assert!(!found.contains("12345"), "a value may be a secret: {found}");
    }
    assert_eq!(broken("DELETE", "/api/things/all", ""), "", "a path without variables comes first");
}

#[test]
fn headers_and_logins_are_compared() {
    let file = OpenApi::parse(FILE).expect("it is one");
    let bare = |headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        file.violations(&Ask::new("GET", "/things", "top=1", headers, Vec::new()))
    };
    assert_eq!(bare(&[("authorization", "Bearer x"), ("x-client", "me")]), [""; 0]);
    assert_eq!(bare(&[("authorization", "Bearer x")]), ["header \"X-Client\" is missing"]);
    for login in [("authorization", "Basic x"), ("x", "y")] {
        assert_eq!(bare(&[("x-client", "me"), login]), ["no login of the declared form"]);
    }
    assert!(file.of("DELETE", "/things/7", &Value::Null).is_empty());
}

#[tokio::test]
async fn it_starts_and_ends_within_a_runtime() {
    let double = Double::start(Things::default());
    assert_eq!(post(&double, "one"), Some(201));
}

#[test]
fn what_is_noted_has_neither_secrets_nor_the_port() {
    let double = Double::start(Things::default());
    let body = json!({ "name": "x", "pin": "1234", "link": format!("{}/api/things/1", double.url()) });
    ask(&double, "POST", "/api/things", &body.to_string()).expect("it is answered");
    let shown: String = double.take_requests().iter().map(Recorded::to_string).collect();
    let body = "{\n  \"link\": \"{url}/api/things/1\",\n  \"name\": \"x\",\n  \"pin\": \"…\"\n}\n";
    assert_eq!(shown, format!("POST /api/things\nauthorization: Bearer …\nx-client: test\n{body}"));
    assert!(double.requests().is_empty());
}

#[test]
#[should_panic(expected = "requests broke the OpenAPI file")]
fn a_violation_that_nobody_asked_for_fails_the_test() {
    let double = Double::start(Things::default());
    ask(&double, "GET", "/api/nothing", "").expect("it is answered");
}

#[test]
fn a_file_that_cannot_be_meant_is_refused() {
    for (text, why) in [
        ("openapi: 3.1.0", "no paths"),
        ("paths: { /a: { get: { security: [{ key: [] }] } } }", "no security scheme"),
        ("paths: { /a: { get: { parameters: [{ $ref: '#/components/x' }] } } }", "leads nowhere"),
        ("paths: { /a: { get: { parameters: [{ name: x, in: cookie }] } } }", "cookie"),
        (
            "paths: { /a: { post: { requestBody: { content: { application/json: { schema: { type: 7 } } } } } } }",
            "post /a",
        ),
    ] {
        let refused = OpenApi::parse(text).map(drop).expect_err("it must be refused");
        assert!(refused.contains(why), "{refused}");
    }
}
