//! `doorward-sim`: the simulated world as a program, for demos and for tests that run the real gateway.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, Parser, Subcommand};
use doorward_sim::{AccessElement, Login, Options, Pacs};
use tokio::signal::unix::{SignalKind, signal};

/// The world around a door panel, for demos and tests. Never on the panel.
#[derive(Parser)]
#[command(name = "doorward-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a simulated PACS until SIGINT or SIGTERM.
    Pacs(PacsArgs),
}

#[derive(Args)]
struct PacsArgs {
    /// Where to listen; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the API begins, e.g. /rest/v1; the control API stays at /_sim/.
    #[arg(long, value_name = "PATH", default_value = "")]
    base_path: String,
    /// A JSON array of access elements; without it, a small office.
    #[arg(long, value_name = "FILE")]
    elements: Option<PathBuf>,
    /// HTTP Basic user name; without it, no authentication.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    username: Option<String>,
    /// A file with the password; a line feed at its end is not part of it.
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// What the header X-System-Id must say; without it, anything.
    #[arg(long, value_name = "ID")]
    system_id: Option<String>,
    /// Write the actual address here once it listens.
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Pacs(args) => pacs(args),
    }
}

fn pacs(args: PacsArgs) -> anyhow::Result<()> {
    let elements = args.elements.as_deref().map(elements).transpose()?;
    let login = match (args.username, args.password_file) {
        (Some(username), Some(file)) => Some(Login { username, password: password(&file)? }),
        _ => None,
    };
    // Before the port file: who reads it may send a signal at once.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let handle = Pacs::start(Options {
        listen: args.listen,
        base_path: args.base_path,
        login,
        system_id: args.system_id,
        elements: elements.unwrap_or_else(AccessElement::defaults),
    })?;
    if let Some(file) = &args.port_file {
        write_whole(file, &format!("{}\n", handle.address()))?;
    }
    println!("PACS at {}, control at {}", handle.url(), handle.control_url());
    runtime.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    handle.stop();
    Ok(())
}

fn elements(file: &Path) -> anyhow::Result<Vec<AccessElement>> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is no JSON array of access elements", file.display()))
}

fn password(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "{} is empty: it must hold the password", file.display());
    Ok(password.to_owned())
}

/// Written beside it and renamed, so that who waits for the file never reads half an address.
fn write_whole(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = file.file_name().context("--port-file must name a file")?.to_owned();
    name.push(".part");
    let part = file.with_file_name(name);
    std::fs::write(&part, text).with_context(|| format!("cannot write {}", part.display()))?;
    std::fs::rename(&part, file).with_context(|| format!("cannot write {}", file.display()))
}
