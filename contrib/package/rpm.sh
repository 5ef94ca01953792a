#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An RPM of the static binary, for any distribution: rpm.sh MODE OUT. `make rpm` builds first, with MODE=static.
set -eu
cd "$(dirname "$0")/../.."
. contrib/package/about.sh
mode=$1 out=$(realpath -m "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage_install "$work/stage" "$mode"

{
    cat <<SPEC
Name: $name
Version: $version
Release: 1
Summary: $summary
License: $license
Packager: $packager
AutoReqProv: no
Recommends: uap-core
Provides: config($name) = $version-1

%description
$description

%install
cp -a $work/stage/. %{buildroot}/

%post
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    [ \$1 -gt 1 ] || systemctl preset otelcd.service || :
fi

%preun
if [ \$1 -eq 0 ] && [ -d /run/systemd/system ]; then
    systemctl disable --now otelcd.service || :
fi

%postun
# An update starts the new program on the queue of the old one; if it does not take the configuration, what runs goes on.
if [ \$1 -ge 1 ] && [ -d /run/systemd/system ]; then
    if otelcd validate --config /etc/otelcd/otelcd.yaml; then
        systemctl try-restart otelcd.service || :
    else
        echo "otelcd: this version does not take /etc/otelcd/otelcd.yaml; what runs goes on: mend it, then systemctl restart otelcd" >&2
    fi
fi

%files
%dir /etc/otelcd
SPEC
    cd "$work/stage"
    find . -type f ! -path './etc/*' | sed 's,^\.,,' | sort
    find ./etc -type f | sed 's,^\.,%config(noreplace) ,' | sort
} >"$work/$name.spec"
rpmbuild --quiet -bb --buildroot "$work/root" --target "$(uname -m)" \
    -D "_topdir $work" -D '_build_id_links none' -D 'debug_package %{nil}' -D '__os_install_post %{nil}' -D '_buildhost localhost' \
    -D 'use_source_date_epoch_as_buildtime 1' -D 'clamp_mtime_to_source_date_epoch 1' -D '_binary_payload w6.xzdio' \
    -D "_dbpath $work/db" "$work/$name.spec" >&2
mkdir -p "$out"
cp "$work/RPMS/$(uname -m)/$name-$version-1.$(uname -m).rpm" "$out/"
echo "$out/$name-$version-1.$(uname -m).rpm"
