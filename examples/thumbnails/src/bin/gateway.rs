//! A worker that has the pictures of a folder shrunk by thumbnailers.

fn main() -> std::process::ExitCode {
    thumbnails::programs::gateway::main()
}
