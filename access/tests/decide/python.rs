//! Asks a script beside this file, a line a question.

use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What `script` answers to each of `questions`.
pub(crate) fn ask(script: &str, questions: &[Value]) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/decide").join(script);
    let mut child = Command::new("python3")
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed to compare with another implementation");
    let mut stdin = child.stdin.take().expect("stdin");
    let lines: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "{script} fails");
    writer.join().expect("writer").expect("questions are read");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let answers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), questions.len(), "{script} answers each question");
    answers
}

/// A count that an environment variable raises.
pub(crate) fn count(variable: &str, plain: u32) -> u32 {
    std::env::var(variable).map_or(plain, |text| text.parse().expect(variable))
}
