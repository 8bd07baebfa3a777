//! Bounds and times of the peers, with their units.

use std::time::Duration;

/// Peers that are known at a time, by the view or by a link. A link of one more is closed with
/// `NotReady`; a member more is not taken in.
pub(super) const PEERS_MAX: usize = meshwork_shared::protocol::limits::MEMBERS_MAX;

/// Dials under way at a time; further ones wait for one of them to end.
pub(super) const DIALS_MAX: usize = 64;

/// Incarnations that are remembered as gone for good. At the bound the lowest is forgotten: it is
/// the one that went first.
pub(super) const DEPARTED_MAX: usize = 4096;

/// Revoked serials that are remembered; at the bound the lowest is forgotten. The handshake's own
/// list refuses them too: this one is for links whose handshake was faster than the news.
pub(super) const REVOKED_MAX: usize = meshwork_shared::protocol::limits::REVOCATIONS_MAX;

/// The first wait after a lost link or a failed dial, at most.
pub(super) const REDIAL_MIN: Duration = Duration::from_millis(100);

/// The longest wait between dials.
pub(super) const REDIAL_MAX: Duration = Duration::from_secs(10);

/// The first wait after the other end said that it does not want the link, at most.
pub(super) const DENIED_MIN: Duration = Duration::from_secs(5);

/// The longest wait after the other end said so time and again.
pub(super) const DENIED_MAX: Duration = Duration::from_secs(60);

/// How long a link must have lived for its loss to count as a first failure. A shorter one would
/// make an endless quick loop of links that are accepted and dropped.
pub(super) const LINK_STEADY: Duration = Duration::from_secs(1);

/// How long a retired link stays at least: calls that the other end sent before it knew of the
/// kept one are on their way.
pub(super) const RETIRED_GRACE: Duration = Duration::from_secs(2);
