//! The checks of a profile's login.
//!
//! Not here: logging in (`pacs::rest::session`).

use super::api::{Login, Send, Session};
use super::check::Check;
use super::form::{LoginName, RequestForm, SessionForm, SessionWay};
use super::template::{Part, Place, Variable, parts};
use super::{ProfileError, listed};
use std::collections::BTreeMap;

impl Check<'_> {
    pub(super) fn login(
        &self,
        name: LoginName,
        header: Option<&str>,
        session: Option<&SessionForm>,
    ) -> Result<Login, ProfileError> {
        let sessions = session.map(|form| self.sessions(form)).transpose()?;
        let login = match name {
            LoginName::None => Login::None,
            LoginName::Basic => Login::Basic,
            LoginName::Bearer => Login::Bearer,
            LoginName::Header => {
                let name = header.ok_or_else(|| {
                    self.wrong("login_header", "", "name the header that holds the password")
                })?;
                return Ok(Login::Header(self.header("login_header", name)?));
            }
            LoginName::Session => match sessions {
                Some(session) => Login::Session(Box::new(session)),
                None => return Err(self.wrong("session", "", "add the section, or choose another login")),
            },
        };
        let unused = "remove it, or set login to \"header\"";
        self.that(header.is_none(), "login_header", header.unwrap_or_default(), unused)?;
        Ok(login)
    }

    /// Every way is checked, so that changing to another one holds no surprise.
    fn sessions(&self, form: &SessionForm) -> Result<Session, ProfileError> {
        let ways = form.ways.iter().map(|(name, way)| Ok((name, self.session(name, way)?)));
        let mut ways = ways.collect::<Result<BTreeMap<_, _>, ProfileError>>()?;
        let remedy = format!("name one of the ways to log in below: {}", listed(form.ways.keys()));
        ways.remove(&form.used).ok_or_else(|| self.wrong("session.use", &form.used, &remedy))
    }

    fn session(&self, name: &str, way: &SessionWay) -> Result<Session, ProfileError> {
        let key = format!("session.{name}");
        let form = RequestForm { method: way.method.clone(), path: way.path.clone(), body: way.body.clone() };
        let request = self.request(&key, form, Place::Login)?;
        // A path stands in logs.
        let bare = !request.path.names(Variable::Username) && !request.path.names(Variable::Password);
        self.that(
            bare,
            &format!("{key}.path"),
            &way.path,
            "a login has no place in a path: put it into the body",
        )?;
        let remedy = "say how user name and password are sent: basic = true, or a body with {password}";
        let in_body = request.names(Variable::Password);
        self.that(way.basic != in_body, &format!("{key}.basic"), &way.basic.to_string(), remedy)?;
        for (token, pointer) in &way.token {
            self.pointer(&format!("{key}.token.{token}"), pointer)?;
        }
        self.that(
            !way.token.is_empty(),
            &format!("{key}.token"),
            "",
            "name what the answer holds: token = \"/token\"",
        )?;
        Ok(Session { request, basic: way.basic, token: way.token.clone(), send: self.send(&key, way)? })
    }

    fn send(&self, key: &str, way: &SessionWay) -> Result<Send, ProfileError> {
        let text = |name: &str, text: &str| {
            let variable = |name: &str, _: &str| match way.token.contains_key(name) {
                true => Ok(name.to_owned()),
                false => Err(format!("no {{{name}}} here; there are {}", listed(way.token.keys()))),
            };
            let key = format!("{key}.send.{name}");
            let parts = parts(text, variable).map_err(|remedy| self.wrong(&key, text, &remedy))?;
            let named = parts.iter().any(|part| matches!(part, Part::Variable(_)));
            self.that(named, &key, text, "name at least one part of the token")?;
            Ok::<_, ProfileError>(parts)
        };
        match (&way.send.header, &way.send.value, &way.send.basic) {
            (Some(header), Some(value), None) => {
                let header = self.header(&format!("{key}.send.header"), header)?;
                Ok(Send::Header(header, text("value", value)?))
            }
            (None, None, Some(basic)) => Ok(Send::Basic(text("basic", basic)?)),
            _ => {
                let remedy = "give either header and value, or basic";
                Err(self.wrong(&format!("{key}.send"), "", remedy))
            }
        }
    }
}
