//! A credential is an NFC card that is assigned to the user. Its number is our name of it, the console's
//! token its native id.
//!
//! A number becomes a card by import, as a CSV file of one line whose alias is the number again, so that the
//! card can be found by it. An imported card that is nobody's opens nothing: the assignment alone is the
//! item, and an import before an assignment that was refused leaves nothing to take back. A card that leaves
//! is unassigned and stays in the console's list.
//!
//! `force_add` is always false: a card that somebody else holds is never taken away.
//!
//! Not here: cards that a reader enrols, and PINs.

use super::Unifi;
use super::console::{Cursor, encoded};
use super::envelope::{Trouble, id_at, rows};
use super::users::{unsent, user_path};
use crate::export::content::Content;
use crate::export::item::{Act, Answer, Step};
use crate::export::pacs::answer::{of_found, text_at};
use serde_json::{Value, json};

const CARDS: &str = "/credentials/nfc_cards/tokens";
/// Cards of one user that are read to find one by its number.
const CARDS_MAX: usize = 100;
/// Longest card number, in hexadecimal digits: ISO/IEC 14443 knows 20.
const NUMBER_MAX_CHARS: usize = 64;
/// A card number cannot contain it, as it has more than hexadecimal digits.
const MULTIPART: &str = "multipart/form-data; boundary=doorward-card-import";
/// The status of a definite no that is given here: sending it would bring the same from the console.
const BAD_REQUEST: u16 = 400;

impl Unifi {
    /// Carries out a step of a credential.
    pub(super) async fn credential(&self, step: &Step) -> Result<Answer, Answer> {
        match step.act {
            Act::Create => self.give(step).await,
            Act::Update => match &step.ids.native_id {
                Some(token) if self.tokens(step).await?.contains(token) => {
                    Ok(Answer::Done { native_id: None })
                }
                Some(_) | None => self.give(step).await,
            },
            Act::Remove | Act::RemoveExtra => self.take_back(step).await,
            Act::LookUp => self.find_cards(step).await,
        }
    }

    async fn give(&self, step: &Step) -> Result<Answer, Answer> {
        let path = format!("{}/nfc_cards", user_path(step.ids.person_native_id.as_deref())?);
        let card = step.content.as_ref().and_then(Content::credential);
        let card = card.ok_or_else(|| unsent("the step has no card"))?;
        let number = checked(&card.card_number)?;
        let token = self.token_of(&number, step).await?;
        let given = self.console.put(&path, &json!({ "token": token, "force_add": false })).await;
        given.map_err(|trouble| trouble.answer(step))?;
        Ok(Answer::Done { native_id: Some(token) })
    }

