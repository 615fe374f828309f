//! A card becomes known by a tap.

use super::door::OLGA;
use super::{assignment, only_if, upsert, user};
use crate::Show;
use crate::clock;
use crate::patience;
use crate::screen::shown;
use anyhow::{Context as _, Result};
use doorward_sim::readers::card::Card;
use serde_json::Value;

const CARD_UID: &str = "04E35B19772C80";
/// The installer's program, and its log.
const INSTALLER: &str = "doorward-enroll";

/// Olga has a right and no card; an installer gives her one at the door.
pub(crate) fn two_taps(show: &mut Show) -> Result<()> {
    let Show { screen, stage, office } = show;
    screen.step("Enroll", "Olga gets a card: tapped twice at the door, by a real pcscd and a card of ours");
    let lines = [
        upsert("user", "olga", &user("Olga", "Berg")),
        upsert("assignment", "olga.main", &assignment("olga", "main")),
    ];
    stage.import("olga.jsonl", &lines.join("\n"), &[])?;
    stage.roots_equal()?;
    screen.check("without a card she is not in the PACS", stage.pacs_equals(office))?;

    office.hire("olga", "Olga Berg", CARD_UID, "ap-main")?;
    let mut installer = stage.start_doorward(INSTALLER, &["enroll", "--user", "olga", "--json"])?;
    let step = |wanted: &str| {
        let is_it =
            |line: &str| serde_json::from_str::<Value>(line).ok().filter(|step| step["step"] == wanted);
        patience::until(&format!("the installer reads: {wanted}"), || {
            Ok(stage.said(INSTALLER).lines().find_map(is_it))
        })
    };
    let reader = &stage.reader()?.hardware;
    let card = Card::desfire(&OLGA);
    step("armed")?;
    reader.tap(&card);
    step("tapped")?;
    reader.remove();
    step("again")?;
    let began = clock::now();
    reader.tap(&card);
    let enrolled = step("enrolled")?;
    let took = shown(began.elapsed());
    reader.remove();
    patience::until("the installer's program ends", || Ok((!installer.is_alive()).then_some(())))?;
    screen.block("doorward enroll --user olga --json", &stage.said(INSTALLER));
    let token = enrolled["token"].as_str().context("a token has a key")?.to_owned();
    screen.check("the second tap made the card hers", Ok(format!("tap → on disk {took}")))?;
    screen.check("she is in the PACS, with the card's own bytes as its number", stage.pacs_equals(office))?;
    let published = patience::until("the source publishes the token", || {
        Ok(stage.source(&["show", "token", &token, "--json"]).ok().filter(|shown| shown.contains(CARD_UID)))
    });
    screen.check(
        "the source has accepted it",
        published.and_then(|text| only_if(text.contains("olga"), &text)),
    )?;
    stage.roots_equal()?;
    screen.check("settled: mirror and PACS are as they were", stage.pacs_equals(office))
}
