#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the image with podman, runs it without a network and asks its own healthcheck: `make check-image`. Slow, and needs
# podman as root, so it is no part of `make check`; without podman it says so and ends well. Where no registry of
# images can be reached, the base image is made with debootstrap.
set -eu
cd "$(dirname "$0")/../.."

. contrib/docker/base.sh
have_podman check-image
have_base

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
