# SPDX-License-Identifier: Apache-2.0
"""expected.json of a folder: what the Go collector makes of each of its cases, by name."""

import json


def expected(folder, name):
    return json.loads((folder / "expected.json").read_text())[name]


def keep_expected(folder, cases, name, found):
    """What is kept of no case any more goes."""
    path = folder / "expected.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept[name] = found
    path.write_text(json.dumps({k: kept[k] for k in cases if k in kept}, indent=1) + "\n")
