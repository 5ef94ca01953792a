#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that a part of the project needs, where they are missing: deps.sh build|test|lint|static|package.
# Nothing is started: packages that would bring up a service (Prometheus and its like) are unpacked under build/peers.
set -u

build="gcc g++ libc6-dev make pkg-config libuv1-dev libnghttp2-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler
       libprotobuf-dev libyaml-dev zlib1g-dev libdeflate-dev libsnappy-dev libzstd-dev liblz4-dev libxxhash-dev libre2-dev nettle-dev libssl-dev librdkafka-dev"
case "$(uname -m)" in x86_64 | aarch64) build+=" libisal-dev" ;; esac
test="check python3 python3-pytest python3-pytest-xdist python3-grpcio python3-protobuf python3-snappy
      python3-prometheus-client python3-zstandard python3-lz4 python3-confluent-kafka python3-h2 python3-jsonschema python3-yaml zsh fish curl nghttp2-client nghttp2-server procps iproute2 systemd mandoc ca-certificates dpkg-dev rpm
      tpm2-openssl swtpm chromium docker-compose liblua5.3-0 libopentracing-c-wrapper0 uap-core"
# libsnappy.a is C++.
static="g++ ca-certificates"
# Debian packages, RPMs, and a tarball for the other architecture, which is run under qemu.
package="dpkg-dev rpm g++ ca-certificates"
case "$(uname -m)" in x86_64) package+=" g++-aarch64-linux-gnu qemu-user-static" ;; esac
lint="clang libclang-rt-dev clang-tidy clang-format cppcheck"

# Tools that people often have from elsewhere: the command, then the package that is asked for without it.
tools_test="go:golang-go node:nodejs npm:npm"
# Alertmanager reads files of its own in /usr/share; without systemd its package starts nothing.
[ -d /run/systemd/system ] || tools_test+=" prometheus-alertmanager:prometheus-alertmanager"

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

packages() # of part $1
{
    local list=${!1} tools=tools_$1 pair
    for pair in ${!tools-}; do
        command -v "${pair%%:*}" >/dev/null || list+=" ${pair#*:}"
    done
    for p in $list; do installed "$p" || echo "$p"; done
}

apt() { apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }

unpack() # PACKAGE COMMAND, unless the command is there
{
    command -v "$2" >/dev/null || [ -x build/peers/usr/bin/"$2" ] || [ -x build/peers/usr/sbin/"$2" ] && return
    local dir
    dir=$(mktemp -d) && (cd "$dir" && chmod 755 . && apt download "$1") >/dev/null &&
        mkdir -p build/peers && dpkg-deb -x "$dir/$1"_*.deb build/peers
    rm -rf "$dir"
}

main()
{
    local part=$1 missing
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "deps: not a Debian system; make sure of the equivalents of:" ${!part} >&2
        return 0
    fi
    missing=$(packages "$part" | tr '\n' ' ')
    if [ -n "$missing" ]; then
        if [ "$(id -u)" != 0 ]; then
            echo "deps: missing packages; type: sudo apt-get install --no-install-recommends $missing" >&2
            return 1
        fi
        echo "deps: installing $missing"
        export DEBIAN_FRONTEND=noninteractive
        [ -n "$(apt-cache policy ${missing%% *} 2>/dev/null | grep 'Candidate: [^(]')" ] || apt update || return 1
        # A package list that is too old names files that are gone: once more with a new one.
        apt install -y --no-install-recommends $missing || { apt update && apt install -y --no-install-recommends $missing; } ||
            return 1
    fi
    if [ "$part" = test ]; then
        unpack prometheus prometheus
        unpack prometheus-node-exporter prometheus-node-exporter
        unpack prometheus-alertmanager amtool
        unpack victoria-metrics victoria-metrics
        unpack tinyproxy-bin tinyproxy
        unpack microsocks microsocks
        unpack nginx nginx
        unpack haproxy haproxy
        unpack nghttp2-proxy nghttpx
    fi
}

case "${1-}" in
build | test | lint | static | package) main "$1" ;;
list-libraries) # of a static build, by the names of their packages
    for p in $build; do
        case $p in libc6-dev | libisal-dev) ;; lib*-dev | zlib1g-dev | nettle-dev) printf '%s ' "$p" ;; esac
    done
    ;;
*)
    echo "usage: $0 build|test|lint|static|package|list-libraries" >&2
    exit 2
    ;;
esac
