#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs fuzz drivers, JOBS at a time, each for FUZZ_SECONDS: fuzz.sh NAME... What is found lies in build/fuzz/NAME/ (new
# inputs) and build/fuzz/found/ (crashes, to be put into fuzz/corpus/NAME once mended).
set -u
seconds=${FUZZ_SECONDS:-60}

run_one()
{
    local name=$1 corpus=build/fuzz/new/$1 log=build/fuzz/$1.log
    mkdir -p "$corpus" build/fuzz/found "fuzz/corpus/$name"
    if build/fuzz/fuzz/"${name}"_fuzz -max_total_time="$2" -timeout=20 -rss_limit_mb=3000 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/found/$name-" "$corpus" "fuzz/corpus/$name" >"$log" 2>&1; then
        echo "fuzz $name: nothing found in $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs"
    else
        tail -n 60 "$log"
        echo "fuzz $name: FOUND, see $log and build/fuzz/found/$name-*"
        return 1
    fi
}
export -f run_one
printf '%s\n' "$@" | xargs -r -P "${JOBS:-2}" -I NAME bash -c 'run_one NAME '"$seconds"
