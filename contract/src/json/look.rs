//! One look at text that is probably canonical already, as a source sends it.
//!
//! A shortcut and never a judge: text that it does not recognise may be canonical all the same (rare escapes, say),
//! and what is wrong with a text is told by the reader of values. Not here: that reader, and writing.

use super::DEPTH_MAX;
use crate::id::INTEGER_MAX;

/// What a look at canonical text shows besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The text is an object, and so is every element of every array in it.
    pub only_objects_in_arrays: bool,
}

/// `Some` only if `text` is a value of the subset in its one spelling, so that reading and writing it would give
/// the same bytes.
pub fn look(text: &str) -> Option<Shape> {
    let mut look = Look { bytes: text.as_bytes(), at: 0, only_objects_in_arrays: text.starts_with('{') };
    look.value(0)?;
    (look.at == text.len()).then_some(Shape { only_objects_in_arrays: look.only_objects_in_arrays })
}

struct Look<'a> {
    bytes: &'a [u8],
    at: usize,
    only_objects_in_arrays: bool,
}

impl<'a> Look<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Passes over `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            _ => self.integer(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let found = self.bytes[self.at..].starts_with(word);
        self.at += word.len();
        found.then_some(())
    }

    fn integer(&mut self) -> Option<()> {
        let is_negative = self.take(b'-');
        let begins_with_nought = self.peek()? == b'0';
        let from = self.at;
        let mut n: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            n = n.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        // `01` is no JSON, and `-0` is a float to the reader of values.
        let length = self.at - from;
        let is_spelled = if begins_with_nought { length == 1 && !is_negative } else { length > 0 };
        (is_spelled && n <= INTEGER_MAX).then_some(())
    }

    /// A string, and its bytes if nothing in it is escaped. Of escapes only `\"` and `\\` are recognised.
    fn string(&mut self) -> Option<Option<&'a [u8]>> {
        if !self.take(b'"') {
            return None;
        }
        let rest = &self.bytes[self.at..];
        let stops = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let mut end = rest.iter().position(stops)?;
        let mut is_plain = true;
        while rest[end] != b'"' {
            is_plain = false;
            let (b'\\', b'"' | b'\\') = (rest[end], *rest.get(end + 1)?) else { return None };
            end += 2;
            end += rest[end..].iter().position(stops)?;
        }
        self.at += end + 1;
        Some(is_plain.then(|| &rest[..end]))
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if depth == DEPTH_MAX {
            return None;
        }
        if self.take(b'}') {
            return Some(());
        }
        let mut before: Option<&[u8]> = None;
        loop {
            // The order of escaped names would be that of their meaning, which is not looked at here.
            let name = self.string()??;
            if before.is_some_and(|before| !precedes(before, name)) {
                return None;
            }
            before = Some(name);
            if !self.take(b':') {
                return None;
            }
            self.value(depth + 1)?;
            if self.take(b'}') {
                return Some(());
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if depth == DEPTH_MAX {
            return None;
        }
        if self.take(b']') {
            return Some(());
        }
        loop {
            self.only_objects_in_arrays &= self.peek() == Some(b'{');
            self.value(depth + 1)?;
            if self.take(b']') {
                return Some(());
            }
            if !self.take(b',') {
                return None;
            }
        }
    }
}

/// Whether `a` is certainly before `b` by UTF-16. Bytes of UTF-8 have the same order, but for characters from
/// U+E000 on, whose first byte is 0xEE at least.
fn precedes(a: &[u8], b: &[u8]) -> bool {
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((a, b)) => a < b && *b < 0xee,
        None => a.len() < b.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Shape, look};
    use crate::json::tests::values;
    use crate::json::{Value, parse, write};
    use proptest::prelude::*;

    const OBJECTS: Option<Shape> = Some(Shape { only_objects_in_arrays: true });
    const OTHERS: Option<Shape> = Some(Shape { only_objects_in_arrays: false });

    #[test]
    fn what_is_recognised() {
        let table = [
            ("{}", OBJECTS),
            (r#"{"a":[{"b":[]},{}],"c":-7,"d":0,"e":"\"\\é€","z":true}"#, OBJECTS),
            (r#"{"days":["mon"]}"#, OTHERS),
            (r#"{"identifiers":[["mifare","04"]]}"#, OTHERS),
            ("[]", OTHERS),
            ("\"\u{7f}\"", OTHERS),
            ("9007199254740991", OTHERS),
            ("{\"\u{1f600}\":1,\"\u{1f601}\":2}", OBJECTS),
            ("{\"Ort\":1,\"Straße\":2,\"Straßen\":3,\"中\":4}", OBJECTS),
        ];
        for (text, expected) in table {
            assert_eq!(look(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_left_to_the_reader_of_values() {
        let deep = "[".repeat(17) + &"]".repeat(17);
        let table = [
            "",
            "nul",
            "null",
            "tru",
            "truefalse",
            "1.0",
            "1e3",
            "-",
            "-0",
            "01",
            "+1",
            "9007199254740992",
            "99999999999999999999999",
            "{",
            "{\"a\"}",
            "{\"a\":1,}",
            "[1,]",
            "[1 ]",
            " 1",
            "1 ",
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":1}"#,
            "{\"\u{fb33}\":1,\"\u{1f600}\":2}",
            r#"{"\\":1}"#,
            r#""\/""#,
            r#""\u0041""#,
            r#""\ud800""#,
            "\"",
            "\"\n\"",
            "\"\u{1f}\"",
            "\"\\",
            &deep,
        ];
        for text in table {
            assert_eq!(look(text), None, "{text}");
        }
    }

    /// Whether `text` is what the rule makes of it; `look` may say so only then.
    fn is_canonical(text: &str) -> bool {
        let mut bytes = Vec::new();
        parse(text).map(|value| write(&value, &mut bytes)).is_ok() && bytes == text.as_bytes()
    }

    fn written(value: &Value) -> String {
        let mut bytes = Vec::new();
        write(value, &mut bytes);
        String::from_utf8(bytes).expect("UTF-8")
    }

    proptest! {
        #[test]
        fn only_canonical_text_is_recognised(
            value in values(),
            at in any::<prop::sample::Index>(),
            removed in 0..3_usize,
            inserted in r#"[]{}\[:, "0-9aeftu\\.-]{0,3}"#,
        ) {
            let mut chars: Vec<char> = written(&value).chars().collect();
            let at = at.index(chars.len());
            let end = (at + removed).min(chars.len());
            chars.splice(at..end, inserted.chars());
            let text = String::from_iter(chars);
            prop_assert!(look(&text).is_none() || is_canonical(&text), "{}", text);
        }

        #[test]
        fn canonical_text_of_plain_characters_is_recognised(text in r#"[ !-\[\]-~é€"]{0,20}"#, n in any::<i32>()) {
            let value = Value::Object(vec![
                ("a".into(), Value::Array(vec![Value::Integer(n.into()), Value::String(text)])),
                ("b".into(), Value::Bool(n > 0)),
            ]);
            prop_assert_eq!(look(&written(&value)), OTHERS);
        }
    }
}
