# SPDX-License-Identifier: Apache-2.0
"""What the comparisons with the Go collector share."""

import difflib
import http.client

from harness.limits import PATIENCE

JSON = {"Content-Type": "application/json"}


def ask(address, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def differences(form, ours, theirs):
    diff = difflib.unified_diff(ours, theirs, n=0, lineterm="")
    return [f"{form} {line}".lstrip() for line in diff if line[0] in "+-" and line[:3] not in ("---", "+++")]


def settle(listed, found, rewrite):
    """What is found must be what is listed; with rewrite, it is listed from now on."""
    if rewrite and found:
        listed.write_text("".join(line + "\n" for line in found))
    elif rewrite:
        listed.unlink(missing_ok=True)
    assert found == (listed.read_text().split("\n")[:-1] if listed.exists() else [])
