#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The unit under a real systemd, in a container: `make check-systemd`. Slow, and needs podman as root, so it is no part of
# `make check`; without podman it says so and ends well.
set -eu
cd "$(dirname "$0")/../.."
. contrib/docker/base.sh
have_podman check-systemd
have_base

root=$work/systemd
rm -rf "$root"
log=$work/systemd-install.log
make -s MODE=static PREFIX=/usr DESTDIR="$root/root" install >"$log" 2>&1 || { cat "$log"; exit 1; }
# What the unit must leave room for: a queue on disk, patterns (compiled to machine code where that is allowed), TCP.
cat >"$root/root/etc/otelcd/otelcd.yaml" <<'YAML'
receivers: {otlp: {protocols: {grpc: , http: }}}
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 50}
  attributes: {actions: [{key: url, pattern: "^/(?P<word>[a-z]+)", action: extract}]}
exporters:
  debug: {sending_queue: {storage: file_storage}}
extensions: {file_storage: {directory: /var/lib/otelcd/queue, create_directory: true}}
service:
  extensions: [file_storage]
  pipelines: {traces: {receivers: [otlp], processors: [memory_limiter, attributes], exporters: [debug]}}
YAML
cat >"$root/Dockerfile" <<DOCKER
FROM $base
RUN apt-get update && apt-get install -y --no-install-recommends systemd systemd-sysv procps curl && rm -rf /var/lib/apt/lists/*
COPY root/ /
CMD ["/sbin/init"]
DOCKER
podman build --network host --pull=never -q -t localhost/otelcd-systemd:check "$root" >/dev/null
# Without SYS_ADMIN there are no mounts of its own, without SYS_PTRACE no users of its own.
container=$(podman run -d --systemd=always --network none --cap-add SYS_ADMIN,SYS_PTRACE localhost/otelcd-systemd:check)
trap 'podman rm -f -t 1 "$container" >/dev/null' EXIT

inside() { podman exec "$container" "$@"; }
failed()
{
    inside journalctl -u otelcd --no-pager -n 40 || true
    inside systemctl status otelcd --no-pager || true
    echo "check-systemd: $1"
    exit 1
}
shows() { inside systemctl show otelcd -P "$1"; }

for _ in $(seq 100); do
    state=$(inside systemctl is-system-running 2>/dev/null) || true
    case "$state" in running | degraded) break ;; esac
    sleep 0.2
done

override() # LINE: of [Service]
{
    local folder=/run/systemd/system/otelcd.service.d
    inside sh -c "mkdir -p $folder && printf '[Service]\\n$1\\n' >$folder/${1%%=*}.conf"
    inside systemctl daemon-reload
}

# Type=notify: `start` returns when otelcd says that it is ready, and not before.
inside systemctl start otelcd || failed "does not start"
[ "$(shows ActiveState)" = active ] || failed "not active"
inside otelcd healthcheck || failed "not ready after start"
pid=$(shows MainPID)
confined=$(inside grep -E '^(CapEff|NoNewPrivs|Seccomp):' "/proc/$pid/status" | awk '{print $2}' | tr '\n' ' ')
[ "$confined" = "0000000000000000 1 2 " ] ||
    failed "capabilities, seccomp or no_new_privs are not as the unit says"
[ "$(inside stat -c %u "/proc/$pid")" -ge 60000 ] || failed "not a dynamic user"

# Data passes under all of the unit's restrictions, through the queue on disk.
inside curl -sS --fail http://localhost:4318/v1/traces -H 'Content-Type: application/json' -d '{"resourceSpans": [{"scopeSpans":
    [{"spans": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "x", "startTimeUnixNano": "1",
    "endTimeUnixNano": "2", "attributes": [{"key": "url", "value": {"stringValue": "/cart"}}]}]}]}]}' >/dev/null || failed "takes no data"
delivered()
{
    inside curl -sS http://localhost:8888/metrics | grep -q '^otelcd_exporter_delivered_items{exporter="debug",signal="traces"} 1$'
}
for _ in $(seq 50); do
    if delivered; then arrived=yes; break; fi
    sleep 0.2
done
[ "${arrived-}" = yes ] || failed "the span was not delivered"
inside sh -c 'ls /var/lib/private/otelcd/queue/* >/dev/null' || failed "no queue in its state directory"

inside systemctl reload otelcd || failed "does not reload"
[ "$(shows MainPID)" = "$pid" ] && inside otelcd healthcheck || failed "not there after a reload"

# Workers, under the same restrictions: one that is killed is started again by otelcd itself, and the unit is what it was.
inside sed -i 's/^service:/&\n  workers: 2/' /etc/otelcd/otelcd.yaml
inside systemctl restart otelcd || failed "does not start with workers"
pid=$(shows MainPID)
workers() { inside pgrep -P "$pid" | sort | tr '\n' ' '; }
before=$(workers)
[ "$(wc -w <<<"$before")" = 2 ] && [ "$(shows OOMPolicy)" = continue ] || failed "workers are: $before"
inside kill -KILL "${before%% *}"
again()
{
    local now
    now=$(workers)
    [ "$(wc -w <<<"$now")" = 2 ] && [ "$now" != "$before" ]
}
for _ in $(seq 150); do
    if again; then restarted=yes; break; fi
    sleep 0.2
done
[ "${restarted-}" = yes ] || failed "a worker that was killed is not started again"
[ "$(shows MainPID) $(shows NRestarts)" = "$pid 0" ] && inside otelcd healthcheck || failed "the unit went with one of its workers"

# The watchdog: a process that hangs is replaced.
override WatchdogSec=2s
inside systemctl restart otelcd || failed "does not restart"
sleep 5
[ "$(shows NRestarts)" = 0 ] || failed "the watchdog strikes though nothing hangs"
inside kill -STOP "$(shows MainPID)"
for _ in $(seq 75); do
    if [ "$(shows NRestarts)" = 1 ] && [ "$(shows ActiveState)" = active ]; then replaced=yes; break; fi
    sleep 0.2
done
[ "${replaced-}" = yes ] || failed "a process that hangs is not replaced"

inside systemctl stop otelcd || failed "does not stop"
[ "$(shows Result)/$(shows ExecMainStatus)" = success/0 ] || failed "stopped with $(shows Result), code $(shows ExecMainStatus)"
exposure=$(inside systemd-analyze security otelcd --no-pager | sed -n 's/.*Overall exposure level for otelcd.service: \([0-9.]*\).*/\1/p')
awk -v e="$exposure" 'BEGIN { exit !(e <= 1.5) }' || failed "exposure $exposure"
echo "check-systemd: starts, sandboxed, takes data, reloads, starts a worker again, is replaced when it hangs, stops; exposure $exposure"
