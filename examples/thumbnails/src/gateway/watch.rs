//! Which pictures of a folder are new, for a gateway that stays and looks at it again and again.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the folder is looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What tells a file from a later one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    /// When it was written, seconds and nanoseconds, by whatever clock its folder has.
    written: (i64, i64),
}

/// What was seen of a folder.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Pictures that were handed out, as they were then.
    done: BTreeMap<PathBuf, Stamp>,
    /// All pictures as they were at the last look.
    last: BTreeMap<PathBuf, Stamp>,
}

impl Stamp {
    /// The stamp of a file as it is now; `None` if it is gone.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let written = (metadata.mtime(), metadata.mtime_nsec());
        Some(Self { bytes: metadata.len(), written })
    }
}

impl Watch {
    /// Takes pictures for done, as they are.
    pub fn skip(&mut self, pictures: impl IntoIterator<Item = (PathBuf, Stamp)>) {
        self.done.extend(pictures);
    }

    /// What is in the folder now; answers which pictures are to be done. One that is new, or is not
    /// what it was, is handed out once it was the same twice: before that, somebody may still be
    /// copying it.
    pub fn look(&mut self, now: BTreeMap<PathBuf, Stamp>) -> Vec<PathBuf> {
        self.done.retain(|path, _| now.contains_key(path));
        let ready = |(path, stamp): &(&PathBuf, &Stamp)| {
            self.done.get(*path) != Some(stamp) && self.last.get(*path) == Some(stamp)
        };
        let ready: Vec<_> =
            now.iter().filter(ready).map(|(path, stamp)| (path.clone(), *stamp)).collect();
        self.done.extend(ready.iter().cloned());
        self.last = now;
        ready.into_iter().map(|(path, _)| path).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(files: &[(&str, u64)]) -> BTreeMap<PathBuf, Stamp> {
        let stamp = |bytes| Stamp { bytes, written: (0, 0) };
        files.iter().map(|(name, bytes)| (PathBuf::from(name), stamp(*bytes))).collect()
    }

    #[test]
    fn a_picture_is_done_once_it_no_longer_grows_and_again_when_it_changes() {
        let mut watch = Watch::default();
        watch.skip(seen(&[("old.png", 9)]));
        assert!(watch.look(seen(&[("old.png", 9), ("new.png", 1)])).is_empty());
        assert!(watch.look(seen(&[("old.png", 9), ("new.png", 2)])).is_empty(), "it grows");
        let ready = watch.look(seen(&[("old.png", 9), ("new.png", 2)]));
        assert_eq!(ready, [Path::new("new.png")]);
        assert!(watch.look(seen(&[("old.png", 9), ("new.png", 2)])).is_empty(), "only once");
        watch.look(seen(&[("old.png", 8)]));
        let ready = watch.look(seen(&[("old.png", 8)]));
        assert_eq!(ready, [Path::new("old.png")], "it is another one now");
    }
}
