//! The whole example as `cargo xtask demo` runs it: real processes, real pictures, real signals.
#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Cursor};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};
use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use serde::Deserialize;
use thumbnails::check::verify;
use thumbnails::limits::MESSAGE_BYTES_MAX;
use thumbnails::picture::Size;

/// What thumbnails fit into unless the gateway is told otherwise.
const WITHIN: Size = Size { width: 320, height: 320 };

/// The last line of `cargo xtask demo --json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    pictures: usize,
    thumbnails: usize,
    failed: usize,
    workers: BTreeMap<String, u64>,
    pids: Vec<i32>,
    contact_sheet: PathBuf,
}

/// `cargo xtask demo`, in a process group of its own, as a shell would start it.
fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--package", "xtask", "--", "demo"]).args(arguments);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).process_group(0).stdin(Stdio::null());
    command
}

fn line_of(output: &Output) -> Line {
    let printed = String::from_utf8_lossy(&output.stdout);
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| {
        panic!("{error} in {last:?}\n{}", String::from_utf8_lossy(&output.stderr))
    })
}

/// Noise with a gradient below it, which no format can make small, as the grain of a camera.
fn grainy(width: u32, height: u32, seed: u32) -> RgbImage {
    let mut state = seed;
    RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = state >> 26;
        let shade = |edge: u32, at: u32| (30 + 150 * at / edge + grain) as u8;
        image::Rgb([shade(width, x), shade(height, y), shade(width + height, x + y)])
    })
}

fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut file = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut file, quality)).unwrap();
    file
}

fn png(picture: &RgbImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

fn is_alive(pid: i32) -> bool {
    test_kill_process(Pid::from_raw(pid).unwrap()).is_ok()
}

/// Whether the thumbnail of a picture is there and is one of it.
fn is_done(picture: &Path, out: &Path) -> bool {
    let name = format!("{}.png", picture.file_name().unwrap().to_str().unwrap());
    let Ok(thumbnail) = fs::read(out.join("thumbnails").join(name)) else { return false };
    verify(&fs::read(picture).unwrap(), &thumbnail, WITHIN).is_ok()
}

#[test]
fn all_pictures_of_the_repository_are_done_by_processes_of_their_own() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().to_str().unwrap();
    let output = demo(&["--json", "--out", path]).output().unwrap();
    let line = line_of(&output);
    assert!(output.status.success(), "{line:?}");
    assert_eq!((line.pictures, line.thumbnails, line.failed), (12, 12, 0));
    assert_eq!(line.workers.values().copied().collect::<Vec<_>>(), [4, 4, 4], "in turn");
    let distinct: BTreeSet<_> = line.pids.iter().collect();
    assert_eq!(distinct.len(), 5, "a master, three thumbnailers, a gateway: {:?}", line.pids);
    assert!(!line.pids.iter().any(|pid| is_alive(*pid)), "one of {:?} lives on", line.pids);
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("pictures");
    for entry in fs::read_dir(pictures).unwrap() {
        let picture = entry.unwrap().path();
        assert!(is_done(&picture, out.path()), "{}", picture.display());
    }
    let sheet = image::open(line.contact_sheet).unwrap();
    assert!(sheet.width() > 1000 && sheet.height() > 700);
}

#[test]
fn a_camera_s_picture_is_done_and_what_cannot_be_done_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    fs::create_dir(&pictures).unwrap();
    let write = |name: &str, content: &[u8]| fs::write(pictures.join(name), content).unwrap();
    let camera = jpeg(&grainy(5200, 3900, 1), 100);
    assert!(camera.len() > 20 << 20, "a camera's picture has {} bytes", camera.len());
    write("camera.jpg", &camera);
    let small = png(&grainy(200, 100, 2));
    write("small.png", &small);
    write("broken.png", &small[..small.len() / 2]);
    write("text.jpg", b"not a picture at all");
    write("notes.txt", b"left alone");
    let large = fs::File::create(pictures.join("large.png")).unwrap();
    large.set_len(MESSAGE_BYTES_MAX as u64 + 1).unwrap();

    let out = folder.path().join("out");
    let (from, to) = (pictures.to_str().unwrap(), out.to_str().unwrap());
    let arguments = ["--json", "--thumbnailers", "2", "--pictures", from, "--out", to];
    let output = demo(&arguments).output().unwrap();
    let line = line_of(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((line.pictures, line.thumbnails, line.failed), (5, 2, 3));
    assert!(is_done(&pictures.join("camera.jpg"), &out));
    assert!(is_done(&pictures.join("small.png"), &out));
    let said = String::from_utf8_lossy(&output.stderr);
    let line_about = |name: &str| {
        let mut lines = said.lines().filter(|line| line.starts_with(name));
        let line = lines.next().unwrap_or_else(|| panic!("nothing about {name} in:\n{said}"));
        assert_eq!(lines.next(), None, "one line is enough for {name}");
        line.to_owned()
    };
    assert!(line_about("broken.png").contains("damaged"), "{said}");
    assert!(line_about("text.jpg").contains("neither JPEG nor PNG"), "{said}");
    let large =
        "large.png: 64.0 MiB is over the limit of 64.0 MiB for a picture, so it was not sent";
    assert_eq!(line_about("large.png"), large);
    assert!(line_about("1 other file").contains("left alone"), "{said}");
    assert!(!line.pids.iter().any(|pid| is_alive(*pid)), "one of {:?} lives on", line.pids);
}

