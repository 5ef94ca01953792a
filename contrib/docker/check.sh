#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the image with podman, runs it without a network and asks its own healthcheck: `make check-image`. Slow, and needs
# podman as root, so it is no part of `make check`; without podman it says so and ends well. Where no registry of
# images can be reached, the base image is made with debootstrap.
set -eu
cd "$(dirname "$0")/../.."

if ! command -v podman >/dev/null; then
    echo "check-image: SKIPPED, podman is not installed"
    exit 0
fi
work=$PWD/build/image
mkdir -p "$work"
# Settings that also work inside a container: runc, cgroupfs, limits that may not be raised.
cat >"$work/containers.conf" <<'CONF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
export CONTAINERS_CONF=$work/containers.conf
base=docker.io/library/debian:bookworm-slim

if ! podman image exists "$base" && ! timeout 60 podman pull -q "$base" 2>/dev/null; then
    if [ ! -e "$work/rootfs/.done" ]; then
        rm -rf "$work/rootfs"
        debootstrap --variant=minbase bookworm "$work/rootfs" >"$work/debootstrap.log"
        touch "$work/rootfs/.done"
    fi
    tar -C "$work/rootfs" -c . | podman import -q - "$base" >/dev/null
fi

podman build --format docker --network host --pull=never -q -f contrib/docker/Dockerfile -t localhost/otelcd:check . >/dev/null
size=$(podman image inspect --format '{{.Size}}' localhost/otelcd:check)
container=$(podman run -d --network none localhost/otelcd:check)
trap 'podman rm -f -t 1 "$container" >/dev/null' EXIT

for _ in $(seq 50); do
    if podman exec "$container" /otelcd healthcheck; then
        healthy=yes
        break
    fi
    sleep 0.2
done
[ "${healthy-}" = yes ] || { podman logs "$container"; echo "check-image: not healthy"; exit 1; }
[ "$(podman inspect --format '{{.Config.User}}' "$container")" = 65532:65532 ]
podman stop -t 10 "$container" >/dev/null
code=$(podman inspect --format '{{.State.ExitCode}}' "$container")
[ "$code" = 0 ] || { podman logs "$container"; echo "check-image: exit code $code"; exit 1; }
echo "check-image: healthy, stopped with exit code 0; $((size / 1000)) kB"
