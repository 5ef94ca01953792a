# SPDX-License-Identifier: Apache-2.0
"""Backends that Debian does not have, compiled from the Go modules that test/peers/NAME/go.mod names, into build/peers/NAME.

`python3 -m harness.servers.compiled NAME` compiles one ahead of the tests (make peers)."""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from ..limits import CI, ROOT, missing, tool

LIMIT = 1800.0  # what the slowest takes with cold caches on two cores, twice over


def _wanted(name, word):
    """What go.mod says after `go` (the version) or `tool` (the package)."""
    return next(line.split()[1] for line in (ROOT / "test/peers" / name / "go.mod").read_text().splitlines() if line.startswith(word + " "))


def wanted_go(peer):
    """What the peer's go.mod asks for."""
    return _wanted(peer, "go")


def go_is_new_enough(go, wanted):
    """No other Go is downloaded than the one that is there."""
    has = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True).stdout.strip().removeprefix("go")
    parts = lambda v: [int(x) for x in v.split("-")[0].split(".")]
    return parts(has) >= parts(wanted), has


def skip_where_go_is_too_old(go, wanted, what):
    """Skips, under CI too: what a distribution's Go cannot do is nobody's mistake. From 1.21 on Go fetches a newer one by itself."""
    enough, has = go_is_new_enough(go, wanted)
    if not enough and not go_is_new_enough(go, "1.21")[0]:
        pytest.skip(f"{what} wants Go {wanted}; here is {has}")


def _compile(go, name, to):
    environment = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -trimpath"}
    command = [go, "build", "-ldflags", "-s -w", "-o", f"{to}.new", _wanted(name, "tool")]
    folder = ROOT / "test/peers" / name
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT)
    if ran.returncode != 0:
        missing(f"{name} could not be compiled: {ran.stderr[-2000:]}")
    os.replace(f"{to}.new", to)


def compiled(name, minutes=None, asked=False):
    """The program's path. It is compiled where it is not yet; the test is skipped aloud where Go is too old, and where it
    would take minutes (then that is said in `minutes`) and nobody asked: by OTELCD_NAME, which is 1 or names a program."""
    variable = "OTELCD_" + name.upper()
    given = os.environ.get(variable, "")
    if given not in ("", "1"):
        return shutil.which(given) or pytest.fail(f"{variable}={given}: there is no such program")
    built = pathlib.Path(ROOT / "build/peers" / name)
    built.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{built}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if built.exists():
            return str(built)
        if minutes and not asked and given != "1":
            pytest.skip(f"{name} is not compiled yet, which takes {minutes}: `make peers` does so, {variable}=PROGRAM names one")
        go = tool("go")
        new_enough, has = go_is_new_enough(go, _wanted(name, "go"))
        if not new_enough:
            pytest.skip(f"{name} wants Go {_wanted(name, 'go')}; here is {has}")
        _compile(go, name, built)
    return str(built)


if __name__ == "__main__":
    for each in sys.argv[1:]:
        try:
            print(compiled(each, asked=True))
        except (pytest.skip.Exception, pytest.fail.Exception) as why:
            sys.exit(f"{each}: {why}")
