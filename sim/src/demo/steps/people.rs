//! One person comes, one card goes: the shortest ways through all programs.

use super::{assignment, card, latency, only_if, upsert, user};
use crate::Show;
use anyhow::Result;
use doorward_sim::Act;

/// The card of Nils.
const CARD_UID: &str = "04A71C5E229B80";

/// A user, a card and two assignments in one message.
pub(crate) fn hire(show: &mut Show) -> Result<()> {
    let Show { screen, stage, office } = show;
    screen.step("Hire", "Nils begins today: a user, a card, two rights, in one message");
    office.hire("nils", "Nils Holm", CARD_UID, "ap-main ap-office")?;
    let witness = stage.witness()?;
    let mark = stage.acts_so_far()?;
    let lines = [
        upsert("user", "nils", &user("Nils", "Holm")),
        upsert("token", "card-nils", &card("nils", "ACTIVE", CARD_UID)),
        upsert("assignment", "nils.main", &assignment("nils", "main")),
        upsert("assignment", "nils.office", &assignment("nils", "office")),
    ];
    let version = stage.import("hire.jsonl", &lines.join("\n"), &[])?;
    let last = witness.act(mark, "Nils's last right is in the PACS", |effect| {
        effect.act == Act::Create && effect.key == "PAnils/permission/ap-office"
    });
    screen.check("Nils, his card and both rights are in the PACS", latency(stage, version, last))?;
    let alone = stage.pacs_equals(office).and_then(|_| {
        let count = stage.acts_so_far()? - mark;
        only_if(count == lines.len() as u64, &format!("the PACS did {count} acts"))
    });
    screen.check("four acts did it, and nobody else was touched", alone)
}

/// A lost card, and how it is found again.
pub(crate) fn revoke(show: &mut Show) -> Result<()> {
    let Show { screen, stage, office } = show;
    screen.step("Revoke", "Nils reports his card as stolen, and then finds it");
    office.dismiss("nils");
    let witness = stage.witness()?;
    let mark = stage.acts_so_far()?;
    stage.source(&["set", "token", "card-nils", &card("nils", "LOCKED", CARD_UID).to_string()])?;
    let version = stage.source_head()?.0;
    let gone = witness.act(mark, "the card leaves the PACS", |effect| {
        effect.act == Act::Delete && effect.key == "PAnils/credential/card-nils"
    });
    screen.check("locked: the card opens nothing any more", latency(stage, version, gone))?;
    screen.check("with his only card, Nils has left the PACS", stage.pacs_equals(office))?;

    office.hire("nils", "Nils Holm", CARD_UID, "ap-main ap-office")?;
    let mark = stage.acts_so_far()?;
    stage.source(&["set", "token", "card-nils", &card("nils", "ACTIVE", CARD_UID).to_string()])?;
    let version = stage.source_head()?.0;
    let back = witness.act(mark, "Nils is back in the PACS", |effect| {
        effect.act == Act::Create && effect.key == "PAnils/permission/ap-office"
    });
    screen.check("active again: he is back, with all he had", latency(stage, version, back))?;
    screen.check("the PACS equals the rules", stage.pacs_equals(office))
}
