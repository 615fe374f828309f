//! Records that no gateway may take, one kind of mistake each.

/// What is wrong, the text of the record, and a word of the reason.
#[expect(clippy::too_many_lines, reason = "a table, one case a line")]
pub(super) fn bad_records() -> Vec<(&'static str, &'static str, String, &'static str)> {
    let user = |extra: &str| format!(r#"{{"status":"active","given_name":"A","family_name":"B"{extra}}}"#);
    let token = |extra: &str| format!(r#"{{"kind":"card","status":"ACTIVE","identifiers":[]{extra}}}"#);
    let hex = |hex: &str| {
        format!(r#"{{"kind":"card","status":"ACTIVE","identifiers":[{{"type":"mifare","hex":"{hex}"}}]}}"#)
    };
    let given = |extra: &str| format!(r#"{{"user":"u","entitlement":"e"{extra}}}"#);
    let long = "x".repeat(257);
    let deep = format!(r#","attributes":{{"a":{}1{}}}"#, "[".repeat(20), "]".repeat(20));
    let many = vec![r#"{"type":"mifare","hex":"04"}"#; 17].join(",");
    let weekly = |days: &str, from: &str, to: &str| {
        format!(
            r#"{{"zone":"Europe/Stockholm","weekly":[{{"days":["{days}"],"from":"{from}","to":"{to}"}}]}}"#
        )
    };
    vec![
        (
            "a number for a name",
            "user",
            r#"{"status":"active","given_name":7,"family_name":"B"}"#.into(),
            "given_name",
        ),
        ("no status", "user", r#"{"given_name":"A","family_name":"B"}"#.into(), "status"),
        (
            "a status nobody knows",
            "user",
            r#"{"status":"retired","given_name":"A","family_name":"B"}"#.into(),
            "retired",
        ),
        (
            "a status in the wrong case",
            "user",
            r#"{"status":"ACTIVE","given_name":"A","family_name":"B"}"#.into(),
            "ACTIVE",
        ),
        ("a float", "user", user(r#","attributes":{"height":"1"},"shoe":42.5"#), "fraction"),
        ("an exponent", "user", user(r#","shoe":1e3"#), "fraction"),
        ("minus nought", "user", user(r#","shoe":-0"#), "fraction"),
        ("a null", "user", user(r#","pin":null"#), "null"),
        ("an integer out of range", "user", user(r#","shoe":9007199254740992"#), "above"),
        ("an integer below range", "user", user(r#","shoe":-9007199254740992"#), "below"),
        ("an integer beyond 64 bits", "user", user(r#","shoe":99999999999999999999"#), "fraction"),
        ("a member twice", "user", user(r#","pin":"1","pin":"2""#), "twice"),
        ("a member twice, deep inside", "user", user(r#","emails":{"a":"x","a":"y"}"#), "twice"),
        ("nested too deep", "user", user(&deep), "deeper"),
        ("a name too long", "user", user(&format!(r#","organization":"{long}""#)), "256"),
        ("a line break in a name", "user", user(r#","organization":"a\nb""#), "control"),
        ("a NUL in a name", "user", user(r#","organization":"a\u0000b""#), "control"),
        ("half a surrogate pair", "user", user(r#","organization":"\ud800""#), "hex escape"),
        ("an array for an object", "user", user(r#","emails":[]"#), "emails"),
        ("an array for a record", "user", r#"["active","A","B"]"#.into(), "an object is expected"),
        (
            "an array for an identifier",
            "token",
            r#"{"kind":"card","status":"ACTIVE","identifiers":[["mifare","04A1B2C3"]]}"#.into(),
            "identifiers[0]: an object",
        ),
        ("a string for a record", "user", r#""u""#.into(), "an object is expected"),
        ("a record too large", "user", user(&format!(r#","notes":"{}""#, "y".repeat(17_000))), "bytes"),
        (
            "a token kind nobody knows",
            "token",
            r#"{"kind":"ring","status":"ACTIVE","identifiers":[]}"#.into(),
            "ring",
        ),
        (
            "a token status in the wrong case",
            "token",
            r#"{"kind":"card","status":"active","identifiers":[]}"#.into(),
            "active",
        ),
        ("an odd number of digits", "token", hex("04A"), "two for each byte"),
        ("digits with separators", "token", hex("04:A1:B2"), "hexadecimal"),
        ("not hexadecimal", "token", hex("04XY"), "hexadecimal"),
        ("no bytes", "token", hex(""), "at least one byte"),
        ("too many bytes", "token", hex(&"AB".repeat(33)), "32 bytes"),
        (
            "a UID as a number",
            "token",
            r#"{"kind":"card","status":"ACTIVE","identifiers":[{"type":"mifare","hex":77705923}]}"#.into(),
            "hex",
        ),
        (
            "too many identifiers",
            "token",
            format!(r#"{{"kind":"card","status":"ACTIVE","identifiers":[{many}]}}"#),
            "16 identifiers",
        ),
        ("no identifiers member", "token", r#"{"kind":"card","status":"ACTIVE"}"#.into(), "identifiers"),
        (
            "a date without a zone",
            "token",
            token(r#","valid_to":"2026-11-23T08:00:00""#),
            "YYYY-MM-DDTHH:MM:SSZ",
        ),
        (
            "a date with an offset",
            "token",
            token(r#","valid_to":"2026-11-23T08:00:00+01:00""#),
            "YYYY-MM-DDTHH:MM:SSZ",
        ),
        (
            "a date with a fraction",
            "token",
            token(r#","valid_to":"2026-11-23T08:00:00.5Z""#),
            "YYYY-MM-DDTHH:MM:SSZ",
        ),
        ("a day alone", "token", token(r#","valid_to":"2026-11-23""#), "YYYY-MM-DDTHH:MM:SSZ"),
        ("a day that does not exist", "token", token(r#","valid_to":"2026-02-30T00:00:00Z""#), "exist"),
        ("a leap second", "token", token(r#","valid_to":"2026-12-31T23:59:60Z""#), "leap second"),
        ("seconds since 1970", "token", token(r#","valid_to":1795420800"#), "valid_to"),
        ("a user with a forbidden character", "token", token(r#","user":"a/b""#), "characters"),
        ("a user that is empty", "token", token(r#","user":"""#), "1 to 64"),
        (
            "a window that never opens",
            "assignment",
            given(r#","valid_from":"2026-11-24T00:00:00Z","valid_to":"2026-11-23T00:00:00Z""#),
            "valid_to is after",
        ),
        (
            "a window of no length",
            "assignment",
            given(r#","valid_from":"2026-11-23T00:00:00Z","valid_to":"2026-11-23T00:00:00Z""#),
            "valid_to is after",
        ),
        ("no entitlement", "assignment", r#"{"user":"u"}"#.into(), "entitlement"),
        ("a wildcard for a user", "assignment", r##"{"user":"#","entitlement":"e"}"##.into(), "characters"),
        (
            "no reference",
            "entitlement",
            r#"{"type":"AccessProfile","display_name":"Main"}"#.into(),
            "pacs_ref",
        ),
        (
            "a boolean for a name",
            "entitlement",
            r#"{"type":"AccessProfile","display_name":true,"pacs_ref":"x"}"#.into(),
            "display_name",
        ),
        ("no zone", "schedule", r#"{"zone":"","weekly":[]}"#.into(), "zone"),
        ("a day of the week nobody knows", "schedule", weekly("monday", "08:00", "17:00"), "monday"),
        ("25 o'clock", "schedule", weekly("mon", "08:00", "25:00"), "HH:MM"),
        ("a beginning at the day's end", "schedule", weekly("mon", "24:00", "06:00"), "24:00"),
        (
            "a holiday that does not exist",
            "schedule",
            r#"{"zone":"UTC","weekly":[],"holidays":[{"date":"2026-13-01"}]}"#.into(),
            "YYYY-MM-DD",
        ),
        (
            "somebody else moves the strike",
            "door",
            r#"{"name":"Main","controlled_by":"magic","grants":[]}"#.into(),
            "magic",
        ),
        ("no grants member", "door", r#"{"name":"Main"}"#.into(), "grants"),
        ("a kind of a later version", "elevator", r#"{"name":"Lift"}"#.into(), "elevator"),
    ]
}
