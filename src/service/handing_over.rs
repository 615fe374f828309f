//! Joins the export's ledger and the feed: when another gateway is named to export, or this one, the ledger changes
//! hands.
//!
//! - [`gate`]: stops the export, and knows whose rows have changed
//!
//! Not here: who says what when (`export::hand_over`).

pub mod gate;

use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::clock::Wake;
use crate::export::hand_over::{Do, Input, Role, Standing, Talk, Which};
use crate::export::ledger::{brake, role, transfer};
use crate::feed::Feed;
use crate::mirror::touched::Touched;
use crate::mirror::writer::Context;
use crate::mirror::{Urgency, WriteError, Writer, due};
use contract::hand_over::{Counted, End, LedgerMessage, LedgerRow, NUMBER_MAX_BYTES};
use contract::id::GatewayId;
use gate::Gate;
use rusqlite::Connection;
use std::rc::Rc;
use tokio::sync::mpsc;

/// Messages of other gateways that wait to be answered; what finds no room is said again.
pub const HEARD_MAX: usize = 16;
/// How long to wait when the mirror cannot be read.
const RETRY_MS: u64 = 5_000;

/// The joint.
pub struct HandingOver {
    /// To speak by.
    pub feed: Feed,
    /// What other gateways say.
    pub heard: mpsc::Receiver<(GatewayId, LedgerMessage)>,
    /// To write.
    pub writer: Writer,
    /// To read; read-only.
    pub conn: Rc<Connection>,
    /// The time.
    pub time: Timekeeper,
    /// What the source says, and whom to tell.
    pub notices: Notices,
    /// To stop the export by.
    pub gate: Rc<Gate>,
    /// This panel.
    pub gateway: GatewayId,
    /// A lost request may still be carried out this long.
    pub late_ms: u64,
}

/// Something was not done, and nothing after it may be.
struct CutShort;

impl HandingOver {
    /// Runs for as long as the gateway does.
    pub async fn run(mut self) {
        let mut talk = Talk::new(self.gateway.clone());
        let mut level = self.notices.watch();
        loop {
            let Some(input) = self.next(&talk, &mut level).await else { return };
            match self.answer(&mut talk, input).await {
                Ok(()) => {}
                Err(CutShort) => {
                    talk.forget();
                    self.gate.follow(false);
                    self.open();
                }
            }
        }
    }

