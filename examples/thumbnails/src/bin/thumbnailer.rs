//! A worker that shrinks pictures. Start as many as there are cores, on as many machines as there
//! are: gateways find them by themselves.

fn main() -> std::process::ExitCode {
    thumbnails::programs::thumbnailer::main()
}
