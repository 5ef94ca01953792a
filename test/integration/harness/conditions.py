# SPDX-License-Identifier: Apache-2.0
"""Random conditions of OTTL, each with what it is as a function of a decoded item, and random requests for them.

A condition is drawn as a pair: its text, and a function of an Item. The functions work on messages that Google's protobuf has
decoded and know nothing of otelcd's: types, comparisons and arithmetic are those of the language's description. What
cannot be told raises Failed, and is then not true. Items differ by an id that no condition asks about, by which what is left of
a request is found again."""

import math
import random
import re
from collections import namedtuple

from otlp import common_pb2, logs_pb2, metrics_pb2, resource_pb2, trace_pb2

Item = namedtuple("Item", "resource scope metric item data below index", defaults=(None, 0))
Drawn = namedtuple("Drawn", "text of")


class Failed(Exception):
    """It cannot be told."""


class Map(list):
    """Pairs; of a key that comes twice the first counts."""

    def get(self, key):
        return next((v for k, v in self if k == key), None)


TEXTS = ["", "a", "b", "GET", "get /cart/17", "é", 'q"\\', "$x", "12", "-7", "true", "\U0001f600\n", "web"]
INTS = [0, 1, 2, 7, 9, 13, 17, -1, -7, 1 << 31, (1 << 53) + 1, -(1 << 63), (1 << 63) - 1]
DOUBLES = [0.0, 1.0, 1.5, -2.5, 7.0, 1e300, -0.0]
STRANGE = [math.nan, math.inf, -math.inf]
KEYS = ["a", "b", "c", "http.method", "é", "m", "l"]


# ---- values of messages ----


def value_of(any_value):
    which = any_value.WhichOneof("value")
    if which is None:
        return None
    v = getattr(any_value, which)
    if which == "kvlist_value":
        return map_of(v.values)
    return [value_of(e) for e in v.values] if which == "array_value" else v


def map_of(attributes):
    return Map((a.key, value_of(a.value)) for a in attributes)


def kind_name(number):
    names = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"]
    return names[number] if 0 <= number < len(names) else ""


def signed(v):
    return (v + (1 << 63)) % (1 << 64) - (1 << 63)


# ---- how the language reckons ----


def is_number(v):
    return type(v) in (int, float)


def same(a, b):
    """Equal as values in lists and maps are."""
    if type(a) is not type(b):
        return False
    if type(a) is list:
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is Map:
        return len(a) == len(b) and all(any(k == key for k, _ in b) and same(v, b.get(key)) for key, v in a)
    return a == b


def compare(op, a, b):
    if is_number(a) and is_number(b) and type(a) is not type(b):
        a, b = float(a), float(b)
    if type(a) is not type(b):
        return op == "!="
    if a is None:
        return op in ("==", "<=", ">=")
    if type(a) in (list, Map):
        return op in ("==", "!=") and same(a, b) == (op == "==")
    if type(a) is str:
        a, b = a.encode(), b.encode()
    return {"==": a == b, "!=": a != b, "<": a < b, "<=": a < b or a == b, ">": a > b, ">=": a > b or a == b}[op]


def reckon(op, a, b):
    if not is_number(a) or not is_number(b):
        raise Failed
    whole = type(a) is int and type(b) is int
    if not whole:
        a, b = float(a), float(b)
    if op == "/":
        if b == 0:
            raise Failed
        if whole:
            q = abs(a) // abs(b)
            return signed(q if (a < 0) == (b < 0) else -q)
    try:
        v = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[op]()
    except OverflowError:
        v = math.inf if (a > 0) == (b > 0) else -math.inf
    return signed(v) if whole else v


def index(v, key):
    if type(key) is str:
        if type(v) is not Map:
            raise Failed
        return v.get(key)
    if type(v) is not list or not 0 <= key < len(v):
        raise Failed
    return v[key]


def chosen(v, kind):
    if type(v) is not kind:
        raise Failed
    return v


def length(v):
    if type(v) is str:
        return len(v.encode())
    if type(v) not in (list, Map, bytes):
        raise Failed
    return len(v)


def as_int(v):
    if type(v) is bool:
        return int(v)
    if type(v) is float:
        if not -9.2e18 < v < 9.2e18:
            raise Undrawn
        return int(v)
    if type(v) is str:
        return int(v) if re.fullmatch(r"[-+]?[0-9]+", v, re.ASCII) and signed(int(v)) == int(v) else None
    if v is not None and type(v) is not int:
        raise Failed
    return v


