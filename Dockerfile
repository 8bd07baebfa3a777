# Images of Meshwork:
#
#   docker build --target meshwork   -t meshwork .              the `meshwork` command: master, tools
#   docker build --target thumbnails -t meshwork-thumbnails .   that, and the thumbnails example
#
# Both run as a user without rights and need nothing of their root file system to be writable.
#
# BINARIES=prebuilt takes programs that are there already instead of compiling them:
#
#   docker build --build-arg BINARIES=prebuilt --build-arg PREBUILT=target/docker .
#
# where target/docker/meshwork/usr/local/bin/meshwork and the like are what the stage `build` makes
# below /out. They must run on Debian 12: `cargo xtask e2e compose` makes such a folder.
ARG BINARIES=build

# What cargo must know of the workspace to compile what others wrote: its manifests, and an empty
# crate for each of ours. As long as no manifest changes, the layer that copies this stays the same.
# Here cargo only reads them, so that a manifest which cannot be read in an image is found in seconds.
FROM rust:1-bookworm AS skeleton
WORKDIR /src
COPY . .
RUN set -eu; docker/declared-targets.sh; mkdir /skeleton; \
    find . -name Cargo.toml -o -name Cargo.lock | xargs cp --parents -t /skeleton; \
    cp --parents docker/declared-targets.sh /skeleton; \
    find . -path '*/src/lib.rs' | while read -r root; do \
        mkdir -p "/skeleton/${root%/*}"; : > "/skeleton/$root"; done; \
    find . -path '*/src/main.rs' | while read -r root; do \
        mkdir -p "/skeleton/${root%/*}"; echo 'fn main() {}' > "/skeleton/$root"; done; \
    cargo metadata --no-deps --format-version 1 > /dev/null; \
    cd /skeleton; docker/declared-targets.sh; \
    cargo metadata --no-deps --format-version 1 > /dev/null

FROM rust:1-bookworm AS build
WORKDIR /src
# Line numbers and names for backtraces would be half of the image; a panic says where it was anyway.
ENV CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_STRIP=symbols \
    CARGO_TERM_PROGRESS_WHEN=never
COPY --from=skeleton /skeleton .
RUN cargo build --release --locked -p meshwork -p thumbnails
COPY schema schema
COPY shared shared
COPY queue queue
COPY worker worker
COPY master master
COPY cli cli
COPY examples examples
# Files keep the time of the checkout, which may be before that of the empty crates.
RUN docker/declared-targets.sh \
 && find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
 && cargo build --release --locked -p meshwork -p thumbnails --bin meshwork --bin thumbnails \
 && install -D -t /out/meshwork/usr/local/bin target/release/meshwork \
 && install -D -t /out/thumbnails/usr/local/bin target/release/thumbnails \
 && for name in thumbnailer gateway load; do \
        ln -s thumbnails /out/thumbnails/usr/local/bin/$name; done \
 && install -D -m 644 -t /out/meshwork/etc/ssl/certs /etc/ssl/certs/ca-certificates.crt

FROM scratch AS prebuilt
ARG PREBUILT=target/docker
COPY ${PREBUILT} /out

FROM ${BINARIES} AS binaries

FROM debian:bookworm-slim AS meshwork
LABEL org.opencontainers.image.title="meshwork" \
      org.opencontainers.image.source="https://github.com/meshwork-rs/meshwork" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
RUN groupadd --gid 10001 meshwork \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin meshwork \
 && install -d -o meshwork -g meshwork -m 700 /var/lib/meshwork
COPY --from=binaries /out/meshwork /
# By number, so that a cluster can see that it is not root.
USER 10001:10001
# A master keeps its key here. HTTP has to be reached from outside of the container.
ENV MESHWORK_STATE_DIR=/var/lib/meshwork \
    MESHWORK_HTTP_LISTEN=0.0.0.0:7071
EXPOSE 7070 7071
HEALTHCHECK --interval=5s --timeout=10s --start-period=30s --retries=3 \
    CMD ["meshwork", "health", "--ready", "--timeout", "8s"]
ENTRYPOINT ["meshwork"]
CMD ["--help"]

# The thumbnails example: `thumbnailer`, `gateway` and `load`, which are one program, and `meshwork`
# that asks them how they are.
FROM meshwork AS thumbnails
LABEL org.opencontainers.image.title="meshwork-thumbnails"
COPY --from=binaries /out/thumbnails /
COPY examples/thumbnails/mesh.toml /usr/share/thumbnails/mesh.toml
COPY examples/thumbnails/pictures /usr/share/thumbnails/pictures
ENTRYPOINT []
CMD ["thumbnailer"]
