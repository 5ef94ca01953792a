#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make deb rpm dist` gave, used: `make check-package`. The packages are installed, updated over a queue on disk that
# waits, refused a configuration that the new program does not take, removed and purged, under a real systemd in a
# container; the tarball of the other architecture passes tests under qemu. Slow, and needs podman as root; without it
# that part says so and is left out.
set -eu
cd "$(dirname "$0")/../.."
. contrib/docker/base.sh
. contrib/package/about.sh
deb=$(echo build/dist/${name}_"$version"-1_*.deb) rpm=$(echo build/dist/$name-"$version"-1.*.rpm)

# The tarballs: what the checksums say, and tests with the program that is in them.
(cd build/dist && sha256sum --quiet -c SHA256SUMS)
if [ -e "build/dist/$name-$version-linux-arm64.tar.gz" ] && command -v qemu-aarch64-static >/dev/null; then
    away=build/dist/away
    rm -rf "$away" && mkdir -p "$away"
    tar -C "$away" --strip-components=1 -xzf "build/dist/$name-$version-linux-arm64.tar.gz"
    printf '#!/bin/sh\nexec qemu-aarch64-static %s "$@"\n' "$PWD/$away/bin/otelcd" >"$away/otelcd"
    chmod +x "$away/otelcd"
    make -s --no-print-directory MODE=static CROSS=arm64 build/static-arm64/test/unit/codec/lanes16_test
    CK_DEFAULT_TIMEOUT=300 qemu-aarch64-static build/static-arm64/test/unit/codec/lanes16_test
    make -s --no-print-directory build/py/.done
    OTELCD=$PWD/$away/otelcd PYTHONPATH=build/py /usr/bin/python3 -m pytest -q -n 2 \
        test/integration/otlp/test_partial_delivery.py test/integration/prom/test_encoder.py test/integration/service/test_sending_queue.py
    echo "check-package: the program for arm64 passes its tests under qemu"
else
    echo "check-package: SKIPPED the program for arm64: no qemu-aarch64-static, or no tarball"
fi

have_podman check-package
have_base
root=$work/package
rm -rf "$root" && mkdir -p "$root/new"
cp "$deb" "$root/old.deb"
cp "$rpm" "$root/otelcd.rpm"
# The same with a higher revision is an update.
dpkg-deb -R "$deb" "$root/new"
sed -i 's/^Version: .*/&.1/' "$root/new/DEBIAN/control"
dpkg-deb --root-owner-group -b "$root/new" "$root/new.deb" >/dev/null
rm -r "$root/new"
cat >"$root/queue.yaml" <<'YAML'
receivers: {otlp: {protocols: {grpc: , http: }}}
exporters: {otlp: {endpoint: "localhost:1", tls: {insecure: true}, sending_queue: {storage: file_storage}}}
extensions: {file_storage: {directory: /var/lib/otelcd/queue, create_directory: true}}
service:
  extensions: [file_storage]
  pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}
YAML
cat >"$root/Dockerfile" <<DOCKER
FROM $base
RUN apt-get update && apt-get install -y --no-install-recommends systemd systemd-sysv procps curl rpm
COPY old.deb new.deb otelcd.rpm queue.yaml /root/
# Without systemd running: installed with what it depends on, it works, and goes without a trace.
RUN apt-get install -y --no-install-recommends /root/old.deb && otelcd --version && otelcd validate --config /etc/otelcd/otelcd.yaml && \
    dpkg --verify otelcd && apt-get purge -y otelcd && test ! -e /etc/otelcd && test ! -e /usr/bin/otelcd && test ! -e /var/lib/private/otelcd
CMD ["/sbin/init"]
DOCKER
podman build --network host --pull=never -q -t localhost/otelcd-package:check "$root" >/dev/null
container=$(podman run -d --systemd=always --network none --cap-add SYS_ADMIN,SYS_PTRACE localhost/otelcd-package:check)
trap 'podman rm -f -t 1 "$container" >/dev/null' EXIT