class Undrawn(Exception):
    """What the language leaves to the machine: nothing is said of such a condition and item."""


# ---- drawing conditions ----


def quoted(text):
    out = "".join({'"': '\\"', "\\": "\\\\", "\n": "\\n"}.get(c, c) for c in text)
    return f'"{out}"'


def attributes_path(prefix, get):
    """attributes["a"], and deeper."""

    def draw(r):
        key = r.choice(KEYS)
        text, of = f"{prefix}[{quoted(key)}]", lambda i: map_of(get(i)).get(key)
        if key == "m" and r.random() < 0.7:
            inner = r.choice(KEYS)

            def deeper(i, of=of):
                v = of(i)
                if v is None and key not in [k for k, _ in map_of(get(i))]:
                    return None
                return index(v, inner)

            return Drawn(f"{text}[{quoted(inner)}]", deeper)
        if key == "l" and r.random() < 0.7:
            at = r.randrange(4)

            def element(i, of=of):
                v = of(i)
                if v is None and key not in [k for k, _ in map_of(get(i))]:
                    return None
                return index(v, at)

            return Drawn(f"{text}[{at}]", element)
        return Drawn(text, of)

    return draw


def field(text, of):
    return lambda r: Drawn(text, of)


def hexed(name, size, get):
    return field(f"{name}.string", lambda i: (get(i) or bytes(size)).hex())


COMMON = [
    attributes_path("resource.attributes", lambda i: i.resource.attributes),
    attributes_path("scope.attributes", lambda i: i.scope.attributes),
    field("scope.name", lambda i: i.scope.name),
    field("scope.version", lambda i: i.scope.version),
    field("resource.dropped_attributes_count", lambda i: i.resource.dropped_attributes_count),
]
LOG = [
    *[attributes_path("log.attributes", lambda i: i.item.attributes)] * 3,
    *[field("log.body", lambda i: value_of(i.item.body))] * 2,
    field("log.severity_number", lambda i: i.item.severity_number),
    field("log.severity_text", lambda i: i.item.severity_text),
    field("log.time_unix_nano", lambda i: signed(i.item.time_unix_nano)),
    field("log.flags", lambda i: i.item.flags),
    field("log.dropped_attributes_count", lambda i: i.item.dropped_attributes_count),
    field("log.event_name", lambda i: i.item.event_name),
    hexed("log.trace_id", 16, lambda i: i.item.trace_id),
    hexed("log.span_id", 8, lambda i: i.item.span_id),
]
SPAN = [
    *[attributes_path("span.attributes", lambda i: i.item.attributes)] * 3,
    field("span.name", lambda i: i.item.name),
    field("span.kind", lambda i: i.item.kind),
    field("span.kind.string", lambda i: kind_name(i.item.kind)),
    field("span.status.code", lambda i: i.item.status.code),
    field("span.status.message", lambda i: i.item.status.message),
    field("span.trace_state", lambda i: i.item.trace_state),
    field("span.start_time_unix_nano", lambda i: signed(i.item.start_time_unix_nano)),
    field("span.end_time_unix_nano", lambda i: signed(i.item.end_time_unix_nano)),
    field("span.flags", lambda i: i.item.flags),
    field("span.dropped_events_count", lambda i: i.item.dropped_events_count),
    hexed("span.trace_id", 16, lambda i: i.item.trace_id),
    hexed("span.parent_span_id", 8, lambda i: i.item.parent_span_id),
]
EVENT = [
    *[attributes_path("spanevent.attributes", lambda i: i.below.attributes)] * 3,
    field("spanevent.name", lambda i: i.below.name),
    field("spanevent.dropped_attributes_count", lambda i: i.below.dropped_attributes_count),
    field("spanevent.event_index", lambda i: i.index),
]
TYPES = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]


def of_data(name, kinds):
    return lambda i: getattr(getattr(i.metric, i.data), name) if i.data in kinds else None


METRIC = [
    field("metric.name", lambda i: i.metric.name),
    field("metric.unit", lambda i: i.metric.unit),
    field("metric.description", lambda i: i.metric.description),
    field("metric.type", lambda i: TYPES.index(i.data) + 1),
    field("metric.is_monotonic", of_data("is_monotonic", ("sum",))),
    field("metric.aggregation_temporality", of_data("aggregation_temporality", ("sum", "histogram", "exponential_histogram"))),
    attributes_path("metric.metadata", lambda i: i.metric.metadata),
]
NUMBERS = ("gauge", "sum")


