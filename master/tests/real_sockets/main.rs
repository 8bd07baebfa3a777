//! The master as the world meets it: over real sockets, one file for each side of it.

#[cfg(test)]
mod crowd;
#[cfg(test)]
mod holders;
#[cfg(test)]
mod http;
#[cfg(test)]
mod joining;
mod queue_roots;
#[cfg(test)]
mod schema_changes;
#[cfg(test)]
mod support;
#[cfg(test)]
mod viewers;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod web;
