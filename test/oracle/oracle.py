# SPDX-License-Identifier: Apache-2.0
"""What the comparisons with the Go collector share."""

import collections
import difflib
import http.client
import re
import sys
import time

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


REST = 3  # s; only where expected files are written anew


def gather(read, n):
    """What read() lists, when there are `n`. It comes a moment after the answer, or once an interval. `n` None: when
    nothing has come for some seconds."""
    deadline = time.monotonic() + (PATIENCE if n is not None else REST)
    found = read()
    while len(found) < (n if n is not None else sys.maxsize) and time.monotonic() < deadline:
        time.sleep(0.02)
        before, found = found, read()
        if n is None and len(found) != len(before):
            deadline = time.monotonic() + REST
    return found


def their_length(expected, listed):
    """How many lines the Go collector shows of what is expected of us, after what is listed."""
    found = listed.read_text().split("\n") if listed.exists() else []
    return len(expected) + sum({"-": -1, "+": 1}.get(line[:1], 0) for line in found)


LEVELS = ["Resource(Metrics|Spans|Log)", "Scope(Metrics|Spans|Logs)", "Metric|Span|LogRecord", r"\w*DataPoints", "SpanEvent|SpanLink|Exemplar"]


REQUEST = r"\w+\t"


def level_of(line):
    kind = re.fullmatch(r"(.*) #\d+", line)
    found = [i for i, pattern in enumerate(LEVELS, 1) if kind and re.fullmatch(pattern, kind[1])]
    return found[0] if found else None


class Part:
    """A request, resource, scope, metric, item, or what an item has: its own lines, the parts inside, and the line that
    ends it: the empty one behind a request, which is not of the part that happens to be the last."""

    def __init__(self, level, lines):
        self.level, self.lines, self.parts, self.end = level, lines, [], []

    def text(self):
        return [*self.lines, *(line for text in sorted(part.text() for part in self.parts) for line in text)]

    def likeness(self, other):
        mine, others = collections.Counter(self.text()), collections.Counter(other.text())
        return (mine & others).total() / max(mine.total(), others.total())

    def order_by(self, model):
        """As in the model: what is equal in its place, then what is like it; what is left stands behind."""
        left, found = sorted(self.parts, key=Part.text), {}
        for least in (1.0, 0.4):
            for i, part in enumerate(model.parts):
                likest = max(left, key=part.likeness, default=None)
                if i not in found and likest is not None and part.likeness(likest) >= least:
                    found[i] = likest
                    left.remove(likest)
                    likest.order_by(part)
        self.parts = [found[i] for i in sorted(found)] + left

    def written(self):
        out, numbers = list(self.lines), collections.Counter()
        for part in self.parts:
            head, *rest = part.written()
            out += [f"{head} #{numbers[head]}" if part.level else head, *rest]
            numbers[head] += 1
        return out + self.end


def parts_of(lines):
    root = Part(-1, [])
    above = [root]
    for line, following in zip(lines, [*lines, None][1:], strict=True):
        level = 0 if re.match(REQUEST, line) else level_of(line)
        if line == "" and len(above) > 1 and (following is None or re.match(REQUEST, following)):
            above[1].end.append(line)
            continue
        if level is None:
            above[-1].lines.append(line)
            continue
        while above[-1].level >= level:
            above.pop()
        part = Part(level, [line.rsplit(" #", 1)[0] if level else line])
        above[-1].parts.append(part)
        above.append(part)
    return root


def in_order(ours, theirs):
    """What the debug exporter shows of theirs, with resources, scopes, metrics, items and what is in them in the order of
    ours as far as they are the same: that of a Go map is another each time."""
    found = parts_of(theirs)
    for mine, other in zip(parts_of(ours).parts, found.parts, strict=False):  # requests stay in their order
        other.order_by(mine)
    return found.written()


def settle(listed, found, rewrite):
    """What is found must be what is listed; with rewrite, it is listed from now on."""
    if rewrite and found:
        listed.write_text("".join(line + "\n" for line in found))
    elif rewrite:
        listed.unlink(missing_ok=True)
    known = listed.read_text().split("\n")[:-1] if listed.exists() else []
    assert found == known, "\n".join(["not as in", str(listed), *differences("", known, found)])