def of_point(name, kinds):
    return lambda i: getattr(i.item, name) if i.data in kinds else None


POINT = [
    *METRIC,
    *[attributes_path("datapoint.attributes", lambda i: i.item.attributes)] * 3,
    field("datapoint.value_int", of_point("as_int", NUMBERS)),
    field("datapoint.value_double", of_point("as_double", NUMBERS)),
    field("datapoint.time_unix_nano", lambda i: signed(i.item.time_unix_nano)),
    field("datapoint.flags", lambda i: i.item.flags),
    field("datapoint.count", of_point("count", ("histogram", "exponential_histogram", "summary"))),
    field("datapoint.sum", of_point("sum", ("histogram", "exponential_histogram", "summary"))),
    field("datapoint.scale", of_point("scale", ("exponential_histogram",))),
    field("datapoint.zero_count", of_point("zero_count", ("exponential_histogram",))),
    field("datapoint.bucket_counts", lambda i: list(i.item.bucket_counts) if i.data == "histogram" else None),
    field("datapoint.explicit_bounds", lambda i: list(i.item.explicit_bounds) if i.data == "histogram" else None),
]
# By context: its paths, and the names that stand for numbers.
CONTEXTS = {
    "resource": ([COMMON[0], COMMON[4]], []),
    "scope": (COMMON, []),
    "log": (LOG * 2 + COMMON, [("SEVERITY_NUMBER_INFO", 9), ("SEVERITY_NUMBER_WARN2", 14), ("SEVERITY_NUMBER_ERROR", 17)]),
    "span": (SPAN * 2 + COMMON, [("SPAN_KIND_SERVER", 2), ("SPAN_KIND_CLIENT", 3), ("STATUS_CODE_ERROR", 2), ("STATUS_CODE_OK", 1)]),
    "spanevent": (EVENT * 3 + SPAN + COMMON, [("SPAN_KIND_SERVER", 2)]),
    "metric": (METRIC * 2 + COMMON, [("METRIC_DATA_TYPE_SUM", 2), ("AGGREGATION_TEMPORALITY_DELTA", 1)]),
    "datapoint": (POINT * 2 + COMMON, [("METRIC_DATA_TYPE_HISTOGRAM", 3), ("FLAG_NO_RECORDED_VALUE", 1)]),
}


