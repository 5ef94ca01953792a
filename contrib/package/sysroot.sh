#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a static build for another architecture links: Debian's libraries of it, unpacked under build/sysroot-ARCH.
# sysroot.sh ARCH. Nothing is installed on this machine, and no foreign architecture is added to its dpkg.
set -eu
cd "$(dirname "$0")/../.."
arch=$1 root=$PWD/build/sysroot-$1
[ ! -e "$root/.done" ] || exit 0
# The static build's packages of contrib/deps.sh that are libraries, and the C and C++ libraries themselves.
libraries="libc6-dev libstdc++-12-dev libcrypt-dev check $(contrib/deps.sh list-libraries)"
state=$root.apt
rm -rf "$root" "$state"
mkdir -p "$root" "$state/lists/partial" "$state/cache/archives/partial"
: >"$state/status"
apt() { apt-get -q -o Dir::State::Lists="$state/lists" -o Dir::Cache="$state/cache" -o Dir::State::status="$state/status" \
    -o Debug::NoLocking=1 -o APT::Sandbox::User= -o APT::Architecture="$arch" -o APT::Architectures::="$arch" "$@"; }
log=$state/log
{ apt update && apt install -y --download-only --no-install-recommends $libraries; } >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
for package in "$state"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$root"
    dpkg-deb -f "$package" Package Version Source >"$root/$(basename "$package").about"
done
mkdir "$root/.packages" && mv "$root"/*.about "$root/.packages/"
# Links to absolute paths would leave the folder.
find "$root" -type l -lname '/*' | while read -r link; do
    ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$root$(readlink "$link")")" "$link"
done
rm -rf "$state"
touch "$root/.done"
