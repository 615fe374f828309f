//! A real SCIM server that nobody here wrote: `scim2-server`, with the resource types of `examples/scim/`.
//!
//! It serves resources from memory: whoever restarts it finds it empty, as its documentation says.
//!
//! Not here: its installation, which `scripts/setup` does.

use super::{PATIENCE, free_port};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What [`super::World`] writes as the PACS's password.
const TOKEN: &str = "pacs-secret";
/// Ports that are tried before it is given up.
const ATTEMPTS_MAX: u32 = 20;

/// A person with what hangs on it, by our names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Person {
    pub(crate) family_name: String,
    /// Card numbers by token.
    pub(crate) cards: BTreeMap<String, String>,
    /// The entitlements' names.
    pub(crate) rights: BTreeSet<String>,
}

pub(crate) struct ScimServer {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl ScimServer {
    /// An empty one.
    pub(crate) fn start() -> ScimServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scim");
        let read = |path: &Path| -> Vec<Value> {
            let text = std::fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            serde_json::from_slice(&text).expect("a list in JSON")
        };
        // The standard's schemas as the server has them, and ours.
        let schemas = [read(&standard_schemas()), read(&examples.join("schemas.json"))].concat();
        std::fs::write(folder.path().join("schemas.json"), Value::from(schemas).to_string()).expect("write");
        let types = examples.join("resource-types.json");
        std::fs::copy(types, folder.path().join("resource-types.json")).expect("copy");
        let mut server = ScimServer { folder, port: 0, process: None };
        // Between finding a free port and the server's taking it somebody else may: then it ends at once.
        let mut ports = std::iter::repeat_with(free_port).take(ATTEMPTS_MAX as usize);
        let started = ports.any(|port| {
            server.port = port;
            server.launch()
        });
        assert!(started, "scim2-server does not start; DOORWARD_TEST_LOG=1 shows what it says");
        server
    }

    /// Where its endpoints are.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v2", self.port)
    }

    /// Ends it, and with it all that it holds.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again on the same port, empty.
    pub(crate) fn resume(&mut self) {
        assert!(self.launch(), "the port of {} is taken", self.url());
    }

    /// Defines an entitlement, as an administrator of the PACS does; returns its id.
    pub(crate) fn define(&self, external_id: &str, name: &str) -> String {
        let entitlement = json!({
            "schemas": ["urn:doorward:scim:schemas:1.0:Entitlement"],
            "externalId": external_id,
            "type": "AccessProfile",
            "displayName": name,
        });
        self.make("Entitlements", &entitlement)
    }

    /// Makes a resource by hand; returns its id.
    pub(crate) fn make(&self, endpoint: &str, resource: &Value) -> String {
        let (status, made) = self.ask("POST", &format!("/{endpoint}"), Some(resource)).expect("it answers");
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().expect("an id").to_owned()
    }

    /// Changes by hand what is named so, or takes it away when `change` says that nothing is to be left.
    pub(crate) fn edit(&self, endpoint: &str, name: &str, change: impl Fn(&mut Value) -> bool) {
        let all = self.all(endpoint).expect("a list");
        let mut found = all.into_iter().find(|one| one["externalId"] == name).expect(name);
        let path = format!("/{endpoint}/{}", found["id"].as_str().expect("an id"));
        let (status, answer) = if change(&mut found) {
            self.ask("PUT", &path, Some(&found)).expect("it answers")
        } else {
            self.ask("DELETE", &path, None).expect("it answers")
        };
        assert!([200, 204].contains(&status), "{status} {answer}");
    }

    /// Everybody, by name.
    ///
    /// # Panics
    /// When two have the same name, or something hangs on nobody.
    pub(crate) fn persons(&self) -> Result<BTreeMap<String, Person>, String> {
        let (users, cards, rights) = (self.all("Users")?, self.all("Tokens")?, self.all("Assignments")?);
        let (mut persons, mut names) = (BTreeMap::new(), BTreeMap::new());
        for user in users {
            let person = Person { family_name: text(&user, "/name/familyName"), ..Person::default() };
            names.insert(text(&user, "/id"), text(&user, "/externalId"));
            let twin = persons.insert(text(&user, "/externalId"), person);
            if twin.is_some() {
                return Err(format!("twins: {user}"));
            }
        }
        for item in cards.iter().chain(&rights) {
            let owner = names.get(&text(item, "/user/value")).and_then(|name| persons.get_mut(name));
            let owner = owner.ok_or_else(|| format!("it hangs on nobody: {item}"))?;
            let number = text(item, "/cardNumber");
            let is_new = if number.is_empty() {
                owner.rights.insert(text(item, "/entitlement/display"))
            } else {
                owner.cards.insert(text(item, "/externalId"), number).is_none()
            };
            if !is_new {
                return Err(format!("twins: {item}"));
            }
        }
        Ok(persons)
    }

    /// All resources of a type.
    pub(crate) fn all(&self, endpoint: &str) -> Result<Vec<Value>, String> {
        let (status, mut list) = self.ask("GET", &format!("/{endpoint}?count=1000"), None)?;
        match list["Resources"].take() {
            Value::Array(all) => Ok(all),
            _ if status == 200 => Ok(Vec::new()),
            _ => Err(format!("{status} {list}")),
        }
    }

    /// One request, on a connection of its own: the server closes it after the answer.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value), String> {
        let failed = |why: std::io::Error| format!("{method} {path}: {why}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} /v2{path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).map_err(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(failed)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("{method} {path}: no answer"))?;
        Ok((status, serde_json::from_str(body).unwrap_or_default()))
    }

    /// Whether it has come to listen.
    fn launch(&mut self) -> bool {
        let mut command = Command::new(installed().join("bin/python"));
        command.args(["-m", "scim2_server.testserver.cli", "--bearer-token", TOKEN, "--port"]);
        command.arg(self.port.to_string());
        command.args(["--schema", "schemas.json", "--resource-type", "resource-types.json"]);
        command.current_dir(self.folder.path()).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        if std::env::var_os("DOORWARD_TEST_LOG").is_none() {
            command.stderr(Stdio::null());
        }
        let mut process = command
            .spawn()
            .unwrap_or_else(|why| panic!("scim2-server is installed ({why}); `make setup` installs it"));
        let mut said = String::new();
        let _ = BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut said);
        let listens = said.starts_with("Serving SCIM");
        self.process = Some(process);
        if !listens {
            self.stop();
        }
        listens
    }
}

impl Drop for ScimServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where `scripts/setup` puts it: in the build folder, of which cargo names a part.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("scim2-server")
}

/// The schemas of RFC 7643, in the package.
fn standard_schemas() -> PathBuf {
    let found = std::fs::read_dir(installed().join("lib")).into_iter().flatten().filter_map(Result::ok);
    let inside = "site-packages/scim2_server/resources/default-schemas.json";
    let mut found = found.map(|python| python.path().join(inside)).filter(|path| path.exists());
    found.next().expect("scim2-server is installed; `make setup` installs it")
}

fn text(resource: &Value, pointer: &str) -> String {
    resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
