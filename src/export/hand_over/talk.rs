//! The conversation of two gateways about the ledger. What has to survive a restart is the role; the rest begins again.

use super::{Role, Standing};
use crate::clock::MonoMs;
use contract::hand_over::{Counted, End, LedgerMessage, LedgerRow, RowName};
use contract::id::GatewayId;

/// How often the ledger is asked for while nobody answers.
pub const WANT_EVERY_MS: u64 = 5_000;
/// Unanswered questions before an attempt is begun anew.
const TRIES_MAX: u32 = 3;
/// How often the other one is asked whether it has taken the ledger.
pub const ASK_EVERY_MS: u64 = 30_000;

/// What happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// Time has passed, or the source has said something.
    Tick,
    /// Another gateway has said something.
    Heard(GatewayId, LedgerMessage),
    /// Exporting was stopped, and nothing is under way any more.
    Still,
}

/// What to do, in order; when one thing fails, nothing after it is done, and [`Talk::forget`] is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Do {
    /// Say this; to whoever holds the ledger if to no one in particular.
    Say(Option<GatewayId>, LedgerMessage),
    /// Read rows after `after` and say them.
    Tell {
        /// To whom.
        to: GatewayId,
        /// In which hand-over.
        number: String,
        /// In which session of it.
        session: String,
        /// In which round.
        round: u32,
        /// Where the last message ended.
        after: Option<RowName>,
        /// Which rows.
        which: Which,
        /// The claim by which they are held.
        claim: u64,
        /// What follows the last of them.
        end: End,
    },
    /// Begin to note whose rows change, or forget it.
    Follow(bool),
    /// Begin no more requests; [`Input::Still`] follows when none is under way.
    Stop,
    /// Go on.
    GoOn,
    /// Write down the new role, if the old one is still what it was.
    Become(Role),
    /// Write down that the ledger is another's, and forget its rows.
    GiveAway,
    /// Write down rows that were told.
    Keep(Vec<LedgerRow>, Option<Counted>),
    /// Write down these, and that the ledger is ours: by this claim, in this hand-over.
    Take(Vec<LedgerRow>, Option<Counted>, u64, String),
}

/// Which rows are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// All.
    All,
    /// Those of users that have changed since the first was told.
    Changed,
}

/// The conversation, as one gateway has it.
pub struct Talk {
    me: GatewayId,
    wanting: Option<Wanting>,
    giving: Option<Giving>,
    ask_at: MonoMs,
}

struct Wanting {
    number: String,
    session: Option<String>,
    round: u32,
    after: Option<RowName>,
    peer: Option<GatewayId>,
    again_at: MonoMs,
    tries: u32,
}

struct Giving {
    to: GatewayId,
    number: String,
    session: String,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// All rows are being told, and requests go on.
    First,
    /// Nothing more is begun.
    Stopping,
    /// Given away as far as this one knows.
    Last(Which),
}

impl Talk {
    /// Of the gateway `me`, that has just started.
    pub fn new(me: GatewayId) -> Talk {
        Talk { me, wanting: None, giving: None, ask_at: MonoMs(0) }
    }

    /// Something could not be done: whatever was going on begins again.
    pub fn forget(&mut self) {
        self.wanting = None;
        self.giving = None;
    }

    /// When to tick, if nothing happens before.
    pub fn wake_at(&self, standing: &Standing) -> Option<MonoMs> {
        let asks = match standing.role {
            Role::Gives { .. } => Some(self.ask_at),
            Role::Idle | Role::Holds { .. } => None,
        };
        self.wanting.as_ref().map(|wanting| wanting.again_at).into_iter().chain(asks).min()
    }

