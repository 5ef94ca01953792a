#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A tarball of the static binary with what belongs to it, its software bill of materials, and their checksums:
# dist.sh ARCH MODE OUT. `make dist` builds first.
set -eu
cd "$(dirname "$0")/../.."
. contrib/package/about.sh
arch=$1 mode=$2 out=$(realpath -m "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage_install "$work/stage" "$mode"

top=$name-$version-linux-$arch
tree=$work/$top
mkdir -p "$tree"
cp -a "$work/stage/usr/." "$tree/"
cp -a "$work/stage/etc/otelcd/otelcd.yaml" "$tree/otelcd.yaml"
mv "$tree/share/doc/otelcd/README.md" "$tree/share/doc/otelcd/LICENSE" "$tree/"
# The unit of a package names /usr/bin and /etc; here it is an example, with the places that it is copied to by hand.
sed -i 's,/usr/bin/otelcd,/usr/local/bin/otelcd,; s, /etc/otelcd, /usr/local/etc/otelcd,' "$tree/lib/systemd/system/otelcd.service"
mkdir -p "$out"
/usr/bin/python3 contrib/package/bill.py "$arch" "build/$mode${CROSS:+-$CROSS}/otelcd.map" "$tree/licenses" >"$out/$top.spdx.json"
cp "$out/$top.spdx.json" "$tree/sbom.spdx.json"
find "$tree" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=gnu -c "$top" | gzip -9n >"$out/$top.tar.gz"
(cd "$out" && sha256sum $name-$version-linux-*.tar.gz $name-$version-linux-*.spdx.json >SHA256SUMS)
echo "$out/$top.tar.gz"
