//! A mirror as a panel has it, an empty PACS, and the gateway between the two.

use super::Export;
use super::recorder::Recorder;
use crate::contender::{GATEWAY, child, config, fresh, part, seconds};
use crate::data::{self, SITE};
use crate::first::site;
use crate::meter;
use crate::watched::{Speaks, Watched, now, wall_ns};
use access::time::UtcTime;
use anyhow::{Context, Result, anyhow, bail};
use contract::id::{GatewayId, SiteId};
use doorward::export::hand_over::Word;
use doorward::export::ledger::{self, role};
use doorward::mirror::{Mirror, standing};
use doorward_sim::{AccessElement, ElementType, Fault, FaultKind, Handle, Match, Options, Pacs};
use doorward_source::store::Store;
use doorward_source::store::batch::BATCH_DEFAULT;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long an export may take.
const PATIENCE: Duration = Duration::from_secs(1800);
/// Time between two readings of memory.
const SAMPLE: Duration = Duration::from_millis(50);
/// Where nobody listens: the mirror is whole, and needs no broker.
const NO_BROKER: u16 = 9;

/// One export.
#[derive(Clone, Debug)]
pub(super) struct Exported {
    /// From the start of the program until the PACS had everything.
    pub(super) seconds: f64,
    /// CPU time of the gateway.
    pub(super) cpu_ns: u64,
    /// Peak of its anonymous memory.
    pub(super) anonymous_bytes: u64,
    /// Dirtied by it.
    pub(super) write_bytes: u64,
}

/// A site of so many users.
pub(super) struct Town<'a> {
    pub(super) users: usize,
    doorward: &'a Path,
    folder: &'a Path,
    template: PathBuf,
    /// Persons, credentials and permissions.
    items: usize,
}

impl<'a> Town<'a> {
    pub(super) fn new(doorward: &'a Path, folder: &'a Path, users: usize) -> Result<Town<'a>> {
        let template = fresh(&folder.join(format!("mirror-{users}")))?;
        make_mirror(&template, users)?;
        let items = 2 * users + permissions(&template)?;
        Ok(Town { users, doorward, folder, template, items })
    }

    /// From an empty PACS until it has everything; by way of a recorder if one is wanted.
    pub(super) fn export(&self, args: &Export, recorder: Option<&mut Option<Recorder>>) -> Result<Exported> {
        let pacs = pacs(args)?;
        let mut url = pacs.url();
        if let Some(place) = recorder {
            let made = place.insert(Recorder::before(pacs.address())?);
            url = url.replace(&pacs.address().to_string(), &made.address().to_string());
        }
        let place = fresh(&self.folder.join("place"))?;
        copy(&self.template, &place.join("state"))?;
        let settings = settings(&place, args, &url)?;
        let mut command = Command::new(self.doorward);
        command.arg("--config").arg(&settings).arg("run").env("DOORWARD_LOG", "error");
        let began_ns = wall_ns();
        let gateway = Watched::start(&mut command, Speaks::Stderr)?;
        let anonymous_bytes = self.until_full(&pacs, &gateway)?;
        let exported = Exported {
            seconds: seconds(began_ns, wall_ns()),
            cpu_ns: meter::cpu_ns(gateway.id())?,
            anonymous_bytes,
            write_bytes: meter::write_bytes(gateway.id())?,
        };
        gateway.end()?;
        self.check(&place)?;
        Ok(exported)
    }

    /// Returns the peak of anonymous memory.
    fn until_full(&self, pacs: &Handle, gateway: &Watched) -> Result<u64> {
        let wanted = self.items;
        let deadline = now() + PATIENCE;
        let mut peak = 0;
        while now() < deadline {
            peak = meter::anonymous_bytes(gateway.id()).context("the gateway has ended")?.max(peak);
            if pacs.wait_until(SAMPLE, |_, effects| effects.len() >= wanted) {
                return Ok(peak);
            }
        }
        bail!("the PACS has {} of {wanted} items; it said{}", pacs.effects().len(), gateway.last_words())
    }

    /// A number is worth nothing if the ledger does not say the same.
    fn check(&self, place: &Path) -> Result<()> {
        let conn = Mirror::at(&place.join("state")).open_reader()?;
        let counts = ledger::counts(&conn)?;
        if counts.persons != self.users as u64 {
            return Err(anyhow!("the ledger has {counts:?} of {} persons", self.users));
        }
        Ok(())
    }

    /// The same requests by the bare client; seconds, and its CPU time in ns.
    pub(super) fn replay(&self, args: &Export, requests: &Path) -> Result<(f64, u64)> {
        let pacs = pacs(args)?;
        let mut command = part("replay");
        command.arg(format!("http://{}", pacs.address())).arg(requests).arg(args.in_flight.to_string());
        let measured = child(&mut command, None, None)?;
        // It does not wait for the answer that names a person before it gives it a card, so that a few are refused.
        if pacs.effects().len() < self.items * 9 / 10 {
            return Err(anyhow!("the bare client made {} of {} items", pacs.effects().len(), self.items));
        }
        Ok((measured.seconds, measured.cpu_ns))
    }
}