/// A demo in the middle of work that would go on for a while.
struct Working {
    demo: Child,
    /// Those that it has started, in the order in which it says so: master, thumbnailers, gateway.
    pids: Vec<i32>,
    /// What it prints from here on.
    printed: std::io::Lines<BufReader<std::process::ChildStdout>>,
    folder: tempfile::TempDir,
}

const PICTURES: usize = 120;

impl Working {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pictures = folder.path().join("pictures");
        fs::create_dir(&pictures).unwrap();
        for nth in 0..PICTURES {
            // Each another one, or it would be on the shelf.
            let content = jpeg(&grainy(640, 480, nth as u32), 60);
            fs::write(pictures.join(format!("{nth:03}.jpg")), content).unwrap();
        }
        let out = folder.path().join("out");
        let (from, to) = (pictures.to_str().unwrap(), out.to_str().unwrap());
        let mut command = demo(&["--pictures", from, "--out", to]);
        let mut demo = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut printed = BufReader::new(demo.stdout.take().unwrap()).lines();
        let mut pids = Vec::new();
        while pids.len() < 5 {
            let line = printed.next().expect("the demo starts five processes").unwrap();
            let mut words = line.split_whitespace().skip_while(|word| *word != "pid");
            pids.extend(words.nth(1).map(|pid| pid.parse::<i32>().unwrap()));
        }
        while fs::read_dir(out.join("thumbnails")).map_or(0, Iterator::count) == 0 {
            assert_eq!(demo.try_wait().unwrap(), None, "the demo ended early");
            sleep(Duration::from_millis(5));
        }
        assert!(pids.iter().all(|pid| is_alive(*pid)), "not all of {pids:?} are at work");
        Self { demo, pids, printed, folder }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.demo)
    }

    /// Waits for its end: how it ended, what it said on standard error, what it still printed.
    fn end(mut self) -> (ExitStatus, String, String) {
        let rest: Vec<String> = self.printed.by_ref().map(Result::unwrap).collect();
        let output = self.demo.wait_with_output().unwrap();
        let left: Vec<_> = self.pids.iter().filter(|pid| is_alive(**pid)).collect();
        assert!(left.is_empty(), "{left:?} of {:?} live on", self.pids);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        drop(self.folder);
        (output.status, said, rest.join("\n"))
    }
}

#[test]
fn ctrl_c_leaves_no_process() {
    let working = Working::start();
    kill_process_group(working.pid(), Signal::INT).unwrap();
    let (status, said, _) = working.end();
    assert_eq!(status.code(), Some(130), "{said}");
}

#[test]
fn a_signal_to_the_demo_alone_leaves_no_process() {
    let working = Working::start();
    kill_process(working.pid(), Signal::TERM).unwrap();
    let (status, said, _) = working.end();
    assert_eq!(status.code(), Some(130), "{said}");
}

#[test]
fn the_pictures_of_a_killed_thumbnailer_are_done_by_the_others() {
    let working = Working::start();
    kill_process(Pid::from_raw(working.pids[2]).unwrap(), Signal::KILL).unwrap();
    let (status, said, printed) = working.end();
    assert!(printed.contains(&format!("{PICTURES} pictures, all done")), "{printed}\n{said}");
    assert_eq!(status.code(), Some(1), "the demo must tell that not all of it lived");
    assert!(said.contains("thumbnailer-2 ended before its time"), "{said}");
}

#[test]
fn a_gateway_that_can_do_nothing_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let secret = MeshSecret::generate(&Random::system()).expose_text();
    let gateway = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.args(arguments).arg("--out").arg(folder.path().join("out"));
        // Nobody listens on port 1.
        command.env("MESHWORK_MASTER", "127.0.0.1:1").env("MESHWORK_SECRET", secret.as_str());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let empty = folder.path().to_str().unwrap();
    let (code, said) = gateway(&["--pictures", empty]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("has no .jpg, .jpeg or .png file"), "{said}");
    let (code, said) = gateway(&["--pictures", "nowhere"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("the folder nowhere cannot be read"), "{said}");
    let (code, said) = gateway(&["--ready-within", "1"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("no master let it in within 1 s"), "{said}");
    let (code, said) = gateway(&["--edge", "0"]);
    assert_eq!(code, Some(2), "{said}");
}
