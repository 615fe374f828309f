//! The leash: how long a right lives without news from the source.
//!
//! A panel that nobody reaches goes on granting what it knows, and somebody who has been dismissed goes on
//! passing. So each class of entitlements has its leash: staff perhaps 30 days, contractors one, the fire crew
//! none. News is whatever has proven the whole mirror: a checkpoint with an equal root.
//!
//! Not here: the settings' text, and keeping the instant of the last proof (the gateway's).

use crate::text::Text;
use crate::time::UtcTime;
use crate::trust::{Time, Trust};
use alloc::collections::BTreeMap;

/// What becomes of a leash when the panel restarts without a clock to be believed, so that nobody knows the age
/// of its news.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AfterReboot {
    /// The right rests until there is news, or the time.
    #[default]
    Rests,
    /// The leash begins anew with the restart. The one way in which a right may outlive what trusted time would
    /// allow: whoever cuts the power again and again keeps it alive, up to what the clock's floor shows. For those
    /// who must get in after a power cut.
    BeginsAnew,
}

/// The leash of one class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Leash {
    /// How long a right lives without news; for ever, if absent.
    pub max_age_s: Option<u32>,
    /// After a restart without trusted time.
    pub after_reboot: AfterReboot,
}

/// The leashes by class of entitlement.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Leashes {
    /// For the classes that are named.
    pub by_class: BTreeMap<Text, Leash>,
    /// For any other, and for entitlements without a class.
    pub otherwise: Leash,
}

impl Leashes {
    /// The leash of `class`.
    pub fn of(&self, class: Option<&Text>) -> Leash {
        class.and_then(|class| self.by_class.get(class)).copied().unwrap_or(self.otherwise)
    }

    /// For how many seconds a proof may go unnoted on disk, so that flash is spared: a leash that is counted from the
    /// note after a restart ends earlier by as much, a twentieth of it or less unless it is shorter than 20 minutes.
    pub fn note_every_s(&self) -> u32 {
        const NOTE_MIN_S: u32 = 60;
        const NOTE_MAX_S: u32 = 3_600;
        let all = self.by_class.values().chain([&self.otherwise]);
        let shortest_s = all.filter_map(|leash| leash.max_age_s).min();
        shortest_s.map_or(NOTE_MAX_S, |age_s| (age_s / 20).clamp(NOTE_MIN_S, NOTE_MAX_S))
    }
}

/// When the mirror was last proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct News {
    /// By a trusted clock; kept across restarts.
    pub proven_at: Option<UtcTime>,
    /// By the monotonic clock, if it was in this life; needs no trust.
    pub age_s: Option<u32>,
    /// How long this life has lasted, by the monotonic clock.
    pub up_s: u32,
}

/// How far a leash reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// There is no end.
    Endless,
    /// Until this instant, if no news comes.
    Until(UtcTime),
    /// It holds; when it ends no clock can tell.
    Holds,
    /// It has run out, or nobody knows that it has not.
    Over,
}

impl Leash {
    /// How far the leash reaches at `time`, given the last `news`.
    pub fn reach(self, news: &News, time: &Time) -> Reach {
        let Some(max_age_s) = self.max_age_s else { return Reach::Endless };
        let after = |at: UtcTime, s: u32| UtcTime::from_unix(at.unix().saturating_add(i64::from(s)));
        let end = news.proven_at.map(|at| (at, after(at, max_age_s)));
        match (news.age_s, time.trust) {
            (Some(age_s), _) if age_s >= max_age_s => Reach::Over,
            (Some(age_s), Trust::Trusted) => Reach::Until(after(time.now, max_age_s - age_s)),
            (Some(_), Trust::Untrusted) => Reach::Holds,
            // News from the future was noted by a clock that was wrong: its age is unknown.
            (None, Trust::Trusted) => match end {
                Some((at, end)) if at <= time.now && time.now < end => Reach::Until(end),
                Some(_) | None => Reach::Over,
            },
            (None, Trust::Untrusted) => match (self.after_reboot, end) {
                (AfterReboot::BeginsAnew, Some((_, end))) if time.floor < end && news.up_s < max_age_s => {
                    Reach::Holds
                }
                (AfterReboot::BeginsAnew | AfterReboot::Rests, _) => Reach::Over,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Leash, Leashes};
    use crate::text::Text;
    use alloc::string::String;

    #[test]
    fn a_proof_is_noted_as_seldom_as_the_shortest_leash_allows() {
        let leash = |max_age_s| Leash { max_age_s, ..Leash::default() };
        let named = |max_age_s| {
            [(Text::try_from(String::from("contractors")).expect("a class"), leash(max_age_s))].into()
        };
        for (by_class, otherwise, every_s) in [
            (None, None, 3_600),
            (Some(30 * 86_400), None, 3_600),
            (Some(86_400), None, 3_600),
            (Some(6 * 3_600), Some(86_400), 1_080),
            (Some(86_400), Some(3_600), 180),
            (None, Some(300), 60),
        ] {
            let leashes = Leashes { by_class: named(by_class), otherwise: leash(otherwise) };
            assert_eq!(leashes.note_every_s(), every_s, "{leashes:?}");
        }
    }
}