    async fn next(
        &mut self,
        talk: &Talk,
        level: &mut tokio::sync::watch::Receiver<super::notices::Level>,
    ) -> Option<Input> {
        let mono = match role::standing(&self.conn) {
            Ok(standing) => talk.wake_at(&standing),
            Err(error) => {
                tracing::error!(%error, "who exports cannot be read");
                Some(self.time.mono().after_ms(RETRY_MS))
            }
        };
        let wait = async {
            match mono {
                Some(_) => self.time.clock().wait(Wake { wall: None, mono }).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            heard = self.heard.recv() => heard.map(|(from, message)| Input::Heard(from, message)),
            () = self.gate.still() => Some(Input::Still),
            // The source may have named somebody.
            changed = level.changed() => changed.is_ok().then_some(Input::Tick),
            () = wait => Some(Input::Tick),
        }
    }

    async fn answer(&self, talk: &mut Talk, input: Input) -> Result<(), CutShort> {
        if let Input::Heard(from, message) = &input
            && number_of(message).len() > NUMBER_MAX_BYTES
        {
            tracing::warn!(%from, "a hand-over by a number of more than {NUMBER_MAX_BYTES} bytes is passed over");
            return Ok(());
        }
        let standing = role::standing(&self.conn).map_err(unreadable)?;
        let is_taken = |number: &str| role::is_taken(&self.conn, number).unwrap_or(false);
        let mut draw = || format!("{:016x}", fastrand::u64(..));
        for one in talk.step(&standing, is_taken, input, self.time.mono(), &mut draw) {
            self.carry_out(&standing, one).await?;
        }
        Ok(())
    }

    async fn carry_out(&self, standing: &Standing, one: Do) -> Result<(), CutShort> {
        match one {
            Do::Say(to, message) => self.say(to.as_ref(), &message),
            tell @ Do::Tell { .. } => self.tell(tell)?,
            Do::Follow(begin) => self.gate.follow(begin),
            Do::Stop => {
                tracing::info!(
                    "all of the ledger was told: the export stops until it is in the other's hands"
                );
                self.gate.stop();
                self.notices.touched(Touched::Everyone);
            }
            Do::GoOn => self.open(),
            Do::Become(role) => self.change(standing, role).await?,
            Do::GiveAway => {
                self.give_away(standing).await?;
                tracing::info!("the ledger is in the other gateway's hands; this one exports no more");
            }
            Do::Keep(rows, counted) => self.keep(standing, rows, counted, None).await?,
            Do::Take(rows, counted, claim, number) => {
                self.keep(standing, rows, counted, Some((claim, number))).await?;
                tracing::info!("the ledger is in this gateway's hands: it exports from now on");
                self.notices.touched(Touched::Everyone);
            }
        }
        Ok(())
    }

    fn open(&self) {
        if self.gate.go_on() {
            self.notices.touched(Touched::Everyone);
        }
    }

    fn say(&self, to: Option<&GatewayId>, message: &LedgerMessage) {
        let payload = serde_json::to_vec(message).unwrap_or_default();
        if !self.feed.say_ledger(to, payload) {
            tracing::debug!("no room to say something of the ledger; it is asked for again");
        }
    }

    fn tell(&self, tell: Do) -> Result<(), CutShort> {
        let Do::Tell { to, number, session, round, after, which, claim, end } = tell else { return Ok(()) };
        let changed = match which {
            Which::All => None,
            Which::Changed => Some(self.gate.changed()),
        };
        let read = transfer::rows_after(&self.conn, after.as_ref(), changed.as_ref());
        let (rows, more) = read.map_err(unreadable)?;
        let end = if more { End::More } else { end };
        let counted = match end {
            End::All => brake::counted(&self.conn, self.time.mono()).map_err(unreadable)?,
            End::More | End::Round => None,
        };
        let message = LedgerMessage::Rows { number, session, round, after, claim, rows, counted, end };
        self.say(Some(&to), &message);
        Ok(())
    }

    async fn change(&self, standing: &Standing, to: Role) -> Result<(), CutShort> {
        let before = standing.role.clone();
        let work = move |context: Context<'_>| Ok(role::change(context.conn, &before, to.clone())?);
        self.written(self.writer.run(Urgency::Narrowing, work).await)
    }

    async fn give_away(&self, standing: &Standing) -> Result<(), CutShort> {
        let before = standing.role.clone();
        let work = move |context: Context<'_>| {
            let is_done = role::change(context.conn, &before, Role::Idle)?;
            if is_done {
                transfer::give_away(context.conn)?;
                due::add(context.conn, &Touched::Everyone)?;
            }
            Ok(is_done)
        };
        self.written(self.writer.run(Urgency::Narrowing, work).await)
    }

    /// Writes rows down; the last of them with the role that comes with them.
    async fn keep(
        &self,
        standing: &Standing,
        rows: Vec<LedgerRow>,
        counted: Option<Counted>,
        last: Option<(u64, String)>,
    ) -> Result<(), CutShort> {
        let (mono, late_ms, before) = (self.time.mono(), self.late_ms, standing.role.clone());
        let work = move |context: Context<'_>| {
            let conn = context.conn;
            if role::standing(conn)?.role != before
                || transfer::keep(conn, &rows, counted, (mono, context.now))?.is_none()
            {
                return Ok(false);
            }
            if let Some((claim, number)) = &last {
                transfer::take_over(conn, mono, late_ms)?;
                role::note_taken(conn, number)?;
                due::add(conn, &Touched::Everyone)?;
                return Ok(role::change(conn, &before, Role::Holds { claim: *claim })?);
            }
            Ok(true)
        };
        self.written(self.writer.run(Urgency::Normal, work).await)
    }

    fn written(&self, written: Result<bool, WriteError>) -> Result<(), CutShort> {
        match written {
            Ok(true) => {
                self.notices.ledger_changed();
                Ok(())
            }
            Ok(false) => Err(CutShort),
            Err(error) => {
                tracing::error!(%error, "the hand-over of the ledger is begun again");
                Err(CutShort)
            }
        }
    }
}

fn unreadable(error: crate::export::ledger::LedgerError) -> CutShort {
    tracing::error!(%error, "the ledger cannot be handed over");
    CutShort
}

fn number_of(message: &LedgerMessage) -> &str {
    match message {
        LedgerMessage::Want { number, .. }
        | LedgerMessage::Rows { number, .. }
        | LedgerMessage::Took { number }
        | LedgerMessage::Asks { number }
        | LedgerMessage::Declined { number } => number,
    }
}
