//! Which of the board's lines are which door's.
//!
//! Not here: what a door does with them (`door`, `lights`).

use super::lights::Lights;
use crate::board::Lines;
use crate::board::strike::Strike;
use crate::config::Config;
use access::id::Key;
use std::collections::BTreeMap;

/// What of the board belongs to doors.
pub(super) struct AtDoors {
    /// What is shown.
    pub(super) lights: Lights,
    /// What moves.
    pub(super) strikes: BTreeMap<Key, Strike>,
}

/// Hands the board out door by door; what names no door is the first one's, or the panel's if it has none. Only a strike is
/// not, where there are several: a card that may pass one door must not open another.
pub(super) fn at_doors(config: &Config, lines: &mut Lines) -> AtDoors {
    let (mut by_door, mut strikes) = (Vec::new(), BTreeMap::new());
    let doors = config.doors();
    if doors.len() > 1 && lines.withhold_unnamed_strikes() {
        tracing::error!(
            "the board has a strike that names no door, and the panel has several: it stays at rest; write its `door` into \
             the board's file"
        );
    }
    for key in doors.into_keys() {
        let of_door = lines.door(Some(key.as_str()));
        if let Some(strike) = of_door.strike {
            strikes.insert(key.clone(), strike);
        }
        by_door.push((Some(key), of_door.indicators));
    }
    if by_door.is_empty() {
        by_door.push((None, lines.door(None).indicators));
    }
    let beside = config.reader.iter().filter_map(|reader| {
        let door = Key::new(reader.door.as_deref()?).ok()?;
        Some((reader.name.clone(), door))
    });
    AtDoors { lights: Lights::new(by_door, beside.collect()), strikes }
}
