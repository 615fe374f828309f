//! Random questions, answered by both implementations.

use crate::python::{ask, count};
use crate::script;
use crate::worlds::{Dice, asked, question, text, world};
use access::decide::{Decision, explain};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How far the other implementation searches, for one question in so many.
const SEARCH_S: i64 = 2 * 24 * 3600;
const SEARCH_ONE_IN: u32 = 30;
const QUESTIONS_OF_A_WORLD: u32 = 50;

#[test]
fn python_decides_the_same_with_the_same_reasons() {
    let questions = count("DOORWARD_QUESTIONS", 4_000);
    let mut dice = Dice(1);
    let worlds: Vec<Value> = (0..questions.div_ceil(QUESTIONS_OF_A_WORLD))
        .map(|_| {
            let world = world(&mut dice);
            let mut asked: Vec<Value> = (0..QUESTIONS_OF_A_WORLD).map(|_| question(&mut dice)).collect();
            for question in &mut asked {
                question["search_s"] = json!(if dice.one_in(SEARCH_ONE_IN) { SEARCH_S } else { 0 });
            }
            json!({ "world": world, "questions": asked })
        })
        .collect();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for (line, answers) in worlds.iter().zip(ask(&script("model.py"), &worlds)) {
        let questions = line["questions"].as_array().expect("questions");
        for (question, expected) in questions.iter().zip(answers.as_array().expect("answers")) {
            let case = asked(&line["world"], question);
            let found = explain(&case.facts, &case.shown, case.door.as_ref(), &case.time);
            let mut reasons = match found.decision() {
                Decision::Granted { .. } => Vec::new(),
                Decision::Denied { reasons } => reasons.iter().map(text).collect(),
            };
            reasons.sort();
            let granted = matches!(found.decision(), Decision::Granted { .. });
            assert_eq!(json!(reasons), expected["reasons"], "{question} in {}", line["world"]);
            assert_eq!(json!(granted), expected["granted"], "{question}");
            if question["search_s"] != 0 {
                let horizon = case.time.now.unix() + SEARCH_S;
                let nearest = found.nearest().map(|at| at.unix()).filter(|at| *at <= horizon);
                assert_eq!(json!(nearest), expected["nearest"], "{question} in {}", line["world"]);
                let is_ahead = nearest.is_some_and(|at| at > case.time.now.unix());
                *seen.entry(if is_ahead { "nearest ahead" } else { "nearest" }.into()).or_default() += 1;
            }
            let codes = reasons.iter().filter_map(|reason| reason.split(' ').next());
            for code in codes.chain(granted.then_some("granted")) {
                *seen.entry(code.into()).or_default() += 1;
            }
        }
    }
    // Questions that never meet a rule would agree about it, too.
    println!("{seen:?}");
    assert_eq!(seen.len(), 21 + 3, "every reason, grants and searches: {seen:?}");
}
