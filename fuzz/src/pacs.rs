//! A PACS that answers what the fuzzer says, and what must hold of any adapter that talks to it.
//!
//! Not here: what an answer should mean; the adapters' own tests say that.

use access::id::Key;
use access::person::{Credential, Permission};
use access::time::Window;
use access::trust::Need;
use doorward::export::content::{Content, PermissionFields, PersonFields};
use doorward::export::http::PacsSettings;
use doorward::export::item::{Act, Answer, Hash, Ids, ItemId, ItemKind, Step};
use doorward::export::pacs::{self, Adapter};
use doorward::export::profile::Profile;
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

const PROFILES: [&str; 6] = [
    include_str!("../../profiles/interflex.toml"),
    include_str!("../../profiles/exos.toml"),
    include_str!("../../profiles/scim.toml"),
    include_str!("../../profiles/gallagher.toml"),
    include_str!("../../profiles/onguard.toml"),
    include_str!("../../profiles/unifi.toml"),
];
const STATUSES: [u16; 12] = [200, 201, 204, 302, 400, 401, 404, 409, 412, 422, 429, 503];
/// Ends an answer; no byte of UTF-8.
const END: u8 = 0xFF;
/// In the paths of requests that change nothing that a step is about: a login, and a card that is imported and nobody's.
const ASIDE: [&str; 4] = ["login", "authentication", "session", "nfc_cards/import"];

/// What to ask, and what the PACS answers, one after the other; then it closes the connection without a word.
pub struct Script {
    profile: usize,
    step: Step,
    answers: VecDeque<Canned>,
}

#[derive(Clone)]
struct Canned {
    status: u16,
    body: Vec<u8>,
}

impl Script {
    /// Four bytes say what is asked; then a status byte and a body for each answer.
    pub fn read(bytes: &[u8]) -> Option<Script> {
        let (&[profile, item, act, known], answers) = bytes.split_first_chunk()?;
        let answers = answers.split(|byte| *byte == END).filter_map(|answer| {
            let (status, body) = answer.split_first()?;
            Some(Canned { status: STATUSES[usize::from(*status) % STATUSES.len()], body: body.to_vec() })
        });
        let answers = answers.collect();
        Some(Script { profile: usize::from(profile) % PROFILES.len(), step: step(item, act, known), answers })
    }
}

fn step(item: u8, act: u8, known: u8) -> Step {
    let (kind, content) = match item % 3 {
        0 => (ItemKind::Person, person()),
        1 => (ItemKind::Credential, credential()),
        _ => (ItemKind::Permission, permission()),
    };
    let act = [Act::LookUp, Act::Create, Act::Update, Act::Remove, Act::RemoveExtra][usize::from(act) % 5];
    let content = match act {
        Act::Remove | Act::RemoveExtra => None,
        Act::LookUp if known & 4 != 0 => None,
        Act::LookUp | Act::Create | Act::Update => Some(content),
    };
    let native = |is_known: bool| is_known.then(|| "7".to_owned());
    let is_child = kind != ItemKind::Person;
    Step {
        item: ItemId {
            user: Key::new("1").expect("a key"),
            kind,
            item: if is_child { "c1".into() } else { String::new() },
        },
        act,
        wanted: content.as_ref().map(|_| Hash([0; 16])),
        content,
        ids: Ids {
            ext_id: if is_child { "c1".into() } else { "PA1".into() },
            native_id: native(known & 1 != 0),
            person_ext_id: is_child.then(|| "PA1".into()),
            person_native_id: native(is_child && known & 2 != 0),
        },
        attempt: 1,
    }
}

fn person() -> Content {
    Content::Person(PersonFields {
        given_name: "Ada".into(),
        family_name: "Ek".into(),
        organization: Some("Works".into()),
        email: Some("ada@works.example".into()),
        pin: None,
        properties: BTreeMap::new(),
    })
}

fn credential() -> Content {
    Content::Credential(Credential { need: Need::Want, card_number: "27631".into(), window: Window::ALWAYS })
}

fn permission() -> Content {
    let permission = Permission {
        need: Need::Want,
        kind: "AccessProfile".into(),
        display_name: "Main".into(),
        window: Window::ALWAYS,
    };
    Content::Permission(PermissionFields { permission, credentials: vec!["7".into()] })
}

/// Carries the step out, and checks what must hold whatever was answered.
pub fn ask(script: &Script) {
    let server = server();
    *server.talk() = Talk { answers: script.answers.clone(), heard: Vec::new() };
    let adapter = adapter(script.profile, server.port);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answer = runtime.block_on(adapter.execute(&script.step));
    drop(adapter);
    let heard = std::mem::take(&mut server.talk().heard);
    let may_have_changed: Vec<_> = heard.iter().filter(|heard| heard.may_have_changed()).collect();
    if let Answer::NotSent { words } = &answer {
        assert!(may_have_changed.is_empty(), "{words}: {may_have_changed:?}");
    }
    if script.step.act == Act::LookUp {
        assert!(may_have_changed.is_empty(), "a look-up changes nothing: {may_have_changed:?}");
    }
}

fn adapter(profile: usize, port: u16) -> Rc<dyn Adapter> {
    let settings = PacsSettings {
        base_url: format!("http://127.0.0.1:{port}"),
        username: Some("doorward".into()),
        password: Some("secret".to_owned().into()),
        system_id: Some("application".into()),
        timeout_ms: 2_000,
        tls: None,
    };
    // What a customer must bring.
    let text = PROFILES[profile].replace("= \"\"", "= \"brought\"");
    let profile = Profile::parse(Path::new("profile.toml"), &text).expect("it is shipped");
    pacs::open(profile, &settings).expect("it fits")
}

/// A request, and what it was answered.
#[derive(Debug)]
struct Heard {
    method: String,
    path: String,
    status: Option<u16>,
}

impl Heard {
    /// Whether it may have changed anything: not where the answer says that it was refused.
    fn may_have_changed(&self) -> bool {
        let is_aside = ASIDE.iter().any(|aside| self.path.contains(aside));
        let is_refused = self.status.is_some_and(|status| (400..500).contains(&status));
        self.method != "GET" && !is_aside && !is_refused
    }
}

struct Talk {
    answers: VecDeque<Canned>,
    heard: Vec<Heard>,
}

struct Server {
    port: u16,
    talk: Arc<Mutex<Talk>>,
}

impl Server {
    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let talk = Arc::new(Mutex::new(Talk { answers: VecDeque::new(), heard: Vec::new() }));
        let theirs = talk.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(stream, &theirs)));
        Server { port, talk }
    })
}

/// One connection: every answer but a missing one keeps it.
fn serve(stream: TcpStream, talk: &Mutex<Talk>) {
    let _ = stream.set_nodelay(true);
    let Ok(mut out) = stream.try_clone() else { return };
    let mut input = BufReader::new(stream);
    while let Some((method, path)) = request(&mut input) {
        let mut talk = talk.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = talk.answers.pop_front();
        talk.heard.push(Heard { method, path, status: answer.as_ref().map(|answer| answer.status) });
        drop(talk);
        let Some(Canned { status, body }) = answer else { return };
        let body = if status == 204 { &[] } else { body.as_slice() };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nETag: \"1\"\r\n\r\n", body.len());
        if out.write_all(head.as_bytes()).and_then(|()| out.write_all(body)).is_err() {
            return;
        }
    }
}

fn request(input: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some((method, path))
}
