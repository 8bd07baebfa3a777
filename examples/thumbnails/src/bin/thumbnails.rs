//! `thumbnailer`, `gateway` and `load` in one program, whichever of those names it is started
//! under: in an image they are three links to it, a third of the size of three programs.

use std::path::Path;
use std::process::ExitCode;

use thumbnails::programs::{gateway, load, thumbnailer};

fn main() -> ExitCode {
    let started_as = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&started_as).file_name().unwrap_or_default().to_string_lossy();
    match name.as_ref() {
        "thumbnailer" => thumbnailer::main(),
        "gateway" => gateway::main(),
        "load" => load::main(),
        _ => {
            eprintln!("{name}: start it as thumbnailer, gateway or load, by a link of that name");
            ExitCode::from(2)
        }
    }
}
