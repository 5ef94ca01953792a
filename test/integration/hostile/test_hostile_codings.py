# SPDX-License-Identifier: Apache-2.0
"""Compressed bodies that lie about their length, or hold a thousand times what they are: bounded before they are inflated."""

import gzip
import zlib
from concurrent.futures import ThreadPoolExecutor

import lz4.frame
import pytest

from configs import NOP
from h2client import Client
from harness.limits import SANITIZED
from harness.otlp import TRACES
from harness.watch import MIB, PeakRss, recovery, serves

ZSTD = b"\x28\xb5\x2f\xfd"
FRAMED = b"\xff\x06\0\0sNaPpY"
LIES = {
    "zstd, 2^62 bytes": ("zstd", ZSTD + b"\xe0" + bytes(7) + b"\x40\x09\0\0a", 413),
    "zstd, 19 MiB": ("zstd", ZSTD + b"\xa0" + (19 * MIB).to_bytes(4, "little") + b"\x09\0\0a", 400),
    "zstd, a window of 2^41": ("zstd", ZSTD + b"\0\xf8\x09\0\0a", 400),
    "zstd, a window of 2 GiB": ("zstd", ZSTD + b"\0\xa8\x09\0\0a", 400),
    "snappy, 4 GiB": ("snappy", b"\xff\xff\xff\xff\x0f\0", 400),
    "snappy, 19 MiB": ("snappy", b"\x80\x80\xc0\x09\0a", 400),
    "framed snappy, a chunk of 16 MiB": ("x-snappy-framed", FRAMED + b"\0\x09\0\0\1\2\3\4\x80\x80\x80\x08\0", 400),
    "gzip, 19 MiB in its trailer": ("gzip", gzip.compress(b"a" * 30_000)[:-4] + (19 * MIB).to_bytes(4, "little"), 400),
    "gzip, a bomb within the limit": ("gzip", gzip.compress(bytes(20 * MIB)), 400),
    "gzip, a bomb": ("gzip", gzip.compress(bytes(200 * MIB), 1), 413),
    "gzip, a bomb in 20,000 members": ("gzip", gzip.compress(bytes(4096)) * 20_000, 413),
    "gzip in gzip": ("gzip", gzip.compress(gzip.compress(bytes(100 * MIB), 1)), 400),
    "lz4, a bomb": ("lz4", lz4.frame.compress(bytes(100 * MIB)), 413),
    "lz4, a bomb that hides its size": ("lz4", lz4.frame.compress(bytes(100 * MIB), store_size=False, block_size=7), 413),
    "lz4, cut short": ("lz4", lz4.frame.compress(bytes(4 * MIB))[:-9], 400),
    "deflate, a bomb": ("deflate", zlib.compress(bytes(100 * MIB), 1), 413),
}


@pytest.mark.parametrize("what", LIES)
def test_a_length_that_lies_and_a_bomb_cost_no_more_than_the_limit(otelcd, figure, what):
    coding, body, status = LIES[what]
    d = otelcd(NOP, allow=["Request rejected"])
    headers = {"content-type": "application/x-protobuf", "content-encoding": coding}
    assert serves(d)
    before = d.rss()
    with PeakRss(d) as peak, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: d.http("POST", "/v1/traces", body, headers)[0], range(40)))
        if coding in ("gzip", "zstd", "snappy", "deflate") and len(body) < 4 * MIB:
            with Client(d.grpc_port) as c:
                for _ in range(10):
                    assert c.call(TRACES.rpc, body, [("grpc-encoding", coding)], flag=1).grpc_status in (3, 8, 13)
        assert serves(d)
    assert answers == [status] * 40
    figure("peak RSS over what it was", (peak.peak - before) / MIB, "MiB")
    figure("served when it is over, after", recovery(d), "s")
    # Two bodies are unpacked at a time, to 20 MiB at most, and while a block grows the old one is there, too.
    assert peak.peak - before < 160 * MIB or SANITIZED