/// A mirror that is whole, and whose gateway exports.
pub(super) fn make_mirror(folder: &Path, users: usize) -> Result<()> {
    let mut store = Store::open_in_memory(UtcTime::from_unix(1_795_000_000))?;
    store.claim_site(&SiteId::new(SITE).map_err(|rule| anyhow!(rule))?)?;
    store.apply(&site::changes(users)?, BATCH_DEFAULT)?;
    data::fill_mirror(folder, &data::take(&mut store)?)?;
    let site = SiteId::new(SITE).map_err(|rule| anyhow!(rule))?;
    let conn = Mirror::at(folder).open_writer(&site, || "bench".into())?;
    let me = GatewayId::new(GATEWAY).map_err(|rule| anyhow!(rule))?;
    role::hear(&conn, &Word { named: Some(me.clone()), after: None, claim: 1 }, &me)?;
    role::set_sweep(&conn, false)?;
    standing::note_whole(&conn)?;
    data::checkpoint(&conn)
}

/// Somebody may have the same right twice.
fn permissions(folder: &Path) -> Result<usize> {
    const COUNT: &str = "SELECT count(*) FROM (SELECT DISTINCT user, entitlement FROM assignment)";
    let count: u32 = Mirror::at(folder).open_reader()?.query_row(COUNT, [], |row| row.get(0))?;
    Ok(usize::try_from(count)?)
}

/// The gateway's settings for the PACS at `url`.
pub(super) fn settings(place: &Path, args: &Export, url: &str) -> Result<PathBuf> {
    let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles/interflex.toml").canonicalize()?;
    let mut text = config(&place.join("state"), NO_BROKER, 4096);
    text += &format!(
        "\n[pacs]\nprofile = {:?}\nbase_url = {url:?}\nsystem_id = \"bench\"\nusername = \"doorward\"\n\
         password = {{ file = \"password\" }}\nconcurrency = {}\n\
         entitlement_import_types = [\"AccessProfile\", \"AccessZoneTimeProfile\"]\n",
        profile.display().to_string(),
        args.in_flight
    );
    fs::write(place.join("password"), "unused")?;
    let path = place.join("config.toml");
    fs::write(&path, text)?;
    Ok(path)
}

fn pacs(args: &Export) -> Result<Handle> {
    let elements =
        site::entitlements().map(|(id, name)| AccessElement { id, name, kind: ElementType::AccessProfile });
    let pacs = Pacs::start(Options { elements: elements.collect(), ..Options::default() })?;
    if args.latency_ms > 0 {
        pacs.inject(Fault {
            matching: Match::any(),
            count: None,
            skip: 0,
            fault: FaultKind::Latency { ms: args.latency_ms },
        })?;
    }
    Ok(pacs)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
