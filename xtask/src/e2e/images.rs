//! Images with the programs of this checkout.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::engine::{Engine, docker};
use crate::process::{self, cargo, program};
use crate::signals::Trouble;
use crate::workspace;

/// Longest build of an image from programs that are there.
const PREBUILT_WITHIN: Duration = Duration::from_secs(900);

/// Longest build of an image from source.
const SOURCE_WITHIN: Duration = Duration::from_secs(3600);

/// The programs of the images: in which, what they are called, and the links to them.
const PROGRAMS: [(&str, &str, &[&str]); 2] = [
    ("meshwork", "meshwork", &[]),
    ("thumbnails", "thumbnails", &["thumbnailer", "gateway", "load"]),
];

/// Where programs are put for the engine to take them; `.dockerignore` lets it pass.
const PREBUILT: &str = "target/docker";

/// An image that is taken away when this is dropped.
#[derive(Debug)]
pub(super) struct Image<'e> {
    engine: &'e Engine,
    /// Its name.
    pub(super) name: String,
}

impl<'e> Image<'e> {
    /// Makes the image of the thumbnails example under `name`. Unless `from_source`, it takes the
    /// programs that cargo builds here, as the tests do, which is a matter of seconds.
    ///
    /// # Errors
    /// It cannot be built, or its programs do not run in it.
    pub(super) fn thumbnails(
        engine: &'e Engine,
        name: &str,
        from_source: bool,
    ) -> Result<Self, Trouble> {
        let mut build = docker(&["build", "--target", "thumbnails", "--tag", name]);
        let image = Self { engine, name: name.to_owned() };
        if from_source {
            engine.run(build.arg("."), SOURCE_WITHIN)?;
        } else {
            read_manifests(engine)?;
            let folder = provide(name)?;
            let from = format!("PREBUILT={}", folder.display());
            build.args(["--build-arg", "BINARIES=prebuilt", "--build-arg", &from, "."]);
            let built = engine.run(&mut build, PREBUILT_WITHIN);
            // The image has them.
            let _ = fs::remove_dir_all(workspace::root().join(&folder));
            built?;
        }
        let version = engine.ask(&["run", "--rm", "--network=none", name, "meshwork", "--version"]);
        version.map_err(|error| match error {
            Trouble::Failed(why) => Trouble::Failed(format!(
                "the programs of this machine do not run in the image; build it from source with \
                 --from-source\n{why}"
            )),
            interrupted => interrupted,
        })?;
        Ok(image)
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        self.engine.tidy(&mut docker(&["image", "rm", "--force", &self.name]), PREBUILT_WITHIN);
    }
}

/// Has cargo in an image read the manifests as an image has them, without our tests: a build from
/// source, which is too long for here, would begin with that.
fn read_manifests(engine: &Engine) -> Result<(), Trouble> {
    let mut build = docker(&["build", "--quiet", "--target", "skeleton", "."]);
    let made = engine.run(&mut build, PREBUILT_WITHIN)?.out;
    engine.tidy(&mut docker(&["image", "rm", "--force", made.trim()]), PREBUILT_WITHIN);
    Ok(())
}

/// Builds the programs and puts them where the Dockerfile takes them; answers where that is, below
/// the root of the repository.
fn provide(name: &str) -> Result<PathBuf, Trouble> {
    let packages = ["build", "--package", "meshwork", "--package", "thumbnails", "--bins"];
    let built = process::build(cargo(&packages))?;
    let folder = Path::new(PREBUILT).join(name.replace([':', '/'], "-"));
    let root = workspace::root().join(&folder);
    for (image, name, links) in PROGRAMS {
        let from = built.get(name).ok_or_else(|| format!("cargo built no program `{name}`"))?;
        let into = root.join(image).join("usr/local/bin");
        let broken = |error| format!("{}: {error}", into.display());
        fs::create_dir_all(&into).map_err(broken)?;
        put(from, &into.join(name))?;
        for link in links {
            symlink(name, into.join(link)).map_err(broken)?;
        }
    }
    Ok(folder)
}

/// Copies a program, without what only a debugger reads where that can be taken away.
fn put(from: &Path, to: &Path) -> Result<(), String> {
    let stripped = process::find("strip").is_some()
        && process::succeeds(program("strip").arg("-o").args([to, from]));
    if stripped {
        return Ok(());
    }
    fs::copy(from, to).map(|_| ()).map_err(|error| format!("{}: {error}", from.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_given_every_member_of_the_workspace() {
        let read = |name| fs::read_to_string(workspace::root().join(name)).unwrap();
        let (manifest, given) = (read("Cargo.toml"), read(".dockerignore"));
        let list = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
        let members: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert!(members.contains(&"cli") && members.len() > 10, "{members:?}");
        for member in members {
            let is_given = given
                .lines()
                .filter_map(|line| line.strip_prefix('!'))
                .any(|folder| Path::new(member).starts_with(folder));
            // Without its manifest cargo in the image knows no workspace.
            assert!(is_given, "`!{member}` is missing in .dockerignore");
        }
    }
}
