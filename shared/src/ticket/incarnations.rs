//! The highest incarnation seen of every variant: what tells a leftover from its successor.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_schema::{Variant, WorkerName};

use crate::ids::Incarnation;

/// Most variants that are remembered at a time.
pub const INCARNATIONS_MAX: usize = 65_536;

/// A worker and its variant.
type Instance = (WorkerName, Variant);

/// The highest incarnation seen of every variant. At its bound it forgets the variant with the
/// lowest: incarnations are times of admission, so that is the one whose tickets ended first.
#[derive(Clone, Debug, Default)]
pub struct Incarnations {
    highest: BTreeMap<Instance, Incarnation>,
    by_age: BTreeSet<(Incarnation, Instance)>,
}

impl Incarnations {
    /// The highest one seen of this variant.
    pub fn highest(&self, worker: &WorkerName, variant: &Variant) -> Option<Incarnation> {
        self.highest.get(&(worker.clone(), variant.clone())).copied()
    }

    /// Remembers that `seen` was met; a lower one than before changes nothing.
    pub fn observe(&mut self, worker: &WorkerName, variant: &Variant, seen: Incarnation) {
        let instance = (worker.clone(), variant.clone());
        match self.highest.get(&instance) {
            Some(highest) if *highest >= seen => return,
            Some(highest) => {
                self.by_age.remove(&(*highest, instance.clone()));
            }
            None if self.highest.len() >= INCARNATIONS_MAX => self.forget_oldest(),
            None => {}
        }
        self.highest.insert(instance.clone(), seen);
        self.by_age.insert((seen, instance));
    }

    /// How many variants are remembered.
    pub fn len(&self) -> usize {
        self.highest.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.highest.is_empty()
    }

    fn forget_oldest(&mut self) {
        if let Some((_, instance)) = self.by_age.pop_first() {
            self.highest.remove(&instance);
        }
    }
}
