//! A fresh clone of the repository, as far as `docker compose up` needs it once there is an image.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::workspace;

/// The file that says what is mounted.
const COMPOSE: &str = "docker-compose.yml";

/// Where thumbnails land. What others have put there is no part of a fresh clone, this is:
const OUT: &str = "examples/thumbnails/out";
const IN_OUT: &str = "examples/thumbnails/out/.gitignore";

/// The pictures that come with the example.
const PICTURES: &str = "examples/thumbnails/pictures";

/// Who cloned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Whoever runs this.
    Ourselves,
    /// This user, if we may give files away; else ourselves.
    User(u32),
}

/// The folder of a clone; gone when dropped.
#[derive(Debug)]
pub(super) struct Clone {
    folder: TempDir,
    /// Whose it is, if not ours.
    pub(super) user: Option<u32>,
    /// Pictures in it.
    pub(super) pictures: usize,
}

impl Clone {
    /// Copies what is needed.
    ///
    /// # Errors
    /// A file cannot be copied.
    pub(super) fn fresh(owner: Owner) -> Result<Self, String> {
        let broken = |error: std::io::Error| format!("a clone cannot be made: {error}");
        let folder = tempfile::Builder::new().prefix("meshwork-e2e-").tempdir().map_err(broken)?;
        let (from, to) = (workspace::root(), folder.path());
        let compose = fs::read_to_string(from.join(COMPOSE)).map_err(broken)?;
        let mut files = vec![PathBuf::from(COMPOSE), PathBuf::from(IN_OUT)];
        for source in mounted(&compose).filter(|source| *source != OUT) {
            add_files(&from, Path::new(source), &mut files).map_err(broken)?;
        }
        // Two services may mount the same.
        files.sort();
        files.dedup();
        for file in &files {
            let target = to.join(file);
            let parent = target.parent().unwrap_or(to);
            fs::create_dir_all(parent).map_err(broken)?;
            fs::copy(from.join(file), &target).map_err(broken)?;
        }
        let pictures = files.iter().filter(|file| file.starts_with(PICTURES)).count();
        let user = match owner {
            Owner::User(user) if geteuid().is_root() => Some(user),
            Owner::User(_) | Owner::Ourselves => None,
        };
        if let Some(user) = user {
            give(to, user).map_err(broken)?;
        }
        Ok(Self { folder, user, pictures })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where thumbnails land.
    pub(super) fn out(&self) -> PathBuf {
        self.path().join(OUT)
    }

    /// Who must be the owner of what is in it.
    pub(super) fn uid(&self) -> u32 {
        self.user.unwrap_or_else(|| geteuid().as_raw())
    }
}

/// What a compose file mounts of its own folder.
fn mounted(compose: &str) -> impl Iterator<Item = &str> {
    let sources = compose.lines().filter_map(|line| line.trim().strip_prefix("- ./"));
    sources.filter_map(|line| line.split(':').next())
}

/// Adds the file `path` below `root`, or all files in that folder.
fn add_files(root: &Path, path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !root.join(path).is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(root.join(path))? {
        add_files(root, &path.join(entry?.file_name()), files)?;
    }
    Ok(())
}

fn give(path: &Path, user: u32) -> std::io::Result<()> {
    chown(path, Some(user), Some(user))?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), user)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_has_all_that_compose_mounts() {
        let clone = Clone::fresh(Owner::Ourselves).unwrap();
        let pictures = fs::read_dir(workspace::root().join(PICTURES)).unwrap().count();
        assert_eq!(clone.pictures, pictures);
        let compose = fs::read_to_string(clone.path().join(COMPOSE)).unwrap();
        let sources: Vec<&str> = mounted(&compose).collect();
        assert!(sources.contains(&OUT) && sources.contains(&PICTURES), "{sources:?}");
        for source in sources {
            assert!(clone.path().join(source).exists(), "{source}");
        }
    }
}
