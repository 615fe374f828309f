//! Requests compared with an OpenAPI 3.1 file. Pure.
//!
//! Looked at are path, method, login, parameters and the body's type and JSON. In paths a variable is a whole
//! segment. `$ref` leads into `#/components/…`.
//!
//! Not here: answers, callbacks, styles of parameters other than one plain value.

use jsonschema::Validator;
use serde_json::{Value, json};

use super::Ask;
use super::yaml;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// A file, ready to be compared with.
pub(super) struct OpenApi {
    base: String,
    operations: Vec<Operation>,
}

struct Operation {
    method: String,
    path: Vec<Segment>,
    parameters: Vec<Parameter>,
    logins: Vec<Vec<Login>>,
    body: Option<Body>,
}

enum Segment {
    Fixed(String),
    Variable(String),
}

struct Parameter {
    place: String,
    name: String,
    is_required: bool,
    kind: Option<String>,
    schema: Validator,
}

/// A header that must be there, and what it begins with.
struct Login {
    header: String,
    scheme: String,
}

struct Body {
    is_required: bool,
    /// By media type; none where it is no JSON.
    kinds: Vec<(String, Option<Validator>)>,
}

impl OpenApi {
    pub(super) fn parse(text: &str) -> Result<OpenApi, String> {
        let file = yaml::parse(text)?;
        let base = file.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or_default();
        let base = base.trim_end_matches('/').to_owned();
        let paths = file.get("paths").and_then(Value::as_object).ok_or("there are no paths")?;
        let mut operations = Vec::new();
        for (path, item) in paths {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if METHODS.contains(&method.as_str()) {
                    let read = Operation::read(&file, path, method, item, operation);
                    operations.push(read.map_err(|why| format!("{method} {path}: {why}"))?);
                }
            }
        }
        // Of several paths that match, the one with the fewest variables is meant.
        operations.sort_by_key(Operation::variables);
        Ok(OpenApi { base, operations })
    }

    /// The rest of `path` below the path of the first server.
    pub(super) fn below_base<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&self.base).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// What the request breaks.
    pub(super) fn violations(&self, ask: &Ask) -> Vec<String> {
        let mut on_path =
            self.operations.iter().filter(|operation| operation.is_at(&ask.segments)).peekable();
        if on_path.peek().is_none() {
            return vec!["no such path".to_owned()];
        }
        match on_path.find(|operation| operation.method.eq_ignore_ascii_case(&ask.method)) {
            None => vec!["no such method on this path".to_owned()],
            Some(operation) => operation.violations(ask),
        }
    }
}

impl Operation {
    fn read(
        file: &Value,
        path: &str,
        method: &str,
        item: &Value,
        operation: &Value,
    ) -> Result<Operation, String> {
        let segment = |text: String| match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => Segment::Variable(name.to_owned()),
            None => Segment::Fixed(text),
        };
        let parts = path.split('/').filter(|part| !part.is_empty());
        let path = parts.map(|part| segment(part.to_owned())).collect();
        let lists = [item.get("parameters"), operation.get("parameters")].into_iter().flatten();
        let parameters = lists.filter_map(Value::as_array).flatten();
        let security = operation.get("security").or_else(|| file.get("security"));
        let body = operation.get("requestBody").map(|body| Body::read(file, body)).transpose()?;
        Ok(Operation {
            method: method.to_owned(),
            path,
            parameters: parameters.map(|one| Parameter::read(file, one)).collect::<Result<_, _>>()?,
            logins: logins(file, security)?,
            body,
        })
    }

    fn variables(&self) -> usize {
        self.path.iter().filter(|segment| matches!(segment, Segment::Variable(_))).count()
    }

    fn is_at(&self, segments: &[String]) -> bool {
        let matches = |(wanted, given): (&Segment, &String)| match wanted {
            Segment::Fixed(text) => text == given,
            Segment::Variable(_) => true,
        };
        self.path.len() == segments.len() && self.path.iter().zip(segments).all(matches)
    }

    fn violations(&self, ask: &Ask) -> Vec<String> {
        let mut broken = Vec::new();
        for parameter in &self.parameters {
            parameter.check(self.value_of(parameter, ask), &mut broken);
        }
        for (name, _) in &ask.query {
            if !self.parameters.iter().any(|known| known.place == "query" && known.name == *name) {
                broken.push(format!("unknown parameter {name:?}"));
            }
        }
        if !self.logins.is_empty() && !self.logins.iter().any(|all| all.iter().all(|login| login.is_in(ask)))
        {
            broken.push("no login of the declared form".to_owned());
        }
        match &self.body {
            Some(body) => body.check(ask, &mut broken),
            None if ask.body.is_empty() => {}
            None => broken.push("a body where none is declared".to_owned()),
        }
        broken
    }

    fn value_of<'a>(&self, parameter: &Parameter, ask: &'a Ask) -> Option<&'a str> {
        match parameter.place.as_str() {
            "query" => ask.parameter(&parameter.name),
            "header" => ask.header(&parameter.name.to_lowercase()),
            _ => {
                let named =
                    |segment: &Segment| matches!(segment, Segment::Variable(name) if *name == parameter.name);
                let at = self.path.iter().position(named)?;
                ask.segments.get(at).map(String::as_str)
            }
        }
    }
}

