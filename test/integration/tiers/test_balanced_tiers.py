# SPDX-License-Identifier: Apache-2.0
"""Three tiers on one machine: agents, balancers, samplers, and a sink that counts. Samplers go and come under load."""

import json

import pytest
from harness import balanced
from harness.balanced import SOON, of_traces, sent, service, slice_of
from harness.servers.kubernetes import ApiServer
from harness.limits import free_port
from harness.otlp_peer import GrpcPeer

AGENT = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  otlp_grpc: {options}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_grpc]}}
"""

SAMPLER = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "{endpoint}"}}}}}}
processors:
  tail_sampling: {{decision_wait: 1s, policies: [{{name: all, type: always_sample}}]}}
  attributes: {{actions: [{{key: sampler, action: insert, value: "{endpoint}"}}]}}
exporters:
  otlp_grpc: {options}
service:
  pipelines:
    traces: {{receivers: [otlp], processors: [tail_sampling, attributes], exporters: [otlp_grpc]}}
"""
# A sampler that ends: who sends to it is told so, once or more.
PASSING = ["The peer does not take what is sent for now", "[Cc]onnection", "members"]


def to(endpoint):
    return json.dumps({"endpoint": endpoint, "tls": {"insecure": True}, "retry_on_failure": SOON, "compression": "none"})


class Tiers:
    def __init__(self, otelcd, api, sink, folder):
        self.otelcd, self.api, self.sink = otelcd, api, sink
        self.port = free_port()
        self.samplers, self.sent = {}, []
        self.add("127.0.0.2", "127.0.0.3", "127.0.0.4")
        self.balancers = [otelcd(balanced.config(folder, service(api, self.port)), allow=PASSING) for _ in range(2)]
        self.wait_members(3)
        addresses = [self.balancers[i % 2].grpc_address() for i in range(3)]
        self.agents = [otelcd(AGENT.format(options=to(text_of(a))), allow=PASSING) for a in addresses]

    def add(self, *hosts):
        for host in hosts:
            text = SAMPLER.format(endpoint=f"{host}:{self.port}", options=to(self.sink.endpoint))
            self.samplers[host] = self.otelcd(text, end=False)
        self.tell()

    def tell(self):
        self.api.put("endpointslices", slice_of(*self.samplers))

    def wait_members(self, n):
        for b in self.balancers:
            b.wait_metrics(lambda m: m.sum("otelcol_loadbalancer_num_backends") == n)

    def send(self, traces=100):
        """Each trace in three spans, by three agents."""
        requests = [of_traces(traces) for _ in self.agents]
        for request in requests[1:]:
            for span, first in zip(request.resource_spans[0].scope_spans[0].spans, requests[0].resource_spans[0].scope_spans[0].spans, strict=True):
                span.trace_id = first.trace_id
        for agent, request in zip(self.agents, requests, strict=True):
            agent.export(request)
            self.sent += sent(request)
        return {trace for trace, _ in sent(requests[0])}

    def arrived(self):
        return [
            (s.trace_id, s.span_id, next(a.value.string_value for a in s.attributes if a.key == "sampler"))
            for call in list(self.sink.taken)
            for r in call.message.resource_spans
            for scope in r.scope_spans
            for s in scope.spans
        ]

    def wait_all(self):
        self.sink.wait(lambda p: len({(t, s) for t, s, _ in self.arrived()}) == len(self.sent))


def text_of(address):
    return "%s:%d" % tuple(address) if isinstance(address, tuple) else str(address)


@pytest.fixture
def ends():
    api, sink = ApiServer(), GrpcPeer()
    yield api, sink
    api.close()
    sink.close()


def test_each_trace_is_whole_at_one_sampler_while_samplers_go_and_come(otelcd, ends, tmp_path):
    tiers = Tiers(otelcd, *ends, tmp_path)
    steady = tiers.send()
    tiers.wait_all()
    leaving = tiers.samplers.pop("127.0.0.2")
    tiers.send()
    leaving.terminate()
    tiers.send()
    assert leaving.wait_end() == 0
    tiers.send()
    tiers.tell()
    tiers.wait_members(2)
    tiers.wait_all()
    steady |= tiers.send()
    tiers.add("127.0.0.5")
    tiers.send()
    tiers.wait_members(3)
    tiers.wait_all()
    steady |= tiers.send()
    tiers.wait_all()
    check_arrived(tiers, steady)
    check_ledgers(tiers, leaving)


def check_arrived(tiers, steady):
    arrived = tiers.arrived()
    assert sorted((t, s) for t, s, _ in arrived) == sorted(tiers.sent)  # all of them, each once
    for trace in steady:
        assert len({sampler for t, _, sampler in arrived if t == trace}) == 1
    assert len({sampler for _, _, sampler in arrived}) == 4


def check_ledgers(tiers, leaving):
    n = len(tiers.sent)
    for tier in (tiers.agents, tiers.balancers):
        assert sum(d.ledger("pipeline", "traces")["received"] for d in tier) == n
        assert sum(d.ledgers()[k]["delivered"] for d in tier for k in d.ledgers() if k[0] == "exporter") == n
    samplers = [leaving]
    for d in tiers.samplers.values():
        d.close_clients()
        assert d.stop() == 0
        samplers.append(d)
    assert sum(d.final_ledgers()["pipeline", "traces"]["delivered"] for d in samplers) == n
