#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs fuzz drivers, JOBS at a time, each for FUZZ_SECONDS: fuzz.sh NAME... What is found lies in build/fuzz/found/ (crashes,
# to be put into fuzz/corpus/NAME once mended).
#
# FUZZ_SEED (a number from 1 on; drawn if it is not given, and then what earlier runs have learnt is in
# build/fuzz/new/NAME) makes a run that can be had again: the same inputs in the same order, from nothing but the
# corpus. How far it gets in its time depends on the machine; FUZZ_RUNS says how far it goes on every machine, with
# FUZZ_SECONDS as a bound above: a number of inputs, or `table` for the driver's own in fuzz/runs.
set -u
seconds=${FUZZ_SECONDS:-60}

runs_of() # NAME
{
    case ${FUZZ_RUNS:-} in
    table) awk -v name="$1" '$1 == "default" || $1 == name { n = $2; if ($1 == name) exit } END { print n }' fuzz/runs ;;
    *) echo "${FUZZ_RUNS:--1}" ;;
    esac
}

# Where a container allows it, addresses are the same too.
fixed=$(setarch -R true 2>/dev/null && echo setarch -R)

run_one() # NAME SECONDS PREFIX...
{
    local name=$1 seconds=$2 log=build/fuzz/$1.log new=build/fuzz/new/$1 seed=${FUZZ_SEED:-} seeds learnt= runs ran of=
    shift 2
    runs=$(runs_of "$name")
    [ -n "$runs" ] || { echo "fuzz $name: fuzz/runs, or its row, is missing" && return 1; }
    if [ -n "$seed" ]; then
        new+=-$seed
        rm -rf "$new"
    else
        seed=$((RANDOM * 32768 + RANDOM + 1))
    fi
    mkdir -p "$new" build/fuzz/found "fuzz/corpus/$name"
    [ -z "$(ls -A "$new")" ] || learnt=" (about so: earlier runs had left inputs in $new)"
    seeds=$(find "fuzz/corpus/$name" -type f | LC_ALL=C sort | paste -sd,)
    if "$@" build/fuzz/fuzz/"${name}"_fuzz -seed="$seed" -runs="$runs" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 \
        -reload=0 -print_final_stats=1 -artifact_prefix="build/fuzz/found/$name-" ${seeds:+-seed_inputs="$seeds"} \
        "$new" >"$log" 2>&1; then
        ran=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        [ "${ran:-0}" -ge "$runs" ] || of=" of $runs: $seconds s were over"
        echo "fuzz $name: nothing found in $ran runs$of"
    else
        tail -n 60 "$log"
        echo "fuzz $name: FOUND, see $log and build/fuzz/found/$name-*"
        echo "fuzz $name: once more: make fuzz FUZZ=$name FUZZ_SEED=$seed FUZZ_SECONDS=$seconds${FUZZ_RUNS:+ FUZZ_RUNS=$runs}$learnt"
        return 1
    fi
}
export -f run_one runs_of
printf '%s\n' "$@" | xargs -r -P "${JOBS:-2}" -I NAME bash -c "run_one NAME $seconds $fixed"