impl Parameter {
    fn read(file: &Value, form: &Value) -> Result<Parameter, String> {
        let form = target(file, form)?;
        let place = text(form, "in")?;
        if !["query", "header", "path"].contains(&place.as_str()) {
            return Err(format!("a parameter in {place:?} is not known here"));
        }
        let schema = form.get("schema").cloned().unwrap_or(Value::Bool(true));
        let kind = target(file, &schema)?.get("type").and_then(Value::as_str).map(str::to_owned);
        Ok(Parameter {
            place,
            name: text(form, "name")?,
            is_required: form.get("required") == Some(&Value::Bool(true)),
            kind,
            schema: validator(file, &schema)?,
        })
    }

    fn check(&self, value: Option<&str>, broken: &mut Vec<String>) {
        let (place, name) = (&self.place, &self.name);
        let Some(value) = value else {
            if self.is_required {
                broken.push(format!("{place} {name:?} is missing"));
            }
            return;
        };
        let typed = match self.kind.as_deref() {
            Some("integer" | "number" | "boolean") => value.parse().unwrap_or_else(|_| Value::from(value)),
            _ => Value::from(value),
        };
        broken.extend(complaints(&self.schema, &typed).map(|why| format!("{place} {name:?}: {why}")));
    }
}

impl Login {
    fn is_in(&self, ask: &Ask) -> bool {
        ask.header(&self.header).is_some_and(|value| value.to_lowercase().starts_with(&self.scheme))
    }
}

impl Body {
    fn read(file: &Value, form: &Value) -> Result<Body, String> {
        let form = target(file, form)?;
        let content = form.get("content").and_then(Value::as_object).ok_or("a body without content")?;
        let kind = |(name, media): (&String, &Value)| {
            let schema = media.get("schema").filter(|_| name.ends_with("json"));
            Ok::<_, String>((name.clone(), schema.map(|schema| validator(file, schema)).transpose()?))
        };
        Ok(Body {
            is_required: form.get("required") == Some(&Value::Bool(true)),
            kinds: content.iter().map(kind).collect::<Result<_, _>>()?,
        })
    }

    fn check(&self, ask: &Ask, broken: &mut Vec<String>) {
        if ask.body.is_empty() {
            if self.is_required {
                broken.push("there is no body".to_owned());
            }
            return;
        }
        let given = ask.header("content-type").unwrap_or_default();
        let given = given.split(';').next().unwrap_or_default().trim();
        let Some((_, schema)) = self.kinds.iter().find(|(name, _)| name == given) else {
            return broken.push(format!("a body of type {given:?} where it is not declared"));
        };
        match (schema, ask.json()) {
            (None, _) => {}
            (Some(_), Err(error)) => broken.push(format!("the body is no JSON: {error}")),
            (Some(schema), Ok(body)) => broken.extend(complaints(schema, &body)),
        }
    }
}

/// Alternatives, each with the headers that it takes.
fn logins(file: &Value, security: Option<&Value>) -> Result<Vec<Vec<Login>>, String> {
    let alternatives = security.and_then(Value::as_array).into_iter().flatten();
    let alternative =
        |all: &Value| all.as_object().into_iter().flatten().map(|(name, _)| login(file, name)).collect();
    alternatives.map(alternative).collect()
}

fn login(file: &Value, name: &str) -> Result<Login, String> {
    let form = file.pointer(&format!("/components/securitySchemes/{name}"));
    let form = form.ok_or_else(|| format!("there is no security scheme {name:?}"))?;
    match text(form, "type")?.as_str() {
        "http" => {
            let scheme = format!("{} ", text(form, "scheme")?.to_lowercase());
            Ok(Login { header: "authorization".to_owned(), scheme })
        }
        "apiKey" if text(form, "in")? == "header" => {
            Ok(Login { header: text(form, "name")?.to_lowercase(), scheme: String::new() })
        }
        other => Err(format!("a security scheme of type {other:?} is not known here")),
    }
}

/// What a reference leads to, else the value itself.
fn target<'a>(file: &'a Value, value: &'a Value) -> Result<&'a Value, String> {
    let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
    let found = reference.strip_prefix('#').and_then(|pointer| file.pointer(pointer));
    found.ok_or_else(|| format!("{reference} leads nowhere"))
}

fn text(form: &Value, name: &str) -> Result<String, String> {
    let found = form.get(name).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| format!("{name:?} is missing"))
}

/// A schema that may refer to the file's components.
fn validator(file: &Value, schema: &Value) -> Result<Validator, String> {
    let components = file.get("components").cloned().unwrap_or_default();
    let whole = json!({ "components": components, "here": schema, "$ref": "#/here" });
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(&whole).map_err(|error| error.to_string())
}

/// Values are not quoted: they may be secrets.
fn complaints<'a>(schema: &'a Validator, value: &'a Value) -> impl Iterator<Item = String> + 'a {
    schema
        .iter_errors(value)
        .map(|error| format!("at {:?}: {}", error.instance_path().to_string(), error.masked()))
}

impl OpenApi {
    /// Compares what stands in a request line, for tests of a file.
    #[cfg(test)]
    pub(super) fn of(&self, method: &str, line: &str, body: &Value) -> Vec<String> {
        let (path, query) = line.split_once('?').unwrap_or((line, ""));
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("authorization".to_owned(), "Bearer x".to_owned()),
        ];
        self.violations(&Ask::new(method, path, query, headers, body))
    }
}
