//! Asks a script, a line a question.

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What `script` answers to each of `questions`.
pub(crate) fn ask(script: &Path, questions: &[Value]) -> Vec<Value> {
    let mut child = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed to compare with another implementation");
    let mut stdin = child.stdin.take().expect("stdin");
    let lines: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "{} fails", script.display());
    writer.join().expect("writer").expect("questions are read");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let answers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), questions.len(), "{} answers each question", script.display());
    answers
}

/// A count that an environment variable raises.
pub(crate) fn count(variable: &str, plain: u32) -> u32 {
    std::env::var(variable).map_or(plain, |text| text.parse().expect(variable))
}
