#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes the pages that are made of rows, of the options and of the language: docs.sh build/otelcd [FOLDER]. FOLDER is
# the tree by default; a test gives another one and compares.
set -eu
otelcd=$1
out=${2:-.}
mkdir -p "$out/docs/reference" "$out/man"
# Blank lines do not follow each other.
"$otelcd" components --format markdown | cat -s >"$out/docs/reference/components.md"
"$otelcd" components --format ottl >"$out/docs/reference/ottl.md"
{
    sed '/^@OPTIONS@$/,$d' man/otelcd.yaml.5.in
    # A paragraph after a heading needs no macro.
    "$otelcd" components --format man | awk '!(/^\.PP$/ && last ~ /^\.S[HS]/) { print } { last = $0 }'
    sed '1,/^@OPTIONS@$/d' man/otelcd.yaml.5.in
} >"$out/man/otelcd.yaml.5"
