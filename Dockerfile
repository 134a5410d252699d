# The images of `cargo xtask image`, for where there is Docker or buildah: the same static programs on nothing at all, run by the same user.
#
#     docker build --tag kecs.io/kecs-sidecar:0.1.0 .
#     docker build --tag kecs.io/kecs:0.1.0 --target kecs .
#
# The project's tests only compare this file with `cargo xtask image`: they have no registry to take the first image from.

# The version is `rust-version` of Cargo.toml; the Debian is one whose glibc looks names up without loading anything (2.34 or later).
FROM rust:1.95-slim-bookworm AS build
WORKDIR /kecs
COPY . .
# The target is named so that only the programs are static, and not the macros that the compiler loads. It is the builder's own.
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix $CARGO_HOME=/cargo" \
        cargo build --locked --profile image --package kecs-bin --bin kecs --bin kecs-sidecar --target "$target" \
    && install -D --target-directory /image "target/$target/image/kecs" "target/$target/image/kecs-sidecar"

FROM scratch AS kecs
COPY --from=build /image/kecs /kecs
# A number rather than a name: there is no /etc/passwd, and an orchestrator sees that it is not root.
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/kecs"]
LABEL org.opencontainers.image.title="A local and self-hosted Amazon ECS" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.licenses="Apache-2.0"

# The last stage is what is built when none is named.
FROM scratch AS kecs-sidecar
COPY --from=build /image/kecs-sidecar /kecs-sidecar
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/kecs-sidecar"]
LABEL org.opencontainers.image.title="The AWS endpoint of one task" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.licenses="Apache-2.0"
