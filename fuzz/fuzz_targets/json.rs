//! Strict JSON: what is accepted has one spelling, serde_json agrees about its meaning, and the quick look
//! recognises nothing else.
#![no_main]

use contract::json::{Value, look, parse, write};
use doorward_fuzz::respelled;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let looked = look(text);
    let Ok(value) = parse(text) else {
        assert_eq!(looked, None, "recognised, yet not JSON of the contract");
        return;
    };
    let mut canonical = Vec::new();
    write(&value, &mut canonical);
    let spelled = std::str::from_utf8(&canonical).expect("UTF-8");
    assert_eq!(parse(spelled).expect("own output"), value);
    assert_eq!(parse(&respelled(&value)).expect("own output"), value);
    let theirs: serde_json::Value = serde_json::from_str(text).expect("accepted by both");
    assert_eq!(serde_json::from_str::<serde_json::Value>(spelled).expect("own output"), theirs);
    if let Some(shape) = looked {
        assert_eq!(spelled, text, "recognised, yet not canonical");
        let expected = matches!(value, Value::Object(_)) && only_objects_in_arrays(&value);
        assert_eq!(shape.only_objects_in_arrays, expected);
    }
});

fn only_objects_in_arrays(value: &Value) -> bool {
    match value {
        Value::Array(items) => {
            items.iter().all(|item| matches!(item, Value::Object(_)) && only_objects_in_arrays(item))
        }
        Value::Object(members) => members.iter().all(|(_, member)| only_objects_in_arrays(member)),
        Value::Bool(_) | Value::Integer(_) | Value::String(_) => true,
    }
}
