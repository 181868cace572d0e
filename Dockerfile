# syntax=docker/dockerfile:1.7
# One image for every role: a static binary, no shell, no package manager.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# The version is the commit: the build reads it from .git. From an archive
# without one, or a linked worktree, build with --build-arg BUILDVCS=false.
ARG BUILDVCS=true
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=${BUILDVCS} -ldflags="-s -w" -o /out/orderflow ./cmd/orderflow
RUN mkdir /out/data

FROM gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab
COPY --from=build /out/orderflow /orderflow
# A new volume takes its owner from the folder of the image.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
EXPOSE 8080 8081 9090
ENTRYPOINT ["/orderflow"]
CMD ["serve"]
