//! The configuration as it is written, with a comment where a person will look.
//!
//! Not here: every setting (examples/panel.toml).

use super::answers::{Answers, board_file, listed, profile_file};
use crate::cli::InitArgs;
use crate::config::SECRETS_FOLDER;
use crate::export::profile::Profile;
use anyhow::{Result, bail};
use std::fmt::Write as _;
use std::path::Path;

/// Copies of certificates, beside the configuration.
pub(super) const COPIES: [(&str, &str); 3] =
    [("broker-ca", "broker-ca.pem"), ("broker-cert", "broker-cert.pem"), ("pacs-ca", "pacs-ca.pem")];

/// The text that becomes the file `file`.
pub(super) fn text(answers: &Answers, args: &InitArgs, file: &Path) -> Result<String> {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "# Written by `doorward init`; examples/panel.toml has every setting. `doorward check` looks at it without acting.
# Secrets are not here: systemd hands them over from {}.

site = {}
gateway = {:<24} # this panel; the broker's access rules go by it
state_dir = {}
control_dir = {}",
        file.parent().unwrap_or(Path::new(".")).join(SECRETS_FOLDER).display(),
        quoted(answers.text("site")),
        quoted(answers.text("gateway")),
        quoted_path(&args.state_dir),
        quoted_path(&args.control_dir),
    );
    if answers.has_text("board") {
        let _ = writeln!(out, "board = {}", quoted_path(&board_file(answers.text("board"))));
    }
    broker(&mut out, answers);
    if args.clock != "kernel" {
        let _ = write!(out, "\n[clock]\nsync = {}\n", quoted(&args.clock));
    }
    for reader in answers.readers() {
        one_reader(&mut out, reader)?;
    }
    for door in listed(answers.text("door")) {
        let _ = write!(out, "\n# Settings of a door: docs/doors.md.\n[[door]]\ndoor = {}\n", quoted(door));
    }
    if answers.has_text("pacs-profile") {
        pacs(&mut out, answers)?;
    }
    Ok(out)
}

fn broker(out: &mut String, answers: &Answers) {
    let _ = writeln!(out, "\n[broker]\nhost = {}", quoted(answers.text("broker-host")));
    if answers.has_text("broker-port") {
        let _ = writeln!(out, "port = {}", answers.text("broker-port"));
    }
    copies(out, answers, &[("broker-ca", "ca_file"), ("broker-cert", "client_cert_file")]);
    credential(out, answers, "client_key", "broker-key");
    if answers.has_text("broker-username") {
        let _ = writeln!(out, "username = {}", quoted(answers.text("broker-username")));
    }
    credential(out, answers, "password", "broker-password");
}

/// `NAME,KIND,WHICH[,DOOR]`; commas within WHICH belong to it if a door follows.
fn one_reader(out: &mut String, flag: &str) -> Result<()> {
    let words: Vec<&str> = flag.splitn(3, ',').map(str::trim).collect();
    let [name, kind, rest] = words.as_slice() else {
        bail!(
            "--reader {flag}: is not NAME,KIND,WHICH[,DOOR]; write it like entrance,pcsc,ACS ACR122U,front"
        );
    };
    let (which, door) = rest.rsplit_once(',').unwrap_or((rest, ""));
    let key = if *kind == "pcsc" { "reader" } else { "device" };
    let (name, kind, which, door) = (quoted(name), quoted(kind), quoted(which.trim()), door.trim());
    let _ = write!(
        out,
        "\n# docs/readers.md; `doorward readers` shows what is there.\n[[reader]]\nname = {name}\n"
    );
    if !door.is_empty() {
        let _ = writeln!(out, "door = {:<27} # the key of the door beside which it hangs", quoted(door));
    }
    let _ = writeln!(out, "kind = {kind}\n{key} = {which}");
    if kind == "\"osdp\"" {
        let _ = writeln!(out, "key = {{ credential = \"reader-key\" }}");
    }
    Ok(())
}

fn pacs(out: &mut String, answers: &Answers) -> Result<()> {
    let file = profile_file(answers.text("pacs-profile"));
    let types: Vec<String> = Profile::read(&file)?.import_types().map(quoted).collect();
    let _ = writeln!(
        out,
        "\n# docs/pacs.md; which gateway exports is the source's word.\n[pacs]\nprofile = {}\nbase_url = {}",
        quoted_path(&file),
        quoted(answers.text("pacs-url")),
    );
    copies(out, answers, &[("pacs-ca", "ca_file")]);
    if answers.has_text("pacs-system-id") {
        let _ = writeln!(out, "system_id = {}", quoted(answers.text("pacs-system-id")));
    }
    if answers.has_text("pacs-username") {
        let _ = writeln!(out, "username = {}", quoted(answers.text("pacs-username")));
    }
    credential(out, answers, "password", "pacs-password");
    let _ = writeln!(out, "entitlement_import_types = [{}]", types.join(", "));
    let _ = writeln!(
        out,
        "#card_number_format = \"hex\"          # as the PACS has its numbers: docs/card-numbers.md"
    );
    Ok(())
}

fn copies(out: &mut String, answers: &Answers, keys: &[(&str, &str)]) {
    for (flag, key) in keys {
        let copy = COPIES.iter().find(|(of, _)| of == flag).map_or("", |(_, copy)| copy);
        if answers.has_text(flag) {
            let _ = writeln!(out, "{key} = {}", quoted(copy));
        }
    }
}

fn credential(out: &mut String, answers: &Answers, key: &str, name: &str) {
    if answers.secret(name).is_some() {
        let _ = writeln!(out, "{key} = {{ credential = {} }}", quoted(name));
    }
}

/// As TOML has text; what JSON escapes TOML does as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
