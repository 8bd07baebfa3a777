//! The whole mesh in one process, under virtual time, from a seed: the real master and the real
//! workers on simulated hosts, with faults, a load of calls, and a checker that compares what
//! callers were told with what really ran. It is no part of the product; the product knows nothing
//! of it but its seams (sockets, clocks, randomness).
//!
//! # Layout
//! * [`campaign`]: many runs; [`run`]: one, from its plan to the verdict
//! * [`scenario`]: what is done to the mesh, filled in by the draws of a seed; `plan` is the result
//! * `mesh`: the hosts, their processes, and what they ask of each other
//! * [`journal`]: what really happened, kept outside of the hosts
//! * [`checker`]: the promises, held against the journal
//! * [`tally`]: how often what happened
//! * `draw`, `virtual_time`, `tasks`, `observe`: chance, time, commands, panics and log
//!
//! ```no_run
//! use meshwork_simulation::run::Run;
//! use meshwork_simulation::scenario::Scenario;
//!
//! let scenario = Scenario::find("master-crash").expect("it is in the list");
//! let verdict = Run { scenario, seed: 42, traced: false }.run();
//! assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
//! ```
#![forbid(unsafe_code)]

pub mod campaign;
pub mod checker;
mod draw;
pub mod journal;
mod mesh;
mod observe;
mod plan;
pub mod run;
pub mod scenario;
pub mod tally;
mod tasks;
mod virtual_time;
