//! The binary: it says where it listens, and takes elements and password from files.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

#[test]
fn the_program_says_where_it_listens_and_reads_its_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let elements = r#"[{"id":"ap-tower","name":"Tower","type":"AccessProfile"}]"#;
    std::fs::write(path("elements.json"), elements).expect("it can be written");
    std::fs::write(path("password"), "secret\n").expect("it can be written");
    let mut program = Command::new(env!("CARGO_BIN_EXE_doorward-sim"))
        .args(["pacs", "--listen", "127.0.0.1:0", "--username", "gateway", "--system-id", "7"])
        .arg("--password-file")
        .arg(path("password"))
        .arg("--elements")
        .arg(path("elements.json"))
        .arg("--port-file")
        .arg(path("port"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let mut said = BufReader::new(program.stdout.take().expect("it is piped"));
    said.read_line(&mut line).expect("it says where it is");
    let address = std::fs::read_to_string(path("port")).expect("the port file is there before the line");
    assert!(line.contains(address.trim()), "{line}");

    let mut stream = TcpStream::connect(address.trim()).expect("it listens");
    let head = "GET /accessElements HTTP/1.1\r\nHost: pacs\r\nConnection: close\r\nX-System-Id: 7\r\n";
    write!(stream, "{head}Authorization: Basic Z2F0ZXdheTpzZWNyZXQ=\r\n\r\n").expect("it takes the request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    program.kill().expect("it can be ended");
    program.wait().expect("it ends");
    assert!(answer.ends_with(&format!("{{\"items\":{elements}}}")), "{answer}");
}
