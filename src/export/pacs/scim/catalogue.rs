//! What the server lists as a whole: its entitlements and its users; and whether it answers at all.
//!
//! Not here: pages (`list`), and the resources of one step (`scim`).

use super::list::{Query, Trouble};
use super::resource::EXTERNAL_ID;
use super::section::Entitlements;
use super::{Attribute, Scim, is_named};
use crate::export::http::Call;
use crate::export::pacs::answer::text_at;
use crate::export::pacs::{ENTITLEMENTS_MAX, ListedPerson, PacsError, PersonsPage};
use access::text::Secret;
use contract::messages::PacsEntitlement;
use hyper::Method;
use serde_json::Value;

const PERSONS: &str = "list of users";
const ENTITLEMENTS: &str = "list of entitlements";
const CONFIG: &str = "service provider configuration";

impl Scim {
    pub(super) async fn list_entitlements(
        &self,
        wanted: &[String],
    ) -> Result<Vec<PacsEntitlement>, PacsError> {
        let form = &self.section.entitlements;
        let query = self.query(&form.endpoint.0, None);
        let max = u64::try_from(ENTITLEMENTS_MAX).unwrap_or(u64::MAX);
        let all = query.all(&self.http, max).await;
        let all = all.map_err(|trouble| trouble.error(ENTITLEMENTS, "scim.entitlements", &self.token()))?;
        let mut all = all.iter().map(|one| entitlement(form, one)).collect::<Result<Vec<_>, _>>()?;
        all.retain(|found| wanted.contains(&found.kind));
        all.sort();
        all.dedup_by(|a, b| a.pacs_ref == b.pacs_ref);
        Ok(all)
    }

    /// Where users come and go between two pages, one may be missing from both, or be in both.
    pub(super) async fn list_persons(&self, after: Option<&str>) -> Result<PersonsPage, PacsError> {
        let error = |trouble: Trouble| trouble.error(PERSONS, "scim.users", &self.token());
        let start = after.map_or(Some(1), |after| after.parse().ok().filter(|start| *start > 0));
        let start = start.ok_or_else(|| error(Trouble::Form("page of that name")))?;
        let query = Query { attributes: EXTERNAL_ID, ..self.query(&self.section.users.endpoint.0, None) };
        let page = query.page(&self.http, start).await.map_err(error)?;
        let mut persons = Vec::new();
        for found in page.resources.iter().filter(|found| !is_named(found, "")) {
            let Some(ext_id) = Attribute::own(EXTERNAL_ID).text(found) else { continue };
            let native_id = text_at(found, "/id").ok_or_else(|| error(Trouble::Form("/Resources/*/id")))?;
            persons.push(ListedPerson { ext_id, native_id });
        }
        Ok(PersonsPage { persons, next: page.next.map(|next| next.to_string()) })
    }

    /// What the server can do should be open to everybody (RFC 7643, 5), so a list of no users (RFC 7644, 3.4.2.4)
    /// shows whether it takes the login.
    pub(super) async fn ask(&self) -> Result<(), PacsError> {
        let error = |what, key| move |trouble: Trouble| trouble.error(what, key, &self.token());
        let call = Call::new(Method::GET, "/ServiceProviderConfig");
        let answer = self.http.send(call).await.map_err(Trouble::Failed);
        let answer = answer.map_err(error(CONFIG, "adapter"))?;
        if !answer.status.is_success() {
            return Err(error(CONFIG, "adapter")(Trouble::Status(Box::new(answer))));
        }
        let users = self.query(&self.section.users.endpoint.0, None);
        users.reachable(&self.http).await.map_err(error(PERSONS, "scim.users"))
    }

    fn token(&self) -> Vec<&Secret> {
        self.token.iter().collect()
    }
}

fn entitlement(form: &Entitlements, resource: &Value) -> Result<PacsEntitlement, PacsError> {
    let text = |attribute: &Attribute, key| {
        let missing = || PacsError::Form { what: ENTITLEMENTS, pointer: attribute.to_string(), key };
        attribute.text(resource).ok_or_else(missing)
    };
    Ok(PacsEntitlement {
        pacs_ref: text(&form.pacs_ref, "scim.entitlements.ref")?,
        kind: text(&form.kind, "scim.entitlements.type")?,
        display_name: text(&form.display_name, "scim.entitlements.display_name")?,
    })
}
