//! From a tree of TOML to a form of ours, naming the key that does not fit.
//!
//! One reader for the configuration, boards and profiles: what serde makes of a form is made once, which is most of what a
//! form takes in a panel's binary. `toml`'s own names a line of the text, and no key where there is no text any more.
//!
//! Not here: reading text (`load`), and what values mean.

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use std::fmt;
use toml::{Table, Value};

/// What does not fit the form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Misfit {
    /// The dotted key, `reader[2].key`; empty where it is the whole.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Misfit {
    /// About the whole, which no key names.
    pub fn new(problem: impl Into<String>) -> Misfit {
        Misfit { key: String::new(), problem: problem.into() }
    }

    /// The same, seen from what holds it as `part`.
    pub(super) fn within(mut self, part: &str) -> Misfit {
        let dot = if self.key.is_empty() || self.key.starts_with('[') { "" } else { "." };
        self.key = format!("{part}{dot}{}", self.key);
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(problem: T) -> Misfit {
        Misfit::new(problem.to_string())
    }
}

/// Reads `table` as a form.
///
/// # Errors
/// The first key that does not fit.
pub fn read_table<'a, T: Deserialize<'a>>(table: &'a Table) -> Result<T, Misfit> {
    T::deserialize(MapAccessDeserializer::new(Members::of(table)))
}

/// A value in the tree.
#[derive(Clone, Copy)]
struct Node<'a>(&'a Value);

impl Node<'_> {
    fn unexpected(self, expected: &dyn Expected) -> Misfit {
        let found = match self.0 {
            Value::String(text) => Unexpected::Str(text),
            Value::Integer(number) => Unexpected::Signed(*number),
            Value::Float(_) => Unexpected::Other("number with a fraction"),
            Value::Boolean(yes) => Unexpected::Bool(*yes),
            Value::Datetime(_) => Unexpected::Other("date without quotes"),
            Value::Array(_) => Unexpected::Seq,
            Value::Table(_) => Unexpected::Map,
        };
        Misfit::invalid_type(found, expected)
    }
}

/// Methods that all take one kind of value.
macro_rules! only {
    ($($method:ident)* : $kind:ident($value:ident) => $visit:expr) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.0 {
                Value::$kind($value) => $visit(visitor),
                _ => Err(self.unexpected(&visitor)),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::String(text) => visitor.visit_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Boolean(yes) => visitor.visit_bool(*yes),
            Value::Float(_) | Value::Datetime(_) => Err(self.unexpected(&visitor)),
            Value::Array(list) => read_items(list, visitor),
            Value::Table(table) => visitor.visit_map(Members::of(table)),
        }
    }

    only!(deserialize_str deserialize_string deserialize_identifier deserialize_char deserialize_bytes deserialize_byte_buf:
        String(text) => |visitor: V| visitor.visit_str(text));
    only!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64:
        Integer(number) => |visitor: V| visitor.visit_i64(*number));
    only!(deserialize_bool: Boolean(yes) => |visitor: V| visitor.visit_bool(*yes));
    only!(deserialize_seq: Array(list) => |visitor: V| read_items(list, visitor));
    only!(deserialize_map: Table(table) => |visitor: V| visitor.visit_map(Members::of(table)));

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(Choice { name, content: None }),
            Value::Table(table) if table.len() == 1 => {
                let (name, content) = table.iter().next().ok_or_else(|| self.unexpected(&visitor))?;
                visitor
                    .visit_enum(Choice { name, content: Some(content) })
                    .map_err(|misfit| misfit.within(name))
            }
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { i128 u128 f32 f64 unit unit_struct tuple_struct }
}

/// All of an array: what a form leaves over is a complaint, as in any other place.
fn read_items<'de, V: Visitor<'de>>(list: &'de [Value], visitor: V) -> Result<V::Value, Misfit> {
    let mut items = Items { list, at: 0 };
    let read = visitor.visit_seq(&mut items)?;
    if items.at < list.len() {
        let problem = format!("has {} elements, {} are wanted", list.len(), items.at);
        return Err(Misfit::new(problem));
    }
    Ok(read)
}

/// What an array holds.
struct Items<'a> {
    list: &'a [Value],
    at: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        let Some(value) = self.list.get(self.at) else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Node(value)).map(Some).map_err(|misfit| misfit.within(&format!("[{at}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len().saturating_sub(self.at))
    }
}

/// What a table holds.
struct Members<'a> {
    rest: toml::map::Iter<'a, String, Value>,
    current: Option<(&'a str, &'a Value)>,
}

