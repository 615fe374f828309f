//! The verbs. Reading ones print to the standard output, for people or, with `--json`, for programs.

mod change;
mod show;
mod status;

use crate::cli::{Cli, Verb};
use anyhow::{Result, bail};
use doorward_source::clock;
use doorward_source::config::Config;
use doorward_source::serve::{serve, wake::wake};
use doorward_source::store::{Store, StoreError};
use std::path::{Path, PathBuf};

const CONFIG_DEFAULT: &str = "source.toml";

/// Does what the command line asks.
pub(crate) fn run(cli: Cli) -> Result<()> {
    let Cli { db, config, verb } = cli;
    if let Verb::Serve { ready_file } = verb {
        let mut settings = Config::load(config.as_deref().unwrap_or(Path::new(CONFIG_DEFAULT)))?;
        if let Some(db) = db {
            settings.db = db;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return Ok(runtime.block_on(serve(settings, ready_file))?);
    }
    let db = db_path(db, config)?;
    let name = || db.display().to_string();
    let makes_it = matches!(verb, Verb::Import { .. } | Verb::Set { .. } | Verb::Delete { .. });
    if !makes_it && !db.exists() {
        bail!("{}: there is no such file; `import` or `set` makes it", name());
    }
    let mut store = Store::open(&db, clock::now())?;
    match verb {
        Verb::Serve { .. } => Ok(()),
        Verb::Import { files, batch, unchecked } => change::import(&mut store, &db, &files, batch, unchecked),
        Verb::Set { kind, key, json } => change::set(&mut store, &db, &kind, &key, &json),
        Verb::Delete { kind, key } => change::delete(&mut store, &db, &kind, &key),
        Verb::Show { kind, key, json, secrets } => {
            show::show(&store, kind.as_deref(), key.as_deref(), json, secrets)
        }
        Verb::Status { json } => status::status(&store, json),
        Verb::Events { limit, json } => status::events(&store, limit, json),
        Verb::Checkpoint => {
            let version = store.checkpoint()?.version;
            println!("{version}");
            if !wake(&db) {
                eprintln!("no `serve` listens beside {}; it checkpoints when it starts", db.display());
            }
            Ok(())
        }
    }
    .map_err(|error| if error.is::<StoreError>() { error.context(name()) } else { error })
}

fn db_path(db: Option<PathBuf>, config: Option<PathBuf>) -> Result<PathBuf> {
    match (db, config) {
        (Some(db), _) => Ok(db),
        (None, Some(config)) => Ok(Config::load(&config)?.db),
        (None, None) if Path::new(CONFIG_DEFAULT).exists() => Ok(Config::load(Path::new(CONFIG_DEFAULT))?.db),
        (None, None) => bail!("there is no {CONFIG_DEFAULT} here; name the file with --db or --config"),
    }
}