inside() { podman exec "$container" "$@"; }
failed()
{
    inside journalctl -u otelcd --no-pager -n 40 || true
    echo "check-package: $1"
    exit 1
}
pid() { inside systemctl show otelcd -P MainPID; }
held() { inside curl -sS http://localhost:8888/metrics | sed -n 's/^otelcd_exporter_held_items{exporter="otlp",signal="traces"} //p'; }
gone() { ! inside test -e "$1"; }

for _ in $(seq 100); do
    state=$(inside systemctl is-system-running 2>/dev/null) || true
    case "$state" in running | degraded) break ;; esac
    sleep 0.2
done

inside dpkg -i /root/old.deb >/dev/null || failed "cannot be installed"
inside otelcd healthcheck || failed "does not run after it was installed"
[ "$(inside systemctl is-enabled otelcd)" = enabled ] || failed "would not start at the next boot"

inside cp /root/queue.yaml /etc/otelcd/otelcd.yaml
inside systemctl restart otelcd || failed "does not start with a queue on disk"
inside curl -sS --fail http://localhost:4318/v1/traces -H 'Content-Type: application/json' -d '{"resourceSpans": [{"scopeSpans":
    [{"spans": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "x", "startTimeUnixNano": "1",
    "endTimeUnixNano": "2"}]}]}]}' >/dev/null || failed "takes no data"
[ "$(held)" = 1 ] || failed "the span does not wait"
before=$(pid)

inside dpkg -i /root/new.deb >/dev/null 2>&1 || failed "cannot be updated"
inside otelcd healthcheck || failed "does not run after the update"
[ "$(pid)" != "$before" ] || failed "the update did not start the new program"
[ "$(held)" = 1 ] || failed "the update lost what waited on disk"
inside cmp /root/queue.yaml /etc/otelcd/otelcd.yaml || failed "the update changed the configuration"

before=$(pid)
inside sed -i 's/^receivers/recievers/' /etc/otelcd/otelcd.yaml
inside dpkg -i /root/old.deb 2>&1 | grep -q 'what runs goes on' || failed "nobody is told that the configuration is not taken"
[ "$(pid)" = "$before" ] && [ "$(held)" = 1 ] || failed "it does not go on when its configuration is not taken"
inside cp /root/queue.yaml /etc/otelcd/otelcd.yaml

inside dpkg -r otelcd >/dev/null 2>&1 || failed "cannot be removed"
[ "$(inside pgrep -c -x otelcd)" = 0 ] || failed "runs on after it was removed"
inside test -e /etc/otelcd/otelcd.yaml || failed "removing it took the configuration too"
inside sh -c 'ls /var/lib/private/otelcd/queue/* >/dev/null' || failed "removing it took what waits on disk too"
inside dpkg -P otelcd >/dev/null 2>&1 || failed "cannot be purged"
gone /etc/otelcd && gone /var/lib/private/otelcd && gone /var/lib/otelcd || failed "purging it leaves something"

# The RPM's own scripts; Debian's dependencies are none of its business.
inside rpm -i --nodeps /root/otelcd.rpm || failed "the RPM cannot be installed"
inside systemctl enable --now otelcd 2>/dev/null || failed "does not start from the RPM"
inside otelcd healthcheck || failed "does not run from the RPM"
before=$(pid)
inside rpm -U --nodeps --force /root/otelcd.rpm || failed "the RPM cannot be updated"
inside otelcd healthcheck || failed "does not run after the RPM's update"
[ "$(pid)" != "$before" ] || failed "the RPM's update did not start the new program"
inside rpm -e --nodeps otelcd 2>/dev/null || failed "the RPM cannot be removed"
[ "$(inside pgrep -c -x otelcd)" = 0 ] || failed "runs on after the RPM was removed"
gone /usr/bin/otelcd || failed "the RPM leaves its program"
echo "check-package: installed, updated over a waiting queue, refused a bad configuration, removed, purged"
