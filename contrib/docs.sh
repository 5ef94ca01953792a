#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes the pages that are made of the option rows: docs.sh build/otelcd. `git diff` after it shows what was stale.
set -eu
otelcd=$1
mkdir -p docs/reference
"$otelcd" components --format markdown >docs/reference/components.md
{
    sed '/^@OPTIONS@$/,$d' man/otelcd.yaml.5.in
    # A paragraph after a heading needs no macro.
    "$otelcd" components --format man | awk '!(/^\.PP$/ && last ~ /^\.S[HS]/) { print } { last = $0 }'
    sed '1,/^@OPTIONS@$/d' man/otelcd.yaml.5.in
} >man/otelcd.yaml.5
