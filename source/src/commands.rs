//! The verbs. Reading ones print to the standard output, for people or, with `--json`, for programs.

mod ask;
mod change;
mod doctor;
mod import;
mod progress;
mod show;
mod status;

use crate::cli::{Cli, Verb};
use anyhow::{Result, bail};
use contract::command::Command;
use contract::enrollment::Settlement;
use contract::id::SiteId;
use doorward_source::clock;
use doorward_source::config::Config;
use doorward_source::serve::{serve, wake::wake};
use doorward_source::store::{Store, StoreError};
use import::Import;
use progress::Progress;
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
    if let Verb::Doctor { json } = verb {
        return doctor::doctor(db, config, json);
    }
    let (db, site) = located(db, config)?;
    let name = || db.display().to_string();
    let mut store = open(&db, &verb)?;
    match verb {
        Verb::Serve { .. } | Verb::Doctor { .. } => Ok(()),
        Verb::Import { files, batch, unchecked, dry_run, json } => {
            import::import(&mut store, &db, Import { files, batch, unchecked, dry_run, json, site })
        }
        Verb::Set { kind, key, json } => change::set(&mut store, &db, &kind, &key, &json),
        Verb::Delete { kind, key } => change::delete(&mut store, &db, &kind, &key),
        Verb::Show { kind, key, json, secrets } => {
            show::show(&store, kind.as_deref(), key.as_deref(), json, secrets)
        }
        Verb::Status { json } => status::status(&store, json),
        Verb::Events { limit, json } => status::events(&store, limit, json),
        Verb::Resync { gateway } => ask::resync(&mut store, &db, &gateway),
        Verb::Approve { gateway, hash } => {
            ask::and_wait(&mut store, &db, &gateway, Command::ExportApprove { hash })
        }
        Verb::Retry { gateway, user, item } => {
            ask::and_wait(&mut store, &db, &gateway, Command::ExportRetry { user, item })
        }
        Verb::SettleEnrollment { gateway, token, to, refuse } => {
            let settlement = match (to, refuse) {
                (_, Some(words)) => Settlement::Refused { words },
                (Some(to), None) => Settlement::Changed { to },
                (None, None) => Settlement::Accepted,
            };
            ask::settle(&mut store, &db, &gateway, &token, settlement)
        }
        Verb::SettleRevocation { gateway, token } => {
            ask::and_wait(&mut store, &db, &gateway, Command::RevocationSettled { token })
        }
        Verb::Door { gateway, verb } => ask::and_wait(&mut store, &db, &gateway, verb.into()),
        Verb::TakeOver { gateway } => ask::take_over(&mut store, &db, &gateway),
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

fn open(db: &Path, verb: &Verb) -> Result<Store> {
    if !db.exists() {
        match verb {
            // To say what would be done takes no file, and must not make one.
            Verb::Import { dry_run: true, .. } => return Ok(Store::open_in_memory(clock::now())?),
            Verb::Import { .. } | Verb::Set { .. } | Verb::Delete { .. } => {}
            _ => bail!("{}: there is no such file; `import` or `set` makes it", db.display()),
        }
    }
    let mut progress = Progress::new("converting", verb.is_json());
    Ok(Store::open_watched(db, clock::now(), &mut |done, of| progress.at(done, of))?)
}

/// Where the file is, and the site that the settings name, if they were read.
fn located(db: Option<PathBuf>, config: Option<PathBuf>) -> Result<(PathBuf, Option<SiteId>)> {
    let config = match (&db, config) {
        (_, Some(config)) => config,
        (Some(_), None) => return Ok((db.unwrap_or_default(), None)),
        (None, None) if Path::new(CONFIG_DEFAULT).exists() => CONFIG_DEFAULT.into(),
        (None, None) => bail!("there is no {CONFIG_DEFAULT} here; name the file with --db or --config"),
    };
    let settings = Config::load(&config)?;
    Ok((db.unwrap_or(settings.db), Some(settings.site)))
}
