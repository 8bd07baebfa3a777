//! Watches the schema file: whatever it says, once it has stopped changing, is offered to the
//! registry's actor. Started by the shell, ends with it.
//!
//! The content is read every second. That sees every way in which files change: written in place,
//! renamed over, a symbolic link switched (as Kubernetes does with a ConfigMap), on a network file
//! system or behind a bind mount; and it needs nothing of the system that could be missing or
//! full. A schema is 1 MiB at most.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use meshwork_schema::limits::SCHEMA_BYTES_MAX;
use meshwork_schema::{Schema, SchemaFormat};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::registry::actor::{FileRefused, OfferFile, RegistryActor};

/// How often the file is read.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a schema is offered again that would break what runs: that may have ended meanwhile.
const AGAIN_EVERY: Duration = Duration::from_secs(5);

/// What reading the file gave: its bytes, or what the system said.
type Content = Result<Vec<u8>, String>;

/// Watches until the registry's actor is gone; `asked` looks at once, and trusts what is there.
pub(crate) async fn watch(path: PathBuf, registry: Addr<RegistryActor>, asked: Arc<Notify>) {
    let mut looks = Looks::default();
    while registry.connected() {
        let is_asked = tokio::select! {
            biased;
            () = asked.notified() => true,
            () = tokio::time::sleep(LOOK_EVERY) => false,
        };
        let file = path.clone();
        let Ok(content) = tokio::task::spawn_blocking(move || read(&file)).await else { return };
        let Some(content) = looks.look(content, is_asked, Instant::now()) else { continue };
        let Some(is_waiting) = offer(&path, content, &registry).await else { return };
        looks.decided(is_waiting, Instant::now());
    }
}

/// Reads one byte more than a schema may have, so that a huge file is refused and not read.
fn read(path: &Path) -> Content {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SCHEMA_BYTES_MAX as u64 + 1).read_to_end(&mut content))
        .map(|_| content)
        .map_err(|error| format!("{}: cannot read the schema: {error}", path.display()))
}

/// Tells whether what runs stands in its way; nothing once the actor is gone.
async fn offer(path: &Path, content: &Content, registry: &Addr<RegistryActor>) -> Option<bool> {
    let schema = content.as_ref().map_err(Clone::clone).and_then(|content| {
        Schema::from_bytes(SchemaFormat::of(path), content).map_err(|errors| {
            errors.render(&path.display().to_string(), &String::from_utf8_lossy(content))
        })
    });
    match schema {
        Ok(schema) => registry.send(OfferFile(Arc::new(schema))).await.ok(),
        Err(report) => registry.send(FileRefused(report)).await.ok().map(|()| false),
    }
}

/// What was seen in the file so far, without the file.
#[derive(Debug, Default)]
struct Looks {
    /// At the last look.
    last: Option<Content>,
    /// What was offered last, and when to offer it again.
    offered: Option<(Content, Option<Instant>)>,
}

impl Looks {
    /// Gives what is to be offered now: what has stayed the same for two looks, or is asked for.
    fn look(&mut self, content: Content, is_asked: bool, now: Instant) -> Option<&Content> {
        let is_steady = self.last.as_ref() == Some(&content);
        self.last = Some(content);
        let last = self.last.as_ref()?;
        let is_due = match &self.offered {
            Some((offered, again)) if offered == last => again.is_some_and(|again| again <= now),
            Some(_) | None => is_steady,
        };
        if !is_due && !is_asked {
            return None;
        }
        self.offered = Some((last.clone(), None));
        self.last.as_ref()
    }

    /// What was just offered may have to wait for what runs to end.
    fn decided(&mut self, is_waiting: bool, now: Instant) {
        if let Some((_, again)) = &mut self.offered {
            *again = is_waiting.then(|| now + AGAIN_EVERY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Content {
        Ok(text.as_bytes().to_vec())
    }

    #[test]
    fn what_is_half_written_is_not_offered() {
        let (mut looks, now) = (Looks::default(), Instant::now());
        assert_eq!(looks.look(bytes("[gate"), false, now), None);
        assert_eq!(looks.look(bytes("[gateway]"), false, now), None, "it still changes");
        assert_eq!(looks.look(bytes("[gateway]"), false, now), Some(&bytes("[gateway]")));
        looks.decided(false, now);
        assert_eq!(looks.look(bytes("[gateway]"), false, now), None, "it was offered");
        // An editor that removes and writes: the gap is no news, a file that stays away is.
        let gone = || Err("no such file".to_owned());
        assert_eq!(looks.look(gone(), false, now), None);
        assert_eq!(looks.look(bytes("[gateway]"), false, now), None);
        assert_eq!(looks.look(gone(), false, now), None);
        assert_eq!(looks.look(gone(), false, now), Some(&gone()));
        looks.decided(false, now);
        assert_eq!(looks.look(gone(), false, now), None, "it was told once");
    }

    #[test]
    fn what_waits_for_others_is_offered_again() {
        let (mut looks, now) = (Looks::default(), Instant::now());
        looks.look(bytes("a"), false, now);
        assert!(looks.look(bytes("a"), false, now).is_some());
        looks.decided(true, now);
        assert_eq!(looks.look(bytes("a"), false, now), None);
        assert!(looks.look(bytes("a"), false, now + AGAIN_EVERY).is_some());
        looks.decided(false, now);
        assert_eq!(looks.look(bytes("a"), false, now + AGAIN_EVERY * 2), None);
    }

    #[test]
    fn whoever_asks_vouches_for_what_is_there() {
        let (mut looks, now) = (Looks::default(), Instant::now());
        assert!(looks.look(bytes("a"), true, now).is_some());
        looks.decided(false, now);
        assert!(looks.look(bytes("a"), true, now).is_some(), "also a second time");
    }
}
