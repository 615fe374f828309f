//! The checks of a profile: each complaint names the file, the key, the value and the remedy.
//!
//! Not here: the login (`session`).

use super::api::{Acts, Entitlements, Find, List, Pages, Request, Turning, Update};
use super::body::Body;
use super::form::{ActsForm, EntitlementsForm, FindForm, ListForm, ProbeForm, RequestForm, WithinForm};
use super::template::{PathTemplate, Place, Variable};
use super::{ProfileError, listed};
use crate::config::spelled;
use crate::export::item::{Act, ItemKind};
use crate::export::plan::Caps;
use hyper::header::HeaderName;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// Most items that a page is asked for.
const LIMIT_MAX: u64 = 10_000;

pub(super) struct Check<'a> {
    pub(super) file: &'a Path,
    pub(super) caps: Caps,
}

impl Check<'_> {
    pub(super) fn wrong(&self, key: &str, value: &str, remedy: &str) -> ProfileError {
        ProfileError::Value {
            file: self.file.into(),
            key: key.into(),
            value: value.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn that(&self, holds: bool, key: &str, value: &str, remedy: &str) -> Result<(), ProfileError> {
        if holds { Ok(()) } else { Err(self.wrong(key, value, remedy)) }
    }

    /// What every profile says.
    pub(super) fn common(
        &self,
        unverified: &[String],
        types: &BTreeSet<String>,
        tree: &toml::Table,
    ) -> Result<(), ProfileError> {
        for key in unverified {
            self.that(stands_in(key, tree), "unverified", key, "name a key of this file")?;
        }
        self.that(!types.is_empty(), "entitlement_import_types", "[]", "name what the product has")
    }

    pub(super) fn header(&self, key: &str, name: &str) -> Result<HeaderName, ProfileError> {
        name.parse().map_err(|_| self.wrong(key, name, "give the name of an HTTP header"))
    }

    pub(super) fn pointer(&self, key: &str, text: &str) -> Result<(), ProfileError> {
        let remedy = "a JSON pointer is empty or begins with /, e.g. /items";
        self.that(text.is_empty() || text.starts_with('/'), key, text, remedy)
    }

    /// JSON pointers to a list and to what its items have.
    fn list(&self, key: &str, items: &str, id: &str, ext_id: &str) -> Result<List, ProfileError> {
        for (name, pointer) in [("items", items), ("id", id), ("ext_id", ext_id)] {
            self.pointer(&format!("{key}.{name}"), pointer)?;
        }
        Ok(List { items: items.into(), id: id.into(), ext_id: ext_id.into() })
    }

    pub(super) fn probe(&self, form: ProbeForm) -> Result<Request, ProfileError> {
        self.that(form.method == "GET", "probe.method", &form.method, "a probe only reads: it is GET")?;
        self.request("probe", RequestForm { method: form.method, path: form.path, body: None }, Place::Plain)
    }

    pub(super) fn entitlements(&self, form: &EntitlementsForm) -> Result<Entitlements, ProfileError> {
        let pointers = [
            ("items", &form.items),
            ("pacs_ref", &form.pacs_ref),
            ("type", &form.kind),
            ("display_name", &form.display_name),
        ];
        for (key, pointer) in pointers {
            self.pointer(&format!("entitlements.{key}"), pointer)?;
        }
        let request = RequestForm { method: form.method.clone(), path: form.path.clone(), body: None };
        let request = self.request("entitlements", request, Place::Entitlements)?;
        Ok(Entitlements {
            request,
            items: form.items.clone(),
            pacs_ref: form.pacs_ref.clone(),
            kind: form.kind.clone(),
            display_name: form.display_name.clone(),
        })
    }

    /// The requests for one kind of item; they are taken out of `form`.
    pub(super) fn acts(&self, name: &str, kind: ItemKind, form: &mut ActsForm) -> Result<Acts, ProfileError> {
        let key = |act: &str| format!("{name}.{act}");
        self.that(form.list.is_none(), &key("list"), "", "only persons are listed: remove the section")?;
        let remedy = "describe it, or set capabilities.look_up to false";
        self.that(form.find.is_some() || !self.caps.look_up, &key("find"), "", remedy)?;
        let act = |name: &str, act: Act, form: RequestForm| {
            let path = form.path.clone();
            let with_content = matches!(act, Act::Create | Act::Update);
            let request = self.request(&key(name), form, Place::Item(kind, with_content))?;
            self.addressing(&key(name), act, &path, &request)?;
            Ok::<_, ProfileError>(request)
        };
        let replace = key("update_by_replacing");
        let update = match (form.update.take(), form.update_by_replacing) {
            (Some(update), false) => Update::Request(act("update", Act::Update, update)?),
            (None, true) if kind == ItemKind::Person => {
                return Err(self.wrong(
                    &replace,
                    "true",
                    "a person would lose all access: describe its update",
                ));
            }
            (None, true) => Update::Replace,
            (Some(_), true) => {
                return Err(self.wrong(&replace, "true", "remove it, or the update that is described"));
            }
            (None, false) => {
                let remedy = "describe it, or set update_by_replacing to true";
                return Err(self.wrong(&key("update"), "", remedy));
            }
        };
        let form_of = |form: &mut RequestForm| RequestForm {
            method: std::mem::take(&mut form.method),
            path: std::mem::take(&mut form.path),
            body: form.body.take(),
        };
        let mut acts = Acts {
            create: act("create", Act::Create, form_of(&mut form.create))?,
            update,
            remove: act("remove", Act::Remove, form_of(&mut form.remove))?,
            find: None,
        };
        acts.find = form.find.take().map(|find| self.find(&key("find"), kind, find, &acts)).transpose()?;
        Ok(acts)
    }

    /// A request must name what it acts on: one that names only the person would act on the person.
    fn addressing(&self, key: &str, act: Act, path: &str, request: &Request) -> Result<(), ProfileError> {
        let key = format!("{key}.path");
        let by_name = self.caps.addressed_by_ext_id;
        let native = request.names(Variable::Id) || request.names(Variable::PersonId);
        self.that(!(by_name && native), &key, path, "an API addressed by ext_id has no ids of its own")?;
        if act == Act::Create {
            let remedy = "what is yet to be made has no {id}";
            return self.that(!request.names(Variable::Id), &key, path, remedy);
        }
        let (own, remedy) = if by_name {
            (Variable::ExtId, "name the item by {ext_id}")
        } else {
            (Variable::Id, "name the item by {id}")
        };
        self.that(request.names(own), &key, path, remedy)
    }

    fn find(&self, key: &str, kind: ItemKind, form: FindForm, acts: &Acts) -> Result<Find, ProfileError> {
        let list = self.list(key, &form.items, &form.id, &form.ext_id)?;
        let within = format!("{key}.person");
        let remedy = "a person is not in another one: remove the section";
        self.that(form.person.is_none() || kind != ItemKind::Person, &within, "", remedy)?;
        let person =
            form.person.map(|WithinForm { items, id, ext_id }| self.list(&within, &items, &id, &ext_id));
        let request = RequestForm { method: form.method, path: form.path, body: form.body };
        Ok(Find {
            request: self.request(key, request, Place::Item(kind, false))?,
            person: person.transpose()?,
            list,
            fields: self.fields(&format!("{key}.fields"), form.fields, acts)?,
        })
    }

    /// Where an item has the members of the body; empty text for nowhere.
    fn fields(
        &self,
        key: &str,
        form: BTreeMap<String, String>,
        acts: &Acts,
    ) -> Result<BTreeMap<String, Option<String>>, ProfileError> {
        let members: BTreeSet<String> =
            acts.compared().into_iter().flat_map(|body| body.leaves()).map(|(pointer, _)| pointer).collect();
        for (member, pointer) in &form {
            let remedy = format!("name a member of the body by its JSON pointer: {}", listed(&members));
            self.that(members.contains(member), key, member, &remedy)?;
            self.pointer(&format!("{key}.{member}"), pointer)?;
        }
        let given = |pointer: String| Some(pointer).filter(|pointer| !pointer.is_empty());
        Ok(form.into_iter().map(|(member, pointer)| (member, given(pointer))).collect())
    }

    /// An additional property that is a pointer must lead into a table that each body of a person has.
    pub(super) fn properties(
        &self,
        form: &BTreeMap<String, String>,
        person: &Acts,
    ) -> Result<(), ProfileError> {
        let update = match &person.update {
            Update::Request(request) => request.body.as_ref(),
            Update::Replace => None,
        };
        let bodies: Vec<&Body> = person.create.body.iter().chain(update).collect();
        for (property, member) in form.iter().filter(|(_, member)| member.starts_with('/')) {
            let (table, _) = member.rsplit_once('/').unwrap_or_default();
            let within = format!("{table}/");
            let has = |body: &&Body| body.leaves().iter().any(|(pointer, _)| pointer.starts_with(&within));
            let key = format!("user_field_properties.{property}");
            let remedy =
                "a pointer leads into a table that the bodies of person.create and person.update have";
            self.that(bodies.iter().all(has), &key, member, remedy)?;
        }
        Ok(())
    }

    pub(super) fn pages(&self, form: ListForm) -> Result<Pages, ProfileError> {
        let key = "person.list";
        let list = self.list(key, &form.items, &form.id, &form.ext_id)?;
        let next = form.next.as_deref().map(|next| self.pointer("person.list.next", next));
        next.transpose()?;
        let path = form.path.clone();
        let request = RequestForm { method: form.method, path: form.path, body: None };
        let request = self.request(key, request, Place::Persons)?;
        let names = |variable| request.path.names(variable);
        let turning = match (names(Variable::Page), names(Variable::Skip), names(Variable::After), form.next)
        {
            (true, false, false, None) => Turning::Page(form.first_page.unwrap_or(1)),
            (false, true, false, None) => Turning::Skip,
            (false, false, true, None) => Turning::AfterLast,
            (false, false, true, Some(next)) => Turning::After(next),
            (false, false, false, Some(next)) => Turning::Link(next),
            _ => {
                let remedy = "turn pages in one way: {page}, {skip}, {after}, or the pointer next";
                return Err(self.wrong("person.list.path", &path, remedy));
            }
        };
        let counted = matches!(turning, Turning::Page(_)) || form.first_page.is_none();
        self.that(counted, "person.list.first_page", "", "only pages that {page} counts have it: remove it")?;
        let limit = form.limit.unwrap_or_default();
        let remedy =
            format!("give the items of a page, 1 to {LIMIT_MAX}, exactly where {{limit}} is in the path");
        let fits = names(Variable::Limit) == (1..=LIMIT_MAX).contains(&limit);
        self.that(fits, "person.list.limit", &limit.to_string(), &remedy)?;
        let first = form.first_path.as_deref().map(|text| {
            let wrong = |remedy: String| self.wrong("person.list.first_path", text, &remedy);
            let first = PathTemplate::parse(text, Place::Persons).map_err(wrong)?;
            let plain =
                [Variable::Page, Variable::Skip, Variable::After].iter().all(|one| !first.names(*one));
            self.that(plain, "person.list.first_path", text, "the first page is after no other one")?;
            Ok::<_, ProfileError>(first)
        });
        let first = first.transpose()?;
        let after = names(Variable::After);
        let remedy = "give the first page's path exactly where {after} is in the path of the others";
        self.that(first.is_some() == after, "person.list.first_path", "", remedy)?;
        Ok(Pages { request, first, turning, limit: form.limit, list })
    }

    pub(super) fn request(
        &self,
        key: &str,
        form: RequestForm,
        place: Place,
    ) -> Result<Request, ProfileError> {
        let method = METHODS.contains(&form.method.as_str()).then(|| form.method.parse().ok()).flatten();
        let remedy = format!("it is one of {}", listed(METHODS));
        let method = method.ok_or_else(|| self.wrong(&format!("{key}.method"), &form.method, &remedy))?;
        let path = PathTemplate::parse(&form.path, place)
            .map_err(|remedy| self.wrong(&format!("{key}.path"), &form.path, &remedy))?;
        let body = form.body.map(|body| {
            let parsed = Body::parse(&body, place);
            parsed.map_err(|remedy| self.wrong(&format!("{key}.body"), &spelled(&body), &remedy))
        });
        Ok(Request { method, path, body: body.transpose()? })
    }
}

/// Whether a dotted key leads to something.
fn stands_in(key: &str, tree: &toml::Table) -> bool {
    match key.split_once('.') {
        None => tree.contains_key(key),
        Some((first, rest)) => {
            tree.get(first).and_then(toml::Value::as_table).is_some_and(|inner| stands_in(rest, inner))
        }
    }
}
