# SPDX-License-Identifier: Apache-2.0
# Sourced by those that make packages, in the root of the tree: what all kinds of packages say of otelcd, and when.

name=otelcd
version=$(sed -n 's/^#define OTELCD_VERSION "\(.*\)"$/\1/p' src/base/version.h)
summary="OpenTelemetry collector daemon"
description="Takes OTLP over gRPC and HTTP, scrapes Prometheus targets and
receives remote write, runs pipelines that are configured as those of the
Go collector, and serves a scrape endpoint, sends Prometheus remote write
and OTLP, and writes files. What it acknowledged is safe, every item is in
its ledger, its memory is bounded."
license=Apache-2.0
packager=${PACKAGER:-otelcd developers <otelcd@localhost.localdomain>}

# The same tree gives the same bytes: nothing in a package is younger than its commit.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export LC_ALL=C TZ=UTC
umask 022

state=/var/lib/otelcd # of the unit's DynamicUser; its data is in /var/lib/private/otelcd

stage_install() # DIR MODE: what `make install` gives, stripped, with its documents
{
    rm -rf "$1"
    make -s --no-print-directory MODE="$2" PREFIX=/usr DESTDIR="$1" install >&2
    ${STRIP:-strip} --strip-all "$1/usr/bin/otelcd"
    find "$1/usr/share/man" -type f -exec gzip -9n {} +
    install -Dm644 -t "$1/usr/share/doc/otelcd" README.md LICENSE
    gzip -9nc CHANGELOG.md >"$1/usr/share/doc/otelcd/changelog.gz"
    find "$1" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
}
