//! Keeps a mesh of thumbnailers busy, and tells what becomes of every call and job.

fn main() -> std::process::ExitCode {
    thumbnails::programs::load::main()
}