class Drawing:
    """Draws conditions of one context."""

    def __init__(self, context, seed):
        self.context = context
        self.r = random.Random(seed)
        self.paths, self.names = CONTEXTS[context]

    def literal(self):
        r = self.r
        sort = r.randrange(7 if self.names else 6)
        if sort == 0:
            text = r.choice(TEXTS)
            return Drawn(quoted(text), lambda i: text)
        if sort in (1, 2):
            number = r.choice([n for n in INTS if n != -(1 << 63)])
            return Drawn(str(number), lambda i: number)
        if sort == 3:
            number = r.choice([0.0, 1.0, 1.5, -2.5, 7.0])
            return Drawn(repr(number), lambda i: number)
        if sort == 4:
            truth = r.random() < 0.5
            return Drawn(str(truth).lower(), lambda i: truth)
        if sort == 5:
            return Drawn("nil", lambda i: None)
        name, number = r.choice(self.names)
        return Drawn(name, lambda i: number)

    def path(self):
        return self.r.choice(self.paths)(self.r)

    def list(self):
        numbers = [self.r.choice([0, 1, 2]) for _ in range(self.r.randrange(3))]
        return Drawn(str(numbers), lambda i: numbers)

    def sum(self, depth):
        """Operands with signs between them; * and / bind closer."""
        r = self.r
        operands, ops = [self.operand(depth)], []
        for _ in range(r.randrange(1, 4)):
            ops.append(r.choice("+-*/"))
            operands.append(self.operand(depth))
        text = operands[0].text + "".join(f" {op} {o.text}" for op, o in zip(ops, operands[1:]))

        def of(i):
            # In the order of the text: what fails first fails all, whichever it is.
            terms, signs = [operands[0].of(i)], []
            for op, o in zip(ops, operands[1:]):
                if op in "*/":
                    terms[-1] = reckon(op, terms[-1], o.of(i))
                else:
                    signs.append(op)
                    terms.append(o.of(i))
            v = terms[0]
            for op, t in zip(signs, terms[1:]):
                v = reckon(op, v, t)
            return v

        return Drawn(text, of)

    def operand(self, depth):
        r = self.r
        if depth > 0 and r.random() < 0.2:
            inner = self.sum(depth - 1)
            return Drawn(f"({inner.text})", inner.of)
        if r.random() < 0.4:
            number = r.choice([0, 1, 2, 7, 1.5])
            return Drawn(str(number), lambda i: number)
        return self.path() if r.random() < 0.8 else self.call()

    def call(self):
        """A converter that makes a value. Its arguments are paths: of a literal it is seen at load that it does not fit."""
        a = self.path()
        sort = self.r.randrange(4)
        if sort == 0:
            return Drawn(f"Len({a.text})", lambda i: length(a.of(i)))
        if sort == 1:
            return Drawn(f"Int({a.text})", lambda i: as_int(a.of(i)))
        if sort == 2:
            b = self.literal_text()
            return Drawn(f"Concat([{b.text}, {quoted('x')}], {quoted('-')})", lambda i: b.of(i) + "-x")
        return Drawn(f"Substring({a.text}, 0, 1)", lambda i: first_letter(chosen(a.of(i), str)))

    def literal_text(self):
        text = self.r.choice(TEXTS)
        return Drawn(quoted(text), lambda i: text)

    def truth_call(self, depth):
        """A converter that is a condition by itself."""
        a = self.value(depth)
        sort = self.r.randrange(7)
        kinds = {"IsString": str, "IsInt": int, "IsDouble": float, "IsBool": bool, "IsMap": Map, "IsList": list}
        if sort < 4:
            name, kind = self.r.choice(list(kinds.items()))
            return Drawn(f"{name}({a.text})", lambda i: type(a.of(i)) is kind)
        a, b = self.path(), self.literal_text()
        if sort == 4:
            return Drawn(f"HasPrefix({a.text}, {b.text})", lambda i: chosen(a.of(i), str).startswith(b.of(i)))
        if sort == 5:
            return Drawn(f"HasSuffix({a.text}, {b.text})", lambda i: chosen(a.of(i), str).endswith(b.of(i)))
        return Drawn(f"IsMatch({a.text}, {quoted('^[a-z]+')})", lambda i: matches(a.of(i)))

    def value(self, depth):
        sort = self.r.random()
        if sort < 0.55 or depth <= 0:
            return self.path()
        if sort < 0.7:
            return self.sum(depth - 1)
        if sort < 0.85:
            return self.call()
        return self.literal()

    def comparison(self, depth):
        a, b = self.value(depth), self.list() if self.r.random() < 0.05 else self.literal() if self.r.random() < 0.7 else self.value(depth)
        if self.r.random() < 0.2:
            a, b = b, a
        op = self.r.choice(["==", "==", "!=", "<", "<=", ">", ">="])
        return Drawn(f"{a.text} {op} {b.text}", lambda i: compare(op, a.of(i), b.of(i)))

    def joined(self, word, depth):
        parts = [self.condition(depth - 1, word) for _ in range(self.r.randrange(2, 4))]
        stops = word == "or"

        def of(i):
            for p in parts:
                if p.of(i) == stops:
                    return stops
            return not stops

        return Drawn(f" {word} ".join(p.text for p in parts), of)

    def condition(self, depth, inside=""):
        """`inside`: what it is a part of; `or` in `and` and all in `not` needs parentheses, others may have them."""
        sort = self.r.random()
        if depth <= 0 or sort < 0.45:
            plain = self.comparison(max(depth, 0)) if self.r.random() < 0.8 else self.truth_call(max(depth, 0))
            if inside == "not" or self.r.random() < 0.1:
                return Drawn(f"({plain.text})", plain.of)
            return plain
        if sort < 0.6:
            inner = self.condition(depth - 1, "not")
            return Drawn(f"not {inner.text}", lambda i: not inner.of(i)) if inside != "not" else inner
        if sort < 0.65:
            truth = self.r.random() < 0.5
            return Drawn(str(truth).lower(), lambda i: truth)
        word = self.r.choice(["and", "or"])
        made = self.joined(word, depth)
        if inside == "not" or (inside == "and" and word == "or") or self.r.random() < 0.2:
            return Drawn(f"({made.text})", made.of)
        return made


def first_letter(text):
    """Substring(s, 0, 1): one byte, and no part of a character."""
    if text == "":
        raise Failed
    return text[0] if ord(text[0]) < 128 else ""


def matches(v):
    if v is None:
        return False
    if type(v) in (str, int, bool):
        text = v if type(v) is str else str(v).lower()
        return re.match("[a-z]+", text) is not None
    raise Undrawn