    /// What follows from `input`. `taken` says whether this gateway has taken the ledger in a hand-over of this number;
    /// `draw` draws a number that nobody has drawn before.
    pub fn step(
        &mut self,
        standing: &Standing,
        taken: impl Fn(&str) -> bool,
        input: Input,
        now: MonoMs,
        draw: &mut dyn FnMut() -> String,
    ) -> Vec<Do> {
        let mut out = Vec::new();
        self.follow_the_word(standing, now, draw, &mut out);
        match input {
            Input::Tick => {}
            Input::Still => self.still(standing, now, &mut out),
            Input::Heard(from, LedgerMessage::Want { number, session, round, after }) => {
                let question = Question { number, session, round, after };
                self.wanted(standing, from, question, now, (draw, &mut out));
            }
            Input::Heard(from, message @ LedgerMessage::Rows { .. }) => {
                self.told(standing, from, message, now, &mut out);
            }
            Input::Heard(from, LedgerMessage::Asks { number }) => {
                let is_ours = taken(&number) || standing.role != Role::Idle;
                let may_still_be = self.wanting.as_ref().is_some_and(|wanting| wanting.number == number);
                if is_ours {
                    out.push(Do::Say(Some(from), LedgerMessage::Took { number }));
                } else if !may_still_be {
                    out.push(Do::Say(Some(from), LedgerMessage::Declined { number }));
                }
            }
            Input::Heard(from, LedgerMessage::Took { number }) => {
                if standing.role.is_given(&from, &number) {
                    self.giving = None;
                    out.extend([Do::GiveAway, Do::Follow(false), Do::GoOn]);
                }
            }
            Input::Heard(from, LedgerMessage::Declined { number }) => {
                if let Role::Gives { claim, .. } = standing.role
                    && standing.role.is_given(&from, &number)
                {
                    self.giving = None;
                    out.extend([Do::Become(Role::Holds { claim }), Do::Follow(false), Do::GoOn]);
                }
            }
        }
        self.repeat(standing, now, draw, &mut out);
        out
    }

    /// Begins and ends what the source's word and the role make right and wrong.
    fn follow_the_word(
        &mut self,
        standing: &Standing,
        now: MonoMs,
        draw: &mut dyn FnMut() -> String,
        out: &mut Vec<Do>,
    ) {
        if !standing.waits(&self.me) {
            self.wanting = None;
        } else if self.wanting.is_none() {
            self.wanting = Some(Wanting::new(draw(), now));
        }
        let goes_on = |giving: &Giving| match &standing.role {
            Role::Idle => false,
            Role::Holds { .. } => {
                standing.heir() == Some(&giving.to) && !matches!(giving.stage, Stage::Last(_))
            }
            Role::Gives { .. } => standing.role.is_given(&giving.to, &giving.number),
        };
        if self.giving.as_ref().is_some_and(|giving| !goes_on(giving)) {
            self.giving = None;
            out.extend([Do::Follow(false), Do::GoOn]);
        }
    }

    /// Asks again for what nobody has answered.
    fn repeat(
        &mut self,
        standing: &Standing,
        now: MonoMs,
        draw: &mut dyn FnMut() -> String,
        out: &mut Vec<Do>,
    ) {
        if let Some(wanting) = &mut self.wanting
            && wanting.again_at <= now
        {
            if wanting.tries == TRIES_MAX {
                *wanting = Wanting::new(draw(), now);
            }
            wanting.tries += 1;
            out.push(wanting.question(now));
        }
        if let Role::Gives { to, number, .. } = &standing.role
            && self.ask_at <= now
        {
            self.ask_at = now.after_ms(ASK_EVERY_MS);
            out.push(Do::Say(Some(to.clone()), LedgerMessage::Asks { number: number.clone() }));
        }
    }

    fn wanted(
        &mut self,
        standing: &Standing,
        from: GatewayId,
        question: Question,
        now: MonoMs,
        (draw, out): (&mut dyn FnMut() -> String, &mut Vec<Do>),
    ) {
        if standing.heir() != Some(&from) {
            return;
        }
        match &standing.role {
            Role::Idle => {}
            Role::Holds { claim } => self.wanted_of_holder(*claim, from, question, draw, out),
            Role::Gives { claim, to, number } if *to == from && *number == question.number => {
                let known = self.giving.as_ref().filter(|giving| question.is_of(giving));
                let which = match known.map(|giving| giving.stage) {
                    Some(Stage::Last(which)) => which,
                    // After a restart nobody knows what has changed: all of it is told once more.
                    Some(Stage::First | Stage::Stopping) | None => Which::All,
                };
                let session = question.session.clone().unwrap_or_else(draw);
                let (number, stage) = (number.clone(), Stage::Last(which));
                self.giving = Some(Giving { to: from.clone(), number, session: session.clone(), stage });
                self.ask_at = now.after_ms(ASK_EVERY_MS);
                out.push(question.answer(from, session, which, *claim, End::All));
            }
            // Perhaps it begins anew; perhaps it has taken the ledger, and this question is an old one.
            Role::Gives { to, .. } if *to == from => self.ask_at = now,
            Role::Gives { .. } => {}
        }
    }