    async fn take_back(&self, step: &Step) -> Result<Answer, Answer> {
        let token = step.ids.native_id.as_ref().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| unsent("the card's token is not known"))?;
        let path = format!("{}/nfc_cards/delete", user_path(step.ids.person_native_id.as_deref())?);
        // By now it may be someone else's, and nothing says that the console minds whose user is named.
        if !self.tokens(step).await?.contains(token) {
            return Ok(Answer::NotFound { words: "the user does not have this card".into() });
        }
        let taken = self.console.put(&path, &json!({ "token": token })).await;
        taken.map_err(|trouble| trouble.answer(step))?;
        Ok(Answer::Done { native_id: None })
    }

    async fn find_cards(&self, step: &Step) -> Result<Answer, Answer> {
        let tokens = self.tokens(step).await?;
        if tokens.len() > CARDS_MAX {
            return Err(unsent(&format!("the user has more than {CARDS_MAX} cards")));
        }
        let mut found = Vec::new();
        for token in tokens {
            // A token stays with its card, so the one that the ledger knows needs no second look.
            if step.ids.native_id.as_ref() == Some(&token) || self.is_numbered(&token, step).await? {
                found.push((token, step.content.as_ref().map(|_| true)));
            }
        }
        Ok(of_found(step, found))
    }

    /// The tokens of the user's cards.
    async fn tokens(&self, step: &Step) -> Result<Vec<String>, Answer> {
        let mut user = self.user(step.ids.person_native_id.as_deref(), step).await?;
        let cards = match user.get_mut("nfc_cards").map(Value::take) {
            Some(cards) => rows(&mut json!({ "data": cards })),
            None => Err(Trouble::Form("the user has no /nfc_cards".into())),
        };
        let tokens = cards.and_then(|cards| cards.iter().map(|card| id_at(card, "/token")).collect());
        tokens.map_err(|trouble| trouble.before(step))
    }

    async fn is_numbered(&self, token: &str, step: &Step) -> Result<bool, Answer> {
        let path = format!("{CARDS}/{}", encoded(token));
        match self.console.get(&path).await.map_err(|trouble| trouble.before(step)) {
            Ok(tree) => Ok(self.has_number(&tree["data"], &step.ids.ext_id)),
            // It was deleted a moment ago.
            Err(Answer::NotFound { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    fn has_number(&self, card: &Value, number: &str) -> bool {
        let mut members = self.section.card_number.iter();
        let theirs = members.find_map(|member| card.get(member)?.as_str().filter(|text| !text.is_empty()));
        theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(number))
    }

    /// The token of the card with this number, which becomes one if it is none yet.
    async fn token_of(&self, number: &str, step: &Step) -> Result<String, Answer> {
        if self.section.find_cards_first
            && let Some(token) = self.listed(number, step).await?
        {
            return Ok(token);
        }
        let why = match self.import(number).await {
            Ok(Some(token)) => return Ok(token),
            Ok(None) => "it gave no token".to_owned(),
            Err(trouble) => match trouble.answer(step) {
                Answer::NotFound { words } | Answer::Conflict { words } | Answer::Refused { words, .. } => {
                    words
                }
                answer @ (Answer::Done { .. }
                | Answer::Found { .. }
                | Answer::Several { .. }
                | Answer::TryLater { .. }
                | Answer::NotSent { .. }
                | Answer::Unknown { .. }) => return Err(answer),
            },
        };
        if !self.section.find_cards_first
            && let Some(token) = self.listed(number, step).await?
        {
            return Ok(token);
        }
        let words = format!("the console did not import the card, and lists none of its number: {why}");
        Err(Answer::Refused { status: 200, words })
    }

    /// The token of an imported card, unless the console made none.
    async fn import(&self, number: &str) -> Result<Option<String>, Trouble> {
        let mut tree =
            self.console.upload("/credentials/nfc_cards/import", MULTIPART, multipart(number)).await?;
        let rows = rows(&mut tree)?;
        let is_ours =
            |row: &&Value| text_at(row, "/nfc_id").is_some_and(|theirs| theirs.eq_ignore_ascii_case(number));
        let token = rows.iter().find(is_ours).and_then(|row| text_at(row, "/token"));
        Ok(token.filter(|token| !token.is_empty()))
    }

    /// The token of a card that the console has already.
    async fn listed(&self, number: &str, step: &Step) -> Result<Option<String>, Answer> {
        let before = |trouble: Trouble| trouble.before(step);
        let mut cursor = Some(Cursor::START);
        while let Some(at) = cursor {
            let page = self.console.page(CARDS, self.section.page_size.get(), at).await;
            let (cards, next) = page.map_err(before)?;
            if let Some(card) = cards.iter().find(|card| self.has_number(card, number)) {
                return id_at(card, "/token").map(Some).map_err(before);
            }
            cursor = next;
        }
        Ok(None)
    }
}

/// The number as the console writes it. A no concerns this card alone.
fn checked(number: &str) -> Result<String, Answer> {
    let fits = (1..=NUMBER_MAX_CHARS).contains(&number.len());
    if fits && number.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(number.to_ascii_uppercase());
    }
    let words = format!(
        "not sent: the console takes 1 to {NUMBER_MAX_CHARS} hexadecimal digits as card number; \
                         set pacs.card_number_format to hex"
    );
    Err(Answer::Refused { status: BAD_REQUEST, words })
}

/// A form with one file.
fn multipart(number: &str) -> Vec<u8> {
    let boundary = MULTIPART.split_once('=').map_or("", |(_, boundary)| boundary);
    format!(
        "--{boundary}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"cards.csv\"\r\n\
         Content-Type: text/csv\r\n\
         \r\n\
         {number},{number}\r\n\
         --{boundary}--\r\n"
    )
    .into_bytes()
}
