//! A steady load of calls and jobs, and what became of each: for looking at a mesh while parts of
//! it are stopped, replaced or cut off.
//!
//! * [`plan`]: how much of what, and with which pictures
//! * [`work`]: one call or job, until its end is known
//! * [`steady`]: so many of them each second, a bounded number at a time
//! * [`figures`]: what is counted, and the line of JSON that tells it

pub mod figures;
pub mod plan;
pub mod steady;
pub mod work;
