//! Compiles the protocol of the gRPC echo, with a compiler in Rust: none has to be installed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["proto/echo.proto"], ["proto"])?;
    // Bodies are slices of what was received, which costs less than a copy into a `Vec`.
    tonic_prost_build::configure().bytes(".").compile_fds(files)?;
    Ok(())
}