def conditions(context, seed, n):
    drawing = Drawing(context, seed)
    return [drawing.condition(3) for _ in range(n)]


def told(condition, item):
    """True, False, or None where nothing is said of it."""
    try:
        return bool(condition.of(item))
    except Failed:
        return False
    except Undrawn:
        return None


# ---- drawing requests ----


def put_any(r, any_value, depth=2):
    sort = r.randrange(8 if depth > 0 else 6)
    if sort in (0, 1):
        any_value.string_value = r.choice(TEXTS)
    elif sort == 2:
        any_value.int_value = r.choice(INTS)
    elif sort == 3:
        any_value.double_value = r.choice(DOUBLES + STRANGE)
    elif sort == 4:
        any_value.bool_value = r.random() < 0.5
    elif sort == 5:
        any_value.bytes_value = r.choice([b"", b"\x00", b"abc"])
    elif sort == 6:
        any_value.array_value.SetInParent()
        for _ in range(r.randrange(3)):
            put_any(r, any_value.array_value.values.add(), depth - 1)
    else:
        any_value.kvlist_value.SetInParent()
        for _ in range(r.randrange(3)):
            put_any(r, any_value.kvlist_value.values.add(key=r.choice(KEYS)).value, depth - 1)


def put_attributes(r, attributes):
    for _ in range(r.randrange(5)):
        key = r.choice(KEYS)
        any_value = attributes.add(key=key).value
        if key == "l" and r.random() < 0.8:
            any_value.array_value.SetInParent()
            for _ in range(r.randrange(4)):
                any_value.array_value.values.add().int_value = r.choice([0, 1, 2])
        elif key == "m" and r.random() < 0.8:
            any_value.kvlist_value.SetInParent()
            for _ in range(r.randrange(4)):
                put_any(r, any_value.kvlist_value.values.add(key=r.choice(KEYS)).value, 0)
        elif r.random() < 0.95:
            put_any(r, any_value)


def draw_id(r, size):
    return r.choice([b"", bytes(size), bytes([7] * size)])


def draw_log(r, number):
    record = logs_pb2.LogRecord(
        observed_time_unix_nano=number, time_unix_nano=r.choice([0, 1, 7, 1 << 63]), severity_number=r.choice([0, 9, 13, 14, 17]),
        severity_text=r.choice(TEXTS), flags=r.choice([0, 1, 2]), dropped_attributes_count=r.choice([0, 1, 7]),
        event_name=r.choice(TEXTS), trace_id=draw_id(r, 16), span_id=draw_id(r, 8))
    if r.random() < 0.9:
        put_any(r, record.body)
    put_attributes(r, record.attributes)
    return record


def draw_span(r, number):
    span = trace_pb2.Span(
        span_id=number.to_bytes(8, "big"), trace_id=draw_id(r, 16), parent_span_id=draw_id(r, 8), name=r.choice(TEXTS),
        kind=r.randrange(6), trace_state=r.choice(["", "a=1", "a=1,b=2"]), start_time_unix_nano=r.choice([0, 1, 7, 1 << 63]),
        end_time_unix_nano=r.choice([0, 2, 9]), flags=r.choice([0, 1]), dropped_events_count=r.choice([0, 1, 7]))
    if r.random() < 0.6:
        span.status.code = r.randrange(3)
        span.status.message = r.choice(TEXTS)
    put_attributes(r, span.attributes)
    for at in range(r.choice([0, 0, 1, 2, 3])):
        event = span.events.add(time_unix_nano=number * 8 + at, name=r.choice(TEXTS), dropped_attributes_count=r.choice([0, 1, 7]))
        put_attributes(r, event.attributes)
    return span


def draw_point(r, number, data):
    points = getattr(metrics_pb2, {"gauge": "NumberDataPoint", "sum": "NumberDataPoint", "histogram": "HistogramDataPoint",
                                   "exponential_histogram": "ExponentialHistogramDataPoint", "summary": "SummaryDataPoint"}[data])
    point = points(start_time_unix_nano=number, time_unix_nano=r.choice([0, 1, 1 << 63]), flags=r.choice([0, 1]))
    if data in NUMBERS:
        if r.random() < 0.5:
            point.as_int = r.choice(INTS)
        elif r.random() < 0.9:
            point.as_double = r.choice(DOUBLES + STRANGE)
    else:
        point.count = r.choice([0, 1, 7])
        if r.random() < 0.8:
            point.sum = r.choice(DOUBLES)
    if data == "histogram":
        point.bucket_counts.extend(r.choice([[], [1, 2], [0, 1, 2]]))
        point.explicit_bounds.extend(r.choice([[], [1.0], [1.0, 2.5]]))
    if data == "exponential_histogram":
        point.scale, point.zero_count = r.choice([-1, 0, 3]), r.choice([0, 1])
    put_attributes(r, point.attributes)
    return point


