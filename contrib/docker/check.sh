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
containers=()
trap 'podman rm -f -t 1 "${containers[@]}" >/dev/null' EXIT

run() # ARGUMENT...: of podman run; then wait until it is healthy by the health check of $ask
{
    container=$(podman run -d --network none "$@")
    containers+=("$container")
    for _ in $(seq 50); do
        podman exec "$container" /otelcd healthcheck "${ask[@]}" && return
        sleep 0.2
    done
    podman logs "$container"
    echo "check-image: not healthy"
    exit 1
}

end() # that it stops as asked
{
    podman stop -t 10 "$container" >/dev/null
    code=$(podman inspect --format '{{.State.ExitCode}}' "$container")
    [ "$code" = 0 ] || { podman logs "$container"; echo "check-image: exit code $code"; exit 1; }
}

ask=()
run localhost/otelcd:check
[ "$(podman inspect --format '{{.Config.User}}' "$container")" = 65532:65532 ]
end

# With TLS: OpenSSL, its reading of mounted files, and the health check over https.
tls=$work/tls
mkdir -p "$tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext \
    subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$tls/key.pem" -out "$tls/cert.pem" 2>/dev/null
cat >"$tls/otelcd.yaml" <<'YAML'
receivers:
  otlp: {protocols: {http: {endpoint: "0.0.0.0:4318", tls: &tls {cert_file: /etc/otelcd/cert.pem, key_file: /etc/otelcd/key.pem}}}}
exporters:
  debug:
  otlp_http: {endpoint: "https://collector.example:4318"}
extensions:
  health_check: {endpoint: "127.0.0.1:13133", tls: *tls}
service:
  extensions: [health_check]
  pipelines:
    logs: {receivers: [otlp], exporters: [debug, otlp_http]}
YAML
chmod 644 "$tls"/*
ask=(--endpoint https://localhost:13133/ --ca /etc/otelcd/cert.pem)
run -v "$tls:/etc/otelcd:ro" localhost/otelcd:check
end
echo "check-image: healthy, with TLS too, stopped with exit code 0; $((size / 1000)) kB"
