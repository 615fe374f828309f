//! An API as a profile describes it: its requests, and how their answers are read.
//!
//! Not here: how the file is checked (`check`), and sending (`pacs::rest`).

use super::body::Body;
use super::template::{Instants, Part, PathTemplate, Variable};
use crate::export::item::{Act, ItemKind, Step};
use crate::export::plan::Caps;
use hyper::Method;
use hyper::header::HeaderName;
use std::collections::BTreeMap;

/// How a request logs in.
#[derive(Clone, Debug)]
pub(in crate::export) enum Login {
    /// Not at all.
    None,
    /// HTTP Basic with user name and password.
    Basic,
    /// The password as a bearer token.
    Bearer,
    /// The password in a header of that name.
    Header(HeaderName),
    /// By what an earlier request gave.
    Session(Box<Session>),
}

/// A login before the first request, and again after a 401.
#[derive(Clone, Debug)]
pub(in crate::export) struct Session {
    pub(in crate::export) request: Request,
    /// With HTTP Basic; otherwise user name and password are in the body.
    pub(in crate::export) basic: bool,
    /// JSON pointers into its answer, by the profile's names for what is there.
    pub(in crate::export) token: BTreeMap<String, String>,
    pub(in crate::export) send: Send,
}

/// How what a login gave goes into each request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::export) enum Send {
    /// In that header.
    Header(HeaderName, Vec<Part<String>>),
    /// As HTTP Basic.
    Basic(Vec<Part<String>>),
}

/// One request of the API.
#[derive(Clone, Debug)]
pub(in crate::export) struct Request {
    pub(in crate::export) method: Method,
    pub(in crate::export) path: PathTemplate,
    pub(in crate::export) body: Option<Body>,
}

impl Request {
    pub(super) fn names(&self, variable: Variable) -> bool {
        self.path.names(variable) || self.body.as_ref().is_some_and(|body| body.names(variable))
    }
}

/// How items are found by our name.
#[derive(Clone, Debug)]
pub(in crate::export) struct Find {
    pub(in crate::export) request: Request,
    /// Where the answer lists persons, of which one holds the items.
    pub(in crate::export) person: Option<List>,
    /// The list of the items.
    pub(in crate::export) list: List,
    /// Where an item has a member of the body, if not at the member's own pointer; none when nowhere.
    pub(in crate::export) fields: BTreeMap<String, Option<String>>,
}

/// A list of items in an answer. JSON pointers.
#[derive(Clone, Debug)]
pub(in crate::export) struct List {
    /// To the list in the answer.
    pub(in crate::export) items: String,
    /// In each item: the PACS's id.
    pub(in crate::export) id: String,
    /// In each item: our name, compared with what was asked for.
    pub(in crate::export) ext_id: String,
}

/// How all persons are listed, page by page.
#[derive(Clone, Debug)]
pub(in crate::export) struct Pages {
    pub(in crate::export) request: Request,
    /// The first page's path where it is another one.
    pub(in crate::export) first: Option<PathTemplate>,
    pub(in crate::export) turning: Turning,
    /// Most items of a page.
    pub(in crate::export) limit: Option<u64>,
    pub(in crate::export) list: List,
}

/// How the next page is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::export) enum Turning {
    /// By its number, beginning with this one, until a page is empty.
    Page(u64),
    /// By the number of items before it, until a page is empty.
    Skip,
    /// By the id of the last item before it, until a page is empty.
    AfterLast,
    /// By what the page before it has at this pointer, until it has nothing there.
    After(String),
    /// By an address that the page before it has at this pointer, until it has nothing there.
    Link(String),
}

/// What an answer has when it means something else than its status says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::export) struct Sign {
    pub(in crate::export) status: u16,
    /// JSON pointer.
    pub(in crate::export) pointer: String,
    /// What is there.
    pub(in crate::export) value: String,
}

/// How an item gets another content.
#[derive(Clone, Debug)]
pub(in crate::export) enum Update {
    /// By this request.
    Request(Request),
    /// By removing and creating it.
    Replace,
}

/// The requests for one kind of item.
#[derive(Clone, Debug)]
pub(in crate::export) struct Acts {
    pub(in crate::export) create: Request,
    pub(in crate::export) update: Update,
    pub(in crate::export) remove: Request,
    pub(in crate::export) find: Option<Find>,
}

/// How the entitlements that the PACS defines are listed.
#[derive(Clone, Debug)]
pub(in crate::export) struct Entitlements {
    pub(in crate::export) request: Request,
    pub(in crate::export) items: String,
    pub(in crate::export) pacs_ref: String,
    pub(in crate::export) kind: String,
    pub(in crate::export) display_name: String,
}

/// An API as a profile describes it: its requests and how to read their answers.
#[derive(Clone, Debug)]
pub struct RestApi {
    /// What the product can do.
    pub caps: Caps,
    pub(in crate::export) login: Login,
    pub(in crate::export) system_id_header: Option<HeaderName>,
    pub(in crate::export) idempotency_header: Option<HeaderName>,
    pub(in crate::export) instants: Instants,
    /// JSON pointer; without it an item is looked up once it is made.
    pub(in crate::export) created_id: Option<String>,
    pub(in crate::export) error_words: String,
    pub(in crate::export) conflict: Vec<Sign>,
    pub(in crate::export) not_found: Vec<Sign>,
    pub(in crate::export) probe: Option<Request>,
    pub(in crate::export) entitlements: Entitlements,
    /// One of the entitlement types: to probe with.
    pub(in crate::export) a_type: String,
    pub(in crate::export) pages: Option<Pages>,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) person: Acts,
    pub(super) credential: Acts,
    pub(super) permission: Acts,
}

impl RestApi {
    fn acts(&self, kind: ItemKind) -> &Acts {
        match kind {
            ItemKind::Person => &self.person,
            ItemKind::Credential => &self.credential,
            ItemKind::Permission => &self.permission,
        }
    }

    /// How `act` is asked for an item of this kind; none for a look-up that the product does not have, and for
    /// an update that takes more than one request.
    pub(in crate::export) fn request(&self, kind: ItemKind, act: Act) -> Option<&Request> {
        let acts = self.acts(kind);
        match act {
            Act::Create => Some(&acts.create),
            Act::Update => match &acts.update {
                Update::Request(request) => Some(request),
                Update::Replace => None,
            },
            Act::Remove | Act::RemoveExtra => Some(&acts.remove),
            Act::LookUp => acts.find.as_ref().map(|find| &find.request),
        }
    }

    /// Whether `step` takes two requests: a removal and a creation.
    pub(in crate::export) fn replaces(&self, step: &Step) -> bool {
        let replaces = match self.acts(step.item.kind).update {
            Update::Request(_) => false,
            Update::Replace => true,
        };
        replaces && step.act == Act::Update
    }

    pub(in crate::export) fn find(&self, kind: ItemKind) -> Option<&Find> {
        self.acts(kind).find.as_ref()
    }

    /// The body that gives an item its content, to compare with what is found.
    pub(in crate::export) fn compared(&self, kind: ItemKind) -> Option<&Body> {
        self.acts(kind).compared()
    }

    /// The member of the request's body that holds an additional property.
    pub(in crate::export) fn member<'a>(&'a self, property: &'a str) -> &'a str {
        self.properties.get(property).map_or(property, String::as_str)
    }
}

impl Acts {
    pub(super) fn compared(&self) -> Option<&Body> {
        let of_update = match &self.update {
            Update::Request(request) => request.body.as_ref(),
            Update::Replace => None,
        };
        of_update.or(self.create.body.as_ref())
    }
}