# ---- bytes that another encoder might have written ----


def wrap(number, content):
    """A field that is a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(v):
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def jumbled(r, message):
    """The message's bytes with its fields in any order; of single ones sometimes a first version that the second overrides."""
    pieces = []
    for descriptor, _ in message.ListFields():
        repeated = descriptor.label == descriptor.LABEL_REPEATED
        alone = type(message)()
        if repeated:
            # In their own order, and together: packed or not is the library's choice.
            getattr(alone, descriptor.name).MergeFrom(getattr(message, descriptor.name))
        elif descriptor.message_type is not None:
            getattr(alone, descriptor.name).CopyFrom(getattr(message, descriptor.name))
        else:
            setattr(alone, descriptor.name, getattr(message, descriptor.name))
        piece = alone.SerializeToString()
        if not repeated and descriptor.message_type is None and descriptor.containing_oneof is None and r.random() < 0.1:
            other = type(message)()
            kind = type(getattr(message, descriptor.name))
            setattr(other, descriptor.name, {str: "other", bytes: getattr(message, descriptor.name), bool: True}.get(kind, kind(1)))
            piece = other.SerializeToString() + piece
        pieces.append(piece)
    if r.random() < 0.3:
        pieces.append(wrap(200, b"nobody knows this field"))
    r.shuffle(pieces)
    return b"".join(pieces)


def draw_head(r, message):
    put_attributes(r, message.attributes)
    return message


def draw_items(r, signal, count, first):
    """The bytes of a scope's items, and what each is: (id, metric or None, item, data)."""
    wire, items = b"", []
    if signal != "metrics":
        draw = draw_log if signal == "logs" else draw_span
        for number in range(first, first + count):
            item = draw(r, number)
            wire += wrap(2, jumbled(r, item))
            items.append((number, None, item, ""))
        return wire, items
    for number in range(first, first + count):
        data = r.choice(TYPES)
        metric = metrics_pb2.Metric(name=r.choice(TEXTS), unit=r.choice(TEXTS), description=r.choice(TEXTS))
        put_attributes(r, metric.metadata)
        inner = getattr(metric, data)
        inner.SetInParent()
        if data in ("sum", "histogram", "exponential_histogram"):
            inner.aggregation_temporality = r.randrange(3)
        if data == "sum":
            inner.is_monotonic = r.random() < 0.5
        head = type(inner)()
        head.CopyFrom(inner)
        content = head.SerializeToString()
        point = draw_point(r, number, data)
        content = wrap(1, jumbled(r, point)) + content
        outer = metrics_pb2.Metric()
        outer.CopyFrom(metric)
        outer.ClearField(data)
        wire += wrap(2, jumbled(r, outer) + wrap({"gauge": 5, "sum": 7, "histogram": 9, "exponential_histogram": 10, "summary": 11}[data], content))
        items.append((number, metric, point, data))
    return wire, items


def events(items):
    """Of spans: the id and what it is, of each of their events."""
    return [(e.time_unix_nano, i._replace(below=e, index=at)) for _, i in items for at, e in enumerate(i.item.events)]


def request(signal, seed, count):
    """The bytes of a request of about `count` items, and of each: its id and what it is."""
    r = random.Random(seed)
    wire, items, first = b"", [], 1
    while first <= count:
        resource = draw_head(r, resource_pb2.Resource(dropped_attributes_count=r.choice([0, 1, 7])))
        group = wrap(1, jumbled(r, resource))
        for _ in range(r.randrange(1, 3)):
            scope = draw_head(r, common_pb2.InstrumentationScope(name=r.choice(TEXTS), version=r.choice(TEXTS)))
            inner, drawn = draw_items(r, signal, r.randrange(1, 6), first)
            first += len(drawn)
            group += wrap(2, wrap(1, jumbled(r, scope)) + inner)
            items += [(number, Item(resource, scope, metric, item, data)) for number, metric, item, data in drawn]
        wire += wrap(1, group)
    return wire, items
