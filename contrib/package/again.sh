#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Are packages and tarballs the same, byte by byte, when somebody else builds them? `make check-reproducible`. What build/dist
# holds, which make has just brought up to date, is built once more: from a clone, elsewhere, in another time zone, with another
# umask, without a compiler's cache. It takes as long as the first time did.
set -eu
cd "$(dirname "$0")/../.."
if ! git diff --quiet HEAD; then
    echo "check-reproducible: the second build is of the last commit: commit what is changed (git status)" >&2
    exit 1
fi
again=$PWD/build/again
tree=$again/in/a/directory/of/somebody/else
trap 'rm -rf "$again"' EXIT
rm -rf "$again"
mkdir -p "$again"
git clone -q . "$tree"
log=build/again.log
(umask 077 && cd "$tree" &&
    env -u SOURCE_DATE_EPOCH -u MAKEFLAGS -u MAKELEVEL TZ=Pacific/Auckland LC_ALL=C.UTF-8 CCACHE_DISABLE=1 make deb rpm dist) \
    >"$log" 2>&1 || { tail -n 20 "$log" >&2; echo "check-reproducible: the second build fails" >&2; exit 1; }
different=0
for file in "$tree"/build/dist/*; do
    name=${file##*/}
    if cmp "$file" "build/dist/$name"; then
        echo "the same: $(sha256sum "$file" | cut -d' ' -f1)  $name"
    else
        different=$((different + 1))
    fi
done
[ "$different" = 0 ] || { echo "check-reproducible: $different files are not the same" >&2; exit 1; }
echo "check-reproducible: two builds, in two directories, gave the same bytes"
