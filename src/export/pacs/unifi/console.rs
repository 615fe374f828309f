//! Requests to one console: the login, paths, and lists page by page.
//!
//! Not here: what is asked for an item (`users`, `cards`, `policies`).

use super::envelope::{Trouble, opened, rows};
use crate::export::http::{Call, HttpClient, HttpError, PacsSettings};
use access::text::Secret;
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderValue};
use serde_json::Value;
use std::fmt::Write as _;

/// Where the developer API is below the console's address.
const BASE: &str = "/api/v1/developer";
/// Most pages of one list: a console that answers every page alike must not be read forever.
const PAGES_MAX: u32 = 10_000;

/// One console.
pub(super) struct Console {
    http: HttpClient,
    token: Secret,
}

/// Where a list goes on: the page to ask for, from 1, and the rows before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cursor {
    page: u32,
    seen: u64,
}

impl Cursor {
    /// The beginning.
    pub(super) const START: Cursor = Cursor { page: 1, seen: 0 };

    /// As [`Cursor::text`] wrote it.
    pub(super) fn parse(text: &str) -> Option<Cursor> {
        let (page, seen) = text.split_once('/')?;
        Some(Cursor { page: page.parse().ok()?, seen: seen.parse().ok()? })
    }

    /// For the caller to keep.
    pub(super) fn text(self) -> String {
        format!("{}/{}", self.page, self.seen)
    }

    /// What comes after a page. Rows are counted as they come, since the console may give fewer than were
    /// asked for; without a total only an empty page is the end.
    fn after(self, count: usize, total: Option<u64>) -> Result<Option<Cursor>, Trouble> {
        let seen = self.seen + u64::try_from(count).unwrap_or(u64::MAX);
        match total {
            Some(total) if seen >= total => Ok(None),
            None if count == 0 => Ok(None),
            Some(total) if count == 0 => {
                Err(Trouble::Form(format!("the list of {total} ends after {seen}; ask again")))
            }
            Some(_) | None if self.page >= PAGES_MAX => {
                Err(Trouble::Form(format!("the list has more than {PAGES_MAX} pages")))
            }
            Some(_) | None => Ok(Some(Cursor { page: self.page + 1, seen })),
        }
    }
}

impl Console {
    /// # Errors
    /// [`HttpError`] when the settings do not fit each other or lack the token.
    pub(super) fn new(settings: &PacsSettings) -> Result<Console, HttpError> {
        let token = settings.password.clone().ok_or(HttpError::Missing { key: "password" })?;
        let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
        let mut value = value.map_err(|_| HttpError::Header { key: "password" })?;
        value.set_sensitive(true);
        Ok(Console { http: HttpClient::new(settings, vec![(AUTHORIZATION, value)])?, token })
    }

    /// The envelope of what `path` holds; it begins after the API's base.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.send(Call::new(Method::GET, &at(path))).await
    }

    /// Writes over what `path` holds.
    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        self.send(Call::new(Method::PUT, &at(path)).json(body)).await
    }

    /// Adds to what `path` holds.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        self.send(Call::new(Method::POST, &at(path)).json(body)).await
    }

    /// As [`Console::post`], with a body of another type.
    pub(super) async fn upload(
        &self,
        path: &str,
        kind: &'static str,
        body: Vec<u8>,
    ) -> Result<Value, Trouble> {
        self.send(Call { body: Some((kind, body)), ..Call::new(Method::POST, &at(path)) }).await
    }

    /// Removes what `path` holds.
    pub(super) async fn delete(&self, path: &str) -> Result<Value, Trouble> {
        self.send(Call::new(Method::DELETE, &at(path))).await
    }

    /// One page of a list, and where it goes on. `list` may have a query.
    pub(super) async fn page(
        &self,
        list: &str,
        size: u16,
        cursor: Cursor,
    ) -> Result<(Vec<Value>, Option<Cursor>), Trouble> {
        let joint = if list.contains('?') { '&' } else { '?' };
        let path = format!("{list}{joint}page_num={}&page_size={size}", cursor.page);
        let mut tree = self.get(&path).await?;
        let total = tree.pointer("/pagination/total").and_then(Value::as_u64);
        let rows = rows(&mut tree)?;
        let next = cursor.after(rows.len(), total)?;
        Ok((rows, next))
    }

    async fn send(&self, call: Call<'_>) -> Result<Value, Trouble> {
        let response = self.http.send(call).await.map_err(Trouble::Silence)?;
        opened(response, &self.token)
    }
}

fn at(path: &str) -> String {
    format!("{BASE}{path}")
}

/// An id or a search word, fit for a path or a query: everything but RFC 3986's unreserved characters is
/// encoded, dots too, since dots alone would climb the path.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_where_its_total_says_and_else_with_an_empty_page() {
        let at = |page, seen| Cursor { page, seen };
        let next = |cursor: Cursor, count, total| cursor.after(count, total).expect("it is whole");
        assert_eq!(next(Cursor::START, 100, Some(100)), None);
        assert_eq!(next(Cursor::START, 100, Some(101)), Some(at(2, 100)));
        // The console gives 25 although 100 were asked for.
        assert_eq!(next(at(2, 25), 25, Some(97)), Some(at(3, 50)));
        assert_eq!(next(Cursor::START, 3, None), Some(at(2, 3)));
        assert_eq!(next(at(2, 3), 0, None), None);
        assert_eq!(next(Cursor::START, 0, Some(0)), None);
        at(2, 25).after(0, Some(97)).expect_err("it is not whole");
        at(PAGES_MAX, 25).after(25, None).expect_err("it has no end");
    }

    #[test]
    fn a_cursor_survives_as_text() {
        let cursor = Cursor { page: 7, seen: 600 };
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        for broken in ["", "7", "x/1", "1/x"] {
            assert_eq!(Cursor::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        assert_eq!(encoded("17d2f099-99df"), "17d2f099-99df");
        assert_eq!(encoded("../x?y=1&z#"), "%2E%2E%2Fx%3Fy%3D1%26z%23");
    }
}
