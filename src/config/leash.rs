//! One `[[leash]]`: how long the rights of a class live without news from the source.
//!
//! Not here: what follows from it (`access::leash`).

use super::reader::Flaw;
use access::leash::{AfterReboot, Leash, Leashes};
use access::text::Text;
use serde::Deserialize;

/// Most leashes.
const LEASHES_MAX: usize = 64;
/// Longest leash: beyond, it is none.
const AGE_MAX_S: u32 = 366 * 24 * 3_600;
/// Shortest leash: a few heartbeats, or every lost checkpoint would shut doors.
const AGE_MIN_S: u32 = 5 * 60;

/// What becomes of a leash after a restart without a clock to be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterRestart {
    /// The right rests until there is news, or the time.
    #[default]
    Rests,
    /// The leash begins anew.
    BeginsAnew,
}

/// The leash of one class.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeashConfig {
    /// The class of entitlements; of all that have no leash of their own, if absent.
    #[serde(default)]
    pub class: Option<Text>,
    /// How old the last news may be: `24h`, `30d`, `90m`, or `never` for no end.
    pub max_age: MaxAge,
    /// What becomes of it after a restart without a clock to be believed.
    #[serde(default)]
    pub after_restart: AfterRestart,
}

/// How old news may be, in seconds; none without an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct MaxAge(pub Option<u32>);

impl TryFrom<String> for MaxAge {
    type Error = String;

    fn try_from(text: String) -> Result<MaxAge, String> {
        const FORM: &str = "write it like 24h, 30d, 90m or never";
        if text == "never" {
            return Ok(MaxAge(None));
        }
        let unit_s = match text.chars().last() {
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 24 * 3_600,
            Some(_) | None => return Err(format!("{text:?} is no time: {FORM}")),
        };
        let number = text.get(..text.len() - 1).and_then(|number| number.parse::<u32>().ok());
        let age_s = number.and_then(|number| number.checked_mul(unit_s));
        match age_s {
            Some(age_s @ AGE_MIN_S..=AGE_MAX_S) => Ok(MaxAge(Some(age_s))),
            Some(_) => Err(format!("{text:?} is not within 5m to 366d: {FORM}")),
            None => Err(format!("{text:?} is no time: {FORM}")),
        }
    }
}

/// The rules that concern all leashes together.
pub(super) fn check(leashes: &[LeashConfig]) -> Result<(), Flaw> {
    if leashes.len() > LEASHES_MAX {
        let problem = format!("stands {} times, more than {LEASHES_MAX}", leashes.len());
        return Err(Flaw { key: "leash".into(), problem, remedy: "remove some".into() });
    }
    for (at, leash) in leashes.iter().enumerate() {
        if leashes[..at].iter().any(|other| other.class == leash.class) {
            let (problem, remedy) = ("has a leash already".into(), "write one section for a class".into());
            return Err(Flaw { key: format!("leash[{at}].class"), problem, remedy });
        }
    }
    Ok(())
}

/// As the rules of access want them.
pub(super) fn leashes(leashes: &[LeashConfig]) -> Leashes {
    let mut all = Leashes::default();
    for LeashConfig { class, max_age, after_restart } in leashes {
        let after_reboot = match after_restart {
            AfterRestart::Rests => AfterReboot::Rests,
            AfterRestart::BeginsAnew => AfterReboot::BeginsAnew,
        };
        let leash = Leash { max_age_s: max_age.0, after_reboot };
        match class {
            Some(class) => drop(all.by_class.insert(class.clone(), leash)),
            None => all.otherwise = leash,
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_with_its_unit_or_never() {
        let age = |text: &str| MaxAge::try_from(text.to_owned());
        assert_eq!(age("24h"), Ok(MaxAge(Some(86_400))));
        assert_eq!(age("90m"), Ok(MaxAge(Some(5_400))));
        assert_eq!(age("30d"), Ok(MaxAge(Some(2_592_000))));
        assert_eq!(age("never"), Ok(MaxAge(None)));
        for text in ["", "h", "24", "1m", "367d", "-1h", "99999999999d", "24 h", "1w", "ü"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
