//! A fresh clone of the repository, as far as `docker compose up` needs it once there is an image.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::workspace;

/// What Compose mounts, and its own file.
const FILES: [&str; 4] = [
    "docker-compose.yml",
    "docker/first-start.sh",
    "examples/thumbnails/mesh.toml",
    "examples/thumbnails/out/.gitignore",
];

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
        let mut files: Vec<PathBuf> = FILES.iter().map(PathBuf::from).collect();
        for entry in fs::read_dir(from.join(PICTURES)).map_err(broken)? {
            files.push(Path::new(PICTURES).join(entry.map_err(broken)?.file_name()));
        }
        for file in &files {
            let target = to.join(file);
            let parent = target.parent().unwrap_or(to);
            fs::create_dir_all(parent).map_err(broken)?;
            fs::copy(from.join(file), &target).map_err(broken)?;
        }
        let user = match owner {
            Owner::User(user) if geteuid().is_root() => Some(user),
            Owner::User(_) | Owner::Ourselves => None,
        };
        if let Some(user) = user {
            give(to, user).map_err(broken)?;
        }
        Ok(Self { folder, user, pictures: files.len() - FILES.len() })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where thumbnails land.
    pub(super) fn out(&self) -> PathBuf {
        self.path().join("examples/thumbnails/out")
    }

    /// Who must be the owner of what is in it.
    pub(super) fn uid(&self) -> u32 {
        self.user.unwrap_or_else(|| geteuid().as_raw())
    }
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
        assert!(clone.pictures >= 12);
        for file in FILES {
            assert!(clone.path().join(file).is_file(), "{file}");
        }
        let compose = fs::read_to_string(clone.path().join(FILES[0])).unwrap();
        let mounted = compose.lines().filter_map(|line| line.trim().strip_prefix("- ./"));
        for source in mounted.filter_map(|line| line.split(':').next()) {
            assert!(clone.path().join(source).exists(), "{source}");
        }
    }
}
