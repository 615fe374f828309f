//! The source against a real broker: what it publishes is read by a plain MQTT client and checked by
//! recomputation; the program is the real one, killed for real.

mod asked;
mod world;

mod answers;
mod buckets;
mod doctor;
mod enrolling;
mod files;
mod restart;
mod store;
mod stream;
