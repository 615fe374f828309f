//! The disk changes rows by itself, at any moment of a repair: after one scrub nothing is wider than it was told,
//! and in the end everything is equal and sound again.

use super::town::Town;

/// What the disk does. All of it is found, but for the last ones, which change nothing that counts.
const FLIPS: [(&str, &str); 24] = [
    (
        "a version goes up",
        "UPDATE record SET epoch = epoch | (1 << 40) WHERE id = (SELECT max(id) FROM record)",
    ),
    ("a version goes down", "UPDATE record SET seq = 0, epoch = 1 WHERE id = (SELECT min(id) FROM record)"),
    ("a digest", "UPDATE record SET digest = zeroblob(16) WHERE id = (SELECT max(id) FROM record)"),
    ("a digest of another size", "UPDATE record SET digest = x'01' WHERE id = (SELECT max(id) FROM record)"),
    ("a locked card becomes active", "UPDATE record SET body = replace(body, 'LOCKED', 'ACTIVE')"),
    ("a letter", "UPDATE record SET body = replace(body, 'mifare', 'mifbre')"),
    (
        "no letter any more",
        "UPDATE record SET body = CAST(x'7b80' AS TEXT) WHERE id = (SELECT min(id) FROM record)",
    ),
    ("a refused record comes into force", "UPDATE record SET refused = NULL"),
    (
        "a record is refused for nothing",
        "UPDATE record SET refused = 'x' WHERE id = (SELECT max(id) FROM record)",
    ),
    ("a record is lost", "DELETE FROM record WHERE id = (SELECT max(id) FROM record)"),
    (
        "with its name",
        "DELETE FROM record WHERE id = (SELECT max(id) FROM name); DELETE FROM name WHERE id = (SELECT max(id) FROM name)",
    ),
    ("a name is lost", "DELETE FROM name WHERE id = (SELECT min(id) FROM name)"),
    ("a key", "UPDATE name SET key = key || 'x' WHERE id = (SELECT min(id) FROM name)"),
    (
        "a key that is no text",
        "UPDATE name SET key = CAST(x'80' AS TEXT) WHERE id = (SELECT max(id) FROM name)",
    ),
    ("a kind", "UPDATE name SET kind = 4 WHERE id = (SELECT max(id) FROM name)"),
    ("a card is somebody else's", "UPDATE token SET user = user + 1"),
    ("a link is lost", "DELETE FROM token WHERE id = (SELECT max(id) FROM token)"),
    ("a card is nobody's any more", "DELETE FROM card WHERE token = (SELECT max(token) FROM card)"),
    ("a card from nowhere", "INSERT INTO card (token, uid) VALUES (78, x'0102')"),
    ("a link from nowhere", "INSERT INTO token (id, user) VALUES (77, (SELECT max(user) FROM token))"),
    ("deletions far in the future", "UPDATE tombstone SET epoch = epoch | (1 << 40)"),
    ("buckets far in the future", "UPDATE bucket SET epoch = epoch | (1 << 40)"),
    ("the sums", "UPDATE mirror SET parts = zeroblob(1024), root = zeroblob(16)"),
    ("a kind's name", "UPDATE kind SET name = 'tokeo' WHERE id = 2"),
];
/// This version's kinds are known by heart.
const HARMLESS: [&str; 1] = ["a kind's name"];

/// Schedules for each flip.
const SEEDS: u64 = 4;

#[test]
fn what_the_disk_changes_is_found_and_fetched_again() {
    for (what, sql) in FLIPS {
        let mut found = 0;
        for seed in 0..SEEDS {
            let mut town = Town::new(seed);
            eprintln!("{what}, seed {seed}");
            for _ in 0..100 {
                town.step();
            }
            // Some at rest, some in the middle of a repair.
            if seed % 2 == 0 {
                town.settle();
            } else {
                let mut steps = 0;
                while steps < 400 && !town.is_repairing() {
                    town.step();
                    steps += 1;
                }
            }
            found += town.damage(sql);
            for _ in 0..60 {
                town.step();
            }
            town.settle();
        }
        assert_eq!(found > 0, !HARMLESS.contains(&what), "{what}: {found} found");
    }
}
