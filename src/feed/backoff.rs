//! How long to wait before the next attempt.

/// The first wait.
pub const FIRST_MS: u64 = 250;
/// The longest wait.
pub const LONGEST_MS: u64 = 30_000;

/// The wait after `failures` attempts in a row failed: doubling, half of it by chance, so that the panels of
/// a site do not all come back in the same instant. `chance` is uniform in 0..=u16::MAX.
pub fn wait_ms(failures: u32, chance: u16) -> u64 {
    let doubled = FIRST_MS << failures.saturating_sub(1).min(16);
    let whole = doubled.min(LONGEST_MS);
    whole / 2 + whole / 2 * u64::from(chance) / u64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::{FIRST_MS, LONGEST_MS, wait_ms};

    #[test]
    fn waits_double_up_to_a_limit_and_half_is_chance() {
        let table = [
            (1, 0, FIRST_MS / 2),
            (1, u16::MAX, FIRST_MS),
            (3, u16::MAX, FIRST_MS * 4),
            (99, u16::MAX, LONGEST_MS),
        ];
        for (failures, chance, expected) in table {
            assert_eq!(wait_ms(failures, chance), expected, "{failures} {chance}");
        }
    }
}
