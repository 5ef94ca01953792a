# SPDX-License-Identifier: Apache-2.0
"""A balancer and its members: configurations, who has which key, and what has arrived where."""

import json
import zlib

from . import otlp
from .servers.kubernetes import meta

POSITIONS, POINTS = 131071, 200
SOON = {"initial_interval": "5ms", "max_interval": "20ms"}

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0"}}
extensions:
  file_storage: {{directory: {folder}/storage, create_directory: true}}
exporters:
  load_balancing: {options}
service:
  extensions: [file_storage]
  pipelines:
    traces: {{receivers: [otlp], exporters: [load_balancing]}}
"""


def config(folder, resolver, otlp=None, **more):
    block = {"tls": {"insecure": True}, "retry_on_failure": SOON, "compression": "none", **(otlp or {})}
    return CONFIG.format(folder=folder, options=json.dumps({"protocol": {"otlp": block}, "resolver": resolver, **more}))


def static(*endpoints):
    return {"static": {"hostnames": list(endpoints)}}


def service(api, port, **more):
    return {"k8s": {"service": "samplers.shop", "ports": [port], "api_server": f"http://{api.address}", **more}}


def slice_of(*addresses, name="samplers-1", ready=True):
    return {
        "metadata": meta(name, labels={"kubernetes.io/service-name": "samplers"}),
        "addressType": "IPv4",
        "endpoints": [{"addresses": [a], "conditions": {"ready": ready}} for a in addresses],
    }


class Ring:
    """The ring of the Go collector, 0.158."""

    def __init__(self, endpoints):
        points = []
        for e in endpoints:
            for i in range(POINTS):
                crc = zlib.crc32(e.encode() + i.to_bytes(4, "little"))
                points.append((crc % POSITIONS, crc, e))
        taken = {}
        for position, _, e in sorted(points):
            for probe in range(10):
                if (position + probe) % POSITIONS not in taken:
                    taken[(position + probe) % POSITIONS] = e
                    break
        self.places = sorted(taken.items())

    def owner(self, key):
        at = zlib.crc32(key) % POSITIONS
        return next((e for position, e in self.places if position >= at), self.places[0][1])


def spans(peer):
    """(trace id, span id) of all that the peer has said OK to."""
    return [
        (s.trace_id, s.span_id)
        for call in list(peer.taken)
        for r in call.message.resource_spans
        for scope in r.scope_spans
        for s in scope.spans
    ]


def sent(request):
    return [(s.trace_id, s.span_id) for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]


def of_traces(n, each=1):
    """A request of n traces with so many spans each, one after another in turns."""
    request = otlp.traces(n * each)
    all_spans = request.resource_spans[0].scope_spans[0].spans
    for i, span in enumerate(all_spans):
        span.trace_id = all_spans[i % n].trace_id
    return request
