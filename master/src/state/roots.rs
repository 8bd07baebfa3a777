//! The queue roots as a file, a line each, oldest first; replaced as a whole.

use std::io::ErrorKind;
use std::path::Path;

use meshwork_shared::identity::{KeyFileError, key_file};
use meshwork_shared::protocol::limits::QUEUE_ROOTS_MAX;
use meshwork_shared::random::Random;
use meshwork_shared::secret::QueueRoot;
use zeroize::Zeroizing;

use super::StateError;

/// The roots in the file, made if there is none.
pub(super) fn load_or_create(
    path: &Path,
    unix_ms: u64,
    random: &Random,
) -> Result<Vec<QueueRoot>, StateError> {
    match key_file::read(path) {
        Err(KeyFileError::Missing { .. }) => {}
        read => return parse(path, &read?),
    }
    let roots = vec![QueueRoot::generate(unix_ms, random)];
    match key_file::create(path, &text(&roots), random) {
        Ok(()) => Ok(roots),
        // Another process was quicker; its root counts.
        Err(KeyFileError::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
            parse(path, &key_file::read(path)?)
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn write(path: &Path, roots: &[QueueRoot], random: &Random) -> Result<(), StateError> {
    Ok(key_file::replace(path, &text(roots), random)?)
}

fn text(roots: &[QueueRoot]) -> Zeroizing<String> {
    // Reserved at once: a string that grows leaves copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(key_file::KEY_FILE_BYTES_MAX as usize));
    for root in roots {
        text.push_str(&root.expose_text());
        text.push('\n');
    }
    text
}

fn parse(path: &Path, text: &str) -> Result<Vec<QueueRoot>, StateError> {
    let damaged = |line| StateError::RootsDamaged { path: path.into(), line };
    let mut roots: Vec<QueueRoot> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let root = QueueRoot::parse(line).map_err(|_| damaged(at + 1))?;
        let is_next = roots.last().is_none_or(|before| before.epoch() < root.epoch());
        if !is_next || roots.len() == QUEUE_ROOTS_MAX {
            return Err(damaged(at + 1));
        }
        roots.push(root);
    }
    if roots.is_empty() { Err(damaged(1)) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_survive_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, random) = (folder.path().join("queue.roots"), Random::seeded(1));
        let first = load_or_create(&path, 1000, &random).unwrap();
        assert_eq!(load_or_create(&path, 2000, &random).unwrap(), first);
        let mut many = first;
        while many.len() < QUEUE_ROOTS_MAX {
            many.push(QueueRoot::generate(2000 + many.len() as u64, &random));
        }
        write(&path, &many, &random).unwrap();
        assert_eq!(load_or_create(&path, 3000, &random).unwrap(), many);
        let broken =
            |text: &str| matches!(parse(&path, text), Err(StateError::RootsDamaged { .. }));
        let whole = text(&many);
        let lines: Vec<&str> = whole.lines().collect();
        assert!(broken("") && broken("\n") && broken(&whole[..whole.len() - 3]));
        assert!(broken(&format!("{}\n{}\n", lines[1], lines[0])));
        assert!(broken(&format!("{}\n{}\n", lines[0], lines[0])));
        many.push(QueueRoot::generate(9000, &random));
        assert!(broken(&text(&many)));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone_also_when_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, random) = (folder.path().join("queue.roots"), Random::seeded(1));
        let roots = load_or_create(&path, 1000, &random).unwrap();
        write(&path, &roots, &random).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refused = load_or_create(&path, 1000, &random).unwrap_err();
        assert!(matches!(refused, StateError::Key(KeyFileError::Wide { .. })), "{refused}");
    }
}
