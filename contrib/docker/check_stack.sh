#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Brings the whole stack up with podman-compose and runs its tests: `make check-stack`. Slow, and needs podman as root, so
# it is no part of `make check`; without podman it says so and ends well. Where no registry of images can be reached,
# images are made of Debian's packages and of the Go that is installed; parts that cannot be had so are left out, aloud.
set -eu
cd "$(dirname "$0")/../.."
. contrib/docker/base.sh
have_podman check-stack
if ! command -v podman-compose >/dev/null; then
    echo "check-stack: SKIPPED, podman-compose is not installed"
    exit 0
fi
have_base
compose=contrib/docker/compose.yaml

program() { command -v "$1" || ls "build/peers/usr/bin/$1"; }
image_of() { sed -n "s,^ *image: \(docker.io/$1:[^ ]*\).*,\1,p" $compose; }

# stand_in IMAGE FILES... with the rest of the Dockerfile on stdin; FILES are copied beside it.
stand_in()
{
    local image=$1 folder
    shift
    echo "check-stack: $image cannot be pulled; made of what is installed here"
    folder=$(mktemp -d)
    { echo "FROM $base"; cat; } >"$folder/Dockerfile"
    cp -rL "$@" "$folder"
    podman build --network host --pull=never -q -t "$image" "$folder" >/dev/null
    rm -rf "$folder"
}

stand_ins()
{
    local image
    image=$(image_of prom/prometheus)
    have_image "$image" || stand_in "$image" "$(program prometheus)" <<'DOCKER'
COPY prometheus /bin/prometheus
RUN mkdir /prometheus && chown 65534:65534 /prometheus
USER 65534
ENTRYPOINT ["/bin/prometheus"]
DOCKER
    image=$(image_of prom/alertmanager)
    have_image "$image" || stand_in "$image" "$(program prometheus-alertmanager)" /usr/share/prometheus/alertmanager <<'DOCKER'
COPY prometheus-alertmanager /bin/alertmanager
COPY alertmanager /usr/share/prometheus/alertmanager
RUN mkdir /alertmanager && chown 65534:65534 /alertmanager
USER 65534
ENTRYPOINT ["/bin/alertmanager"]
DOCKER
    image=$(image_of victoriametrics/victoria-metrics)
    have_image "$image" || stand_in "$image" "$(program victoria-metrics)" <<'DOCKER'
COPY victoria-metrics /victoria-metrics-prod
ENTRYPOINT ["/victoria-metrics-prod"]
DOCKER
    image=$(image_of jaegertracing/jaeger)
    have_image "$image" || [ ! -x build/peers/jaeger ] || stand_in "$image" build/peers/jaeger <<'DOCKER'
COPY jaeger /cmd/jaeger/jaeger-linux
USER 10001
ENTRYPOINT ["/cmd/jaeger/jaeger-linux"]
DOCKER
    image=$(sed -n 's/^FROM \(.*golang:[^ ]*\) AS build/\1/p' contrib/example/Dockerfile)
    have_image "$image" || stand_in "$image" "$(go env GOROOT)" /etc/ssl/certs/ca-certificates.crt <<DOCKER
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY $(basename "$(go env GOROOT)") /usr/local/go
ENV PATH=/usr/local/go/bin:/usr/bin:/bin GOTOOLCHAIN=local GOPROXY=$(go env GOPROXY) GONOSUMDB=$(go env GONOSUMDB) GOSUMDB=$(go env GOSUMDB)
DOCKER
}

build() # IMAGE MORE...: with podman itself, whose default format has no healthcheck
{
    local image=$1
    shift
    podman build --format docker --network host --pull=never -q -t "$image:latest" "$@" >/dev/null
}

stand_ins
build otelcd -f contrib/docker/Dockerfile .
build otelcd-bridge contrib/docker/bridge
build otelcd-example-frontend --target frontend contrib/example
build otelcd-example-backend --target backend contrib/example

services="otelcd backend frontend victoria-metrics alertmanager bridge prometheus"
for part in grafana:grafana/grafana mail:axllent/mailpit jaeger:jaegertracing/jaeger; do
    image=$(image_of "${part#*:}" | sed 's/\${[A-Z_]*:-\(.*\)}/\1/')
    if have_image "$image"; then
        services+=" ${part%%:*}"
    else
        echo "check-stack: SKIPPED ${part%%:*}, for $image cannot be pulled"
        [ "${part%%:*}" != jaeger ] || export JAEGER="" # `make peers` compiles one for a stand-in
    fi
done

export STACK_PROJECT=otelcd-check STACK_BUILD="" STACK_SERVICES=$services GRAFANA_ADMIN_PASSWORD=check-stack
stack() { contrib/docker/stack "$@"; }
remove() { GRAFANA_ADMIN_PASSWORD=unused podman-compose -p $STACK_PROJECT -f $compose down -v -t 5 >/dev/null 2>&1; }
trap remove EXIT
stack up >"$work/stack-up.log" 2>&1 || { tail -n 20 "$work/stack-up.log"; exit 1; }
grep ' up  ' "$work/stack-up.log"

for test in test-logs test-traces test-metrics test-correlation test-alerts; do stack $test; done

# The limits hold, and the parts live within them.
for name in $services; do
    container=${STACK_PROJECT}_${name}_1
    state=$(podman inspect --format '{{.State.Running}} {{.State.OOMKilled}} {{gt .HostConfig.Memory 0}}' "$container")
    [ "$state" = "true false true" ] || { echo "check-stack: $name is running, OOM-killed, limited: $state"; exit 1; }
done
container=${STACK_PROJECT}_otelcd_1
podman healthcheck run "$container" || { echo "check-stack: otelcd's healthcheck fails"; exit 1; }
[ "$(podman inspect --format '{{.HostConfig.ReadonlyRootfs}}' "$container")" = true ] || { echo "check-stack: otelcd may write"; exit 1; }
podman stop -t 15 "$container" >/dev/null
code=$(podman inspect --format '{{.State.ExitCode}}' "$container")
[ "$code" = 0 ] || { podman logs --tail 20 "$container"; echo "check-stack: otelcd stopped with code $code"; exit 1; }
echo "check-stack: passed, with $services"
