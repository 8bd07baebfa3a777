//! Who is linked to whom. Both ends report a link; it is there while one of them says so, because
//! the other one may not have reported yet, or has no link to the master.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_shared::protocol::MemberKey;

use crate::events::EventKind;

/// Links of one member that come or go with one report and are told one by one; more are told as a
/// number, so that one member of a large mesh does not push all else out of the history.
const TOLD_ONE_BY_ONE: usize = 16;

/// Links that are kept, of all members; more are not shown.
const LINKS_MAX: usize = 200_000;

type Pair = (MemberKey, MemberKey);

/// Who is linked to whom.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// What each member said last.
    said: BTreeMap<MemberKey, BTreeSet<MemberKey>>,
    /// How many ends say so: one or both.
    pairs: BTreeMap<Pair, u8>,
}

impl Links {
    /// A member is linked to these now; tells what changed by that.
    pub(super) fn replace(
        &mut self,
        key: &MemberKey,
        peers: BTreeSet<MemberKey>,
    ) -> Vec<EventKind> {
        let before = self.said.remove(key).unwrap_or_default();
        let mut changes = Vec::new();
        for peer in peers.difference(&before) {
            if self.pairs.len() >= LINKS_MAX && !self.pairs.contains_key(&pair(key, peer)) {
                continue;
            }
            let ends = self.pairs.entry(pair(key, peer)).or_default();
            *ends += 1;
            if *ends == 1 {
                changes.push((true, peer.clone()));
            }
        }
        for peer in before.difference(&peers) {
            if self.drop_end(key, peer) {
                changes.push((false, peer.clone()));
            }
        }
        if !peers.is_empty() {
            self.said.insert(key.clone(), peers);
        }
        told(key, changes)
    }

    /// What a member said no longer counts.
    pub(super) fn forget(&mut self, key: &MemberKey) -> Vec<EventKind> {
        self.replace(key, BTreeSet::new())
    }

    /// All links, each once.
    pub(super) fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.keys()
    }

    /// One end no longer says so; true if none does.
    fn drop_end(&mut self, key: &MemberKey, peer: &MemberKey) -> bool {
        let pair = pair(key, peer);
        // One that was left out for want of room is not there.
        let Some(ends) = self.pairs.get_mut(&pair) else { return false };
        *ends -= 1;
        let is_gone = *ends == 0;
        if is_gone {
            self.pairs.remove(&pair);
        }
        is_gone
    }
}

/// A link has no direction: the same pair from both ends.
fn pair(a: &MemberKey, b: &MemberKey) -> Pair {
    if a <= b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) }
}

fn told(member: &MemberKey, changes: Vec<(bool, MemberKey)>) -> Vec<EventKind> {
    if changes.len() > TOLD_ONE_BY_ONE {
        let up = changes.iter().filter(|(is_up, _)| *is_up).count();
        let down = changes.len() - up;
        return vec![EventKind::LinksChanged { member: member.clone(), up, down }];
    }
    let told = changes.into_iter().map(|(is_up, peer)| match is_up {
        true => EventKind::LinkUp { member: member.clone(), peer },
        false => EventKind::LinkDown { member: member.clone(), peer },
    });
    told.collect()
}
