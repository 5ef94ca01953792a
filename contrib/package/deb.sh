#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A Debian package of what a build gave: deb.sh MODE OUT. `make deb` builds first, with MODE=package. The libraries are
# the system's, so that their security updates are otelcd's too.
set -eu
cd "$(dirname "$0")/../.."
. contrib/package/about.sh
mode=$1 out=$(realpath -m "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/stage
stage_install "$stage" "$mode"

install -Dm644 /dev/stdin "$stage/usr/share/doc/otelcd/copyright" <<COPYRIGHT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: otelcd

Files: *
Copyright: 2026 the otelcd developers
License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.
COPYRIGHT
rm "$stage/usr/share/doc/otelcd/LICENSE"
gzip -9nc >"$stage/usr/share/doc/otelcd/changelog.Debian.gz" <<CHANGES
$name ($version-1) unstable; urgency=medium

  * Version $version; what is new in it stands in changelog.gz.

 -- $packager  $(date -Rd "@$SOURCE_DATE_EPOCH")
CHANGES

control=$stage/DEBIAN
mkdir -p "$control" "$work/debian"
printf 'Source: %s\n\nPackage: %s\nArchitecture: any\n' "$name" "$name" >"$work/debian/control"
# What is loaded later (decision 51) is asked for as if it were linked: by a library that does nothing but link it.
late=build/$mode/gen/late.S
if [ -e "$late" ]; then
    sed -n 's/.*\.asciz "\(lib[^"]*\.so\.[^"]*\)"$/-l:\1/p' "$late" | sort -u | xargs \
        ${CC:-gcc} -shared -x c /dev/null -x none -o "$work/late.so" -Wl,--no-as-needed
fi
depends=$(cd "$work" && dpkg-shlibdeps --ignore-missing-info -O "$stage/usr/bin/otelcd" ./late.so* 2>/dev/null |
    sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { echo "deb: dpkg-shlibdeps names no library for $stage/usr/bin/otelcd" >&2; exit 1; }
arch=$(dpkg --print-architecture)
{
    echo "Package: $name"
    echo "Version: $version-1"
    echo "Architecture: $arch"
    echo "Maintainer: $packager"
    echo "Installed-Size: $(du -ks --apparent-size "$stage" --exclude=DEBIAN | cut -f1)"
    echo "Depends: $depends, init-system-helpers (>= 1.54)"
    echo "Recommends: ca-certificates, uap-core"
    echo "Suggests: librdkafka1 (>= 2.0), tpm2-openssl"
    echo "Section: net"
    echo "Priority: optional"
    echo "Description: $summary"
    sed 's/^/ /' <<<"$description"
} >"$control/control"
(cd "$stage" && find etc -type f | sed 's,^,/,' | sort) >"$control/conffiles"
(cd "$stage" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$control/md5sums"
for script in postinst prerm postrm; do
    install -m755 "contrib/package/$script" "$control/$script"
done
find "$stage" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$out"
dpkg-deb --root-owner-group -Zxz --build "$stage" "$out/${name}_$version-1_$arch.deb" >/dev/null
echo "$out/${name}_$version-1_$arch.deb"
