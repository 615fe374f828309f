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
//!
//! What is absent: paging, TLS, weekly profiles, and any persistence; a stopped PACS forgets.

mod api;
mod children;
mod clock;
mod control;
mod effects;
mod elements;
mod faults;
mod handle;
mod ids;
mod request;
mod server;
mod shared;
mod world;

pub use effects::{Act, EFFECTS_MAX, Effect, Via, What};
pub use elements::{AccessElement, ElementType};
pub use faults::{FAULTS_MAX, Fault, FaultId, FaultKind, FaultsFull, Match};
pub use handle::{Handle, Login, Options, Pacs, PacsError};
pub use world::{PersonView, Refusal, World};