impl<'a> Members<'a> {
    fn of(table: &'a Table) -> Members<'a> {
        Members { rest: table.iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.current = Some((key, value));
        seed.deserialize(StrDeserializer::new(key)).map(Some).map_err(|misfit: Misfit| misfit.within(key))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Misfit> {
        let (key, value) = self.current.take().ok_or_else(|| Misfit::custom("a value before its key"))?;
        seed.deserialize(Node(value)).map_err(|misfit| misfit.within(key))
    }
}

/// One of several: by its name alone, or with what it holds.
struct Choice<'a> {
    name: &'a str,
    content: Option<&'a Value>,
}

impl<'a> Choice<'a> {
    fn held(self, expected: &dyn Expected) -> Result<Node<'a>, Misfit> {
        self.content.map(Node).ok_or_else(|| Misfit::invalid_type(Unexpected::UnitVariant, expected))
    }
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Misfit> {
        Ok((seed.deserialize(StrDeserializer::<Misfit>::new(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        match self.content {
            None => Ok(()),
            Some(content) => Err(Node(content).unexpected(&"nothing")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(self.held(&"what it holds")?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.held(&visitor)?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.held(&visitor)?.deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Form {
        name: String,
        port: Option<u16>,
        #[serde(default)]
        parts: Vec<Part>,
        #[serde(default)]
        words: BTreeMap<String, Vec<String>>,
        body: Option<Value>,
        pair: Option<(u8, u8)>,
    }

    #[derive(Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields, rename_all = "snake_case")]
    enum Part {
        Nothing,
        Weight(u8),
        Size { width: u8 },
    }

    fn read(text: &str) -> Result<Form, String> {
        let table: Table = toml::from_str(text).expect("TOML");
        read_table(&table).map_err(|misfit| misfit.to_string())
    }

    #[test]
    fn a_form_is_read_with_all_kinds_of_values() {
        let text = "name = 'n'\nport = 5\npair = [1, 2]\nparts = ['nothing', { weight = 2 }, { size = { width = 3 } }]\n\
                    [words]\na = ['b']\n[body]\nx = [1, true, [2]]\n";
        let form = Form {
            name: "n".into(),
            port: Some(5),
            parts: vec![Part::Nothing, Part::Weight(2), Part::Size { width: 3 }],
            words: BTreeMap::from([("a".into(), vec!["b".into()])]),
            body: Some(toml::from_str::<Table>("x = [1, true, [2]]").expect("TOML").into()),
            pair: Some((1, 2)),
        };
        assert_eq!(read(text), Ok(form));
    }

    #[test]
    fn each_complaint_names_its_key() {
        for (text, complaint) in [
            ("port = 5", "missing field `name`"),
            ("name = 5", "name: invalid type: integer `5`, expected a string"),
            ("name = 'n'\nport = 70000", "port: invalid value: integer `70000`, expected u16"),
            ("name = 'n'\nport = '5'", "port: invalid type: string \"5\", expected u16"),
            ("name = 'n'\nparts = 5", "parts: invalid type: integer `5`, expected a sequence"),
            (
                "name = 'n'\n[words]\na = ['b', 1.5]",
                "words.a[1]: invalid type: number with a fraction, expected a string",
            ),
            (
                "name = 'n'\nparts = ['nothing', 'all']",
                "parts[1]: unknown variant `all`, expected one of `nothing`, `weight`, `size`",
            ),
            (
                "name = 'n'\nparts = [{ size = { width = true } }]",
                "parts[0].size.width: invalid type: boolean `true`, expected u8",
            ),
            (
                "name = 'n'\nparts = [{ nothing = 1 }]",
                "parts[0].nothing: invalid type: integer `1`, expected nothing",
            ),
            (
                "name = 'n'\nbody = { at = 2026-11-23 }",
                "body.at: invalid type: date without quotes, expected any valid TOML value",
            ),
            ("name = 'n'\npair = [1, 2, 3]", "pair: has 3 elements, 2 are wanted"),
            ("name = 'n'\nport = {}", "port: invalid type: map, expected u16"),
        ] {
            assert_eq!(read(text), Err(complaint.into()), "{text}");
        }
        let unknown = read("name = 'n'\nnmae = 1").expect_err("misspelt");
        assert!(unknown.starts_with("nmae: unknown field `nmae`, expected one of"), "{unknown}");
    }
}
