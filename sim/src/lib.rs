//! The world around a door panel, for demos, tests and benches: a simulated PACS with a JSON REST API and
//! faults on demand. It never ships on a panel.
//!
//! It shares no code with the gateway's adapter, so that a misreading of the API on one side shows on the other.
//!
//! | module | what it holds |
//! |---|---|
//! | `world`, `children` | persons, credentials, permissions: pure state, no IO, no clock |
//! | `elements`, `ids`, `effects` | the access elements, native ids that are never reused, the log of acts |
//! | `request`, `api` | a parsed request, and what the PACS answers to it: pure |
//! | `faults` | which fault a request meets: pure |
//! | `control` | the `/_sim/` API: faults, dumps, drift |
//! | `server` | HTTP, the faults acted out, pause and resume |
//! | `handle`, `shared` | [`Pacs::start`] and the [`Handle`] for tests in the same process |
//! | `clock` | the only reader of a clock |
//! | [`double`] | the frame of the doubles, which play one vendor's API each |
//! | [`unifi`] | a double of UniFi Access |
//! | [`onguard`] | the double of LenelS2 OnGuard's OpenAccess |
//! | [`gallagher`] | the double of Gallagher Command Centre |
//! | [`exos`] | a double of dormakaba exos 9300 |
//! | [`scim`] | the double of a SCIM 2.0 server |
//! | `readers` | virtual cards and card readers, behind a feature |
//!
//! What is absent: paging, TLS, weekly profiles, and any persistence; a stopped PACS forgets.

mod api;
mod children;
mod clock;
mod control;
pub mod double;
mod effects;
mod elements;
pub mod exos;
mod faults;
pub mod gallagher;
mod handle;
mod ids;
pub mod onguard;
#[cfg(feature = "readers")]
pub mod readers;
mod request;
pub mod scim;
mod server;
mod shared;
pub mod unifi;
mod world;

pub use effects::{Act, EFFECTS_MAX, Effect, Via, What};
pub use elements::{AccessElement, ElementType};
pub use faults::{FAULTS_MAX, Fault, FaultId, FaultKind, FaultsFull, Match};
pub use handle::{Handle, Login, Options, Pacs, PacsError};
pub use world::{PersonView, Refusal, World};
