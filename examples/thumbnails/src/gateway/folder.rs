//! Which files of a folder are pictures.

use std::io;
use std::path::{Path, PathBuf};

/// Endings of files that are taken for pictures, in small letters.
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// What is in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Its pictures, by name. Folders in it are not looked into.
    pub pictures: Vec<PathBuf>,
    /// How many other files it has; they are left alone.
    pub others: usize,
}

/// Lists a folder.
///
/// # Errors
/// It cannot be read.
pub fn list(folder: &Path) -> io::Result<Folder> {
    let mut found = Folder::default();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            continue;
        }
        let ending = path.extension().and_then(|ending| ending.to_str());
        let is_picture = ending
            .is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)));
        if is_picture {
            found.pictures.push(path);
        } else {
            found.others += 1;
        }
    }
    found.pictures.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_told_by_their_ending() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.JPG", "a.png", "c.jpeg", "notes.txt", "png"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        std::fs::create_dir(folder.path().join("more.png")).unwrap();
        let found = list(folder.path()).unwrap();
        let names = found.pictures.iter().map(|path| path.file_name().unwrap().to_str().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["a.png", "b.JPG", "c.jpeg"]);
        assert_eq!(found.others, 2);
        assert!(list(&folder.path().join("nowhere")).is_err());
    }
}