    fn wanted_of_holder(
        &mut self,
        claim: u64,
        from: GatewayId,
        question: Question,
        draw: &mut dyn FnMut() -> String,
        out: &mut Vec<Do>,
    ) {
        let is_begin = (question.session.as_ref(), question.round) == (None, 1) && question.after.is_none();
        let known =
            self.giving.as_mut().filter(|giving| giving.to == from && giving.number == question.number);
        match known {
            Some(giving) if giving.stage == Stage::First && (is_begin || question.is_of(giving)) => {
                if question.round == 1 {
                    let session = giving.session.clone();
                    out.push(question.answer(from, session, Which::All, claim, End::Round));
                } else {
                    giving.stage = Stage::Stopping;
                    out.push(Do::Stop);
                }
            }
            None if is_begin => {
                let session = draw();
                let (to, number) = (from.clone(), question.number.clone());
                self.giving = Some(Giving { to, number, session: session.clone(), stage: Stage::First });
                out.extend([Do::GoOn, Do::Follow(true)]);
                out.push(question.answer(from, session, Which::All, claim, End::Round));
            }
            // Of a session that this one does not know: the other begins anew by itself.
            Some(_) | None => {}
        }
    }

    fn still(&mut self, standing: &Standing, now: MonoMs, out: &mut Vec<Do>) {
        let (Some(giving), Role::Holds { claim }) = (&mut self.giving, &standing.role) else { return };
        if giving.stage != Stage::Stopping {
            return;
        }
        giving.stage = Stage::Last(Which::Changed);
        self.ask_at = now.after_ms(ASK_EVERY_MS);
        let Giving { to, number, session, .. } = giving;
        out.extend([
            Do::Become(Role::Gives { claim: *claim, to: to.clone(), number: number.clone() }),
            Do::Tell {
                to: to.clone(),
                number: number.clone(),
                session: session.clone(),
                round: 2,
                after: None,
                which: Which::Changed,
                claim: *claim,
                end: End::All,
            },
        ]);
    }

    fn told(
        &mut self,
        standing: &Standing,
        from: GatewayId,
        message: LedgerMessage,
        now: MonoMs,
        out: &mut Vec<Do>,
    ) {
        let LedgerMessage::Rows { number, session, round, after, claim, rows, counted, end } = message else {
            return;
        };
        let is_answer = |wanting: &&mut Wanting| {
            let is_session = wanting.session.as_ref().is_none_or(|known| *known == session);
            is_session && (&wanting.number, wanting.round, &wanting.after) == (&number, round, &after)
        };
        let Some(wanting) = self.wanting.as_mut().filter(is_answer) else { return };
        let last = rows.last().map(|row| row.name.clone());
        if claim < standing.word.claim || (end == End::More && last.is_none()) {
            return;
        }
        match end {
            End::More => wanting.after = last,
            End::Round => (wanting.round, wanting.after) = (round.saturating_add(1), None),
            End::All => {
                out.push(Do::Take(rows, counted, claim, number.clone()));
                out.push(Do::Say(Some(from), LedgerMessage::Took { number }));
                self.wanting = None;
                return;
            }
        }
        (wanting.peer, wanting.session, wanting.tries) = (Some(from), Some(session), 1);
        out.extend([Do::Keep(rows, counted), wanting.question(now)]);
    }
}

impl Wanting {
    fn new(number: String, now: MonoMs) -> Wanting {
        Wanting { number, session: None, round: 1, after: None, peer: None, again_at: now, tries: 0 }
    }

    fn question(&mut self, now: MonoMs) -> Do {
        self.again_at = now.after_ms(WANT_EVERY_MS);
        let Wanting { number, session, round, after, .. } = &*self;
        let want = LedgerMessage::Want {
            number: number.clone(),
            session: session.clone(),
            round: *round,
            after: after.clone(),
        };
        Do::Say(self.peer.clone(), want)
    }
}

/// What a `want` asks for.
struct Question {
    number: String,
    session: Option<String>,
    round: u32,
    after: Option<RowName>,
}

impl Question {
    fn is_of(&self, giving: &Giving) -> bool {
        self.number == giving.number && self.session.as_ref() == Some(&giving.session)
    }

    fn answer(self, to: GatewayId, session: String, which: Which, claim: u64, end: End) -> Do {
        let Question { number, round, after, .. } = self;
        Do::Tell { to, number, session, round, after, which, claim, end }
    }
}

impl Role {
    fn is_given(&self, to: &GatewayId, number: &str) -> bool {
        match self {
            Role::Gives { to: given_to, number: given, .. } => (given_to, given.as_str()) == (to, number),
            Role::Idle | Role::Holds { .. } => false,
        }
    }
}
