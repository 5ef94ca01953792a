# SPDX-License-Identifier: Apache-2.0
"""The load_balancing exporter: who gets which item, and that nothing is lost when members change."""

import json
import os
import signal
import ssl
import subprocess

import grpc
import pytest
from harness import balanced, otlp
from harness.balanced import Ring, config, of_traces, sent, service, slice_of, spans, static
from harness.authority import Authority
from harness.daemon import OTELCD
from harness.servers.kubernetes import ApiServer
from harness.limits import PATIENCE, free_port
from harness.otlp_peer import GrpcPeer
from test_kubernetes_discovery import in_pod  # noqa: F401

TRACES = ("exporter", "load_balancing", "traces")
AWAY = "The peer does not take what is sent for now"
REFUSES = "The peer refuses what is sent"
UNRESOLVED = "failed to resolve"


@pytest.fixture
def peers():
    made = []

    def make(n=1, **more):
        new = [GrpcPeer(**more) for _ in range(n)]
        made.extend(new)
        return new if n > 1 else new[0]

    yield make
    for p in made:
        p.close()


@pytest.fixture
def api():
    server = ApiServer()
    yield server
    server.close()


def hosts(make, n, **more):
    """Peers that differ in their addresses and have one port."""
    while True:
        port = free_port()
        try:
            return [make(host=f"127.0.0.{i + 2}", port=port, **more) for i in range(n)], port
        except RuntimeError:  # another program has it
            continue


def all_sent(d):
    return d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items", exporter="load_balancing") == 0)


def arrived(*peers):
    return sorted(s for p in peers for s in spans(p))


def wait_members(d, n, leaving=0):
    d.wait_metrics(lambda m: m.sum("otelcol_loadbalancer_num_backends") == n and m.sum("otelcd_loadbalancer_leaving_members") == leaving)


def test_a_resource_that_each_part_would_repeat_past_the_budget_is_refused(otelcd, peers, tmp_path):
    many, port = hosts(peers, 20)
    text = config(tmp_path, static(*(p.endpoint for p in many))).replace("service:", "service:\n  memory_budget_mib: 8", 1)
    d = otelcd(text)
    request = of_traces(300)
    otlp.put(request.resource_spans[0].resource.attributes, {"long": "x" * 1_000_000})
    with pytest.raises(grpc.RpcError, match="each part repeats its resources"):
        d.export(request)
    d.export(of_traces(300))
    all_sent(d)
    assert len(arrived(*many)) == 300


def test_each_span_goes_to_the_member_that_go_would_send_its_trace_to(otelcd, peers, tmp_path):
    three = peers(3)
    d = otelcd(config(tmp_path, static(*(p.endpoint for p in three))))
    request = of_traces(300, each=3)
    d.export(request)
    all_sent(d)
    ring = Ring([p.endpoint for p in three])
    assert arrived(*three) == sorted(sent(request))
    for p in three:
        assert len(spans(p)) > 100
        assert all(ring.owner(trace) == p.endpoint for trace, _ in spans(p))
    assert d.metric("otelcol_loadbalancer_num_backends", exporter="load_balancing", data_type="traces", resolver="static") == 3
    assert d.metrics().sum("otelcol_loadbalancer_backend_outcome", success="true") == 3
    assert d.metrics().sum("otelcol_exporter_queue_size", exporter="load_balancing") == 0


def test_workers_agree_on_the_ring_and_show_each_member_once(otelcd, peers, tmp_path):
    three = peers(3)
    takes, three[0].answer = three[0].answer, lambda call: ("UNAVAILABLE", "not now", None)
    text = config(tmp_path, static(*(p.endpoint for p in three))).replace("service:", "service:\n  workers: 2", 1)
    d = otelcd(text, expect=[AWAY])
    requests = [of_traces(100) for _ in range(4)]
    for r in requests:
        d.export(r)  # each on a connection of its own
    nodes = lambda: json.loads(d.http("GET", "/api/v1/status", address=d.scrape_address())[2])["pipelines"][0]["nodes"]  # noqa: E731
    shown = lambda: sorted((m["endpoint"], m["member"], m["state"]) for m in nodes()[-1]["members"])  # noqa: E731
    wanted = sorted((p.endpoint, "here", "ok" if p != three[0] else "failing") for p in three)
    d.wait_metrics(lambda _: shown() == wanted)
    assert d.metrics().sum("otelcol_loadbalancer_num_backends") == 3
    d.wait_metrics(lambda _: [m["endpoint"] for m in nodes()[-1]["members"] if m["queue"]["items"]] == [three[0].endpoint])
    lines = lambda: json.loads(d.http("GET", "/api/v1/status", address=d.scrape_address())[2])["log"]  # noqa: E731
    d.wait_metrics(lambda _: {n for n in (1, 2) for line in lines() if line["text"].startswith(AWAY + ' {"worker":%d,' % n)} == {1, 2})
    three[0].answer = takes
    all_sent(d)
    ring = Ring([p.endpoint for p in three])
    assert arrived(*three) == sorted(s for r in requests for s in sent(r))
    assert all(ring.owner(trace) == p.endpoint for p in three for trace, _ in spans(p))


def test_a_resource_and_its_scope_go_with_the_spans_of_each_part(otelcd, peers, tmp_path):
    two = peers(2)
    d = otelcd(config(tmp_path, static(*(p.endpoint for p in two))))
    request = of_traces(50)
    request.resource_spans[0].schema_url = "https://a"
    request.resource_spans[0].scope_spans[0].schema_url = "https://b"
    d.export(request)
    all_sent(d)
    for p in two:
        resource = p.taken[0].message.resource_spans[0]
        assert resource.resource == request.resource_spans[0].resource and resource.schema_url == "https://a"
        assert resource.scope_spans[0].scope.name == "test" and resource.scope_spans[0].schema_url == "https://b"


def test_what_waits_for_a_member_that_goes_is_sent_to_those_that_stay(otelcd, peers, api, tmp_path):
    members, port = hosts(peers, 3)
    gone = members[0]
    gone.answer = lambda call: ("UNAVAILABLE", "not now", None)
    api.put("endpointslices", slice_of(*(f"127.0.0.{i + 2}" for i in range(3))))
    d = otelcd(config(tmp_path, service(api, port), otlp={"retry_on_failure": {"initial_interval": "60s"}}), expect=[AWAY])
    wait_members(d, 3)
    members_shown = json.loads(d.http("GET", "/api/v1/status", address=d.scrape_address())[2])["pipelines"][0]["nodes"][-1]["members"]
    assert [(m["endpoint"], m["member"], m["state"]) for m in members_shown] == [(p.endpoint, "here", "ok") for p in members]
    requests = [of_traces(60) for _ in range(10)]
    for r in requests:
        d.export(r)
    gone.wait(lambda p: len(p.calls) > 0)
    assert len(spans(gone)) == 0
    api.put("endpointslices", slice_of("127.0.0.3", "127.0.0.4"))
    all_sent(d)
    assert arrived(*members) == sorted(s for r in requests for s in sent(r))
    ring = Ring([p.endpoint for p in members[1:]])
    before = Ring([p.endpoint for p in members])
    for trace, span in arrived(*members):
        owner = before.owner(trace) if before.owner(trace) != gone.endpoint else ring.owner(trace)
        assert (trace, span) in spans(next(p for p in members if p.endpoint == owner))
    wait_members(d, 2)
    assert d.metrics().sum("otelcd_loadbalancer_moved_items") > 0
    ledger = d.ledger(*TRACES)
    assert ledger["received"] == ledger["delivered"] == 600


def test_a_member_that_comes_back_before_it_has_gone_goes_on(otelcd, peers, api, tmp_path):
    members, port = hosts(peers, 2)
    for p in members:
        p.answer = lambda call: ("UNAVAILABLE", "not now", None)
    api.put("endpointslices", slice_of("127.0.0.2", "127.0.0.3"))
    d = otelcd(config(tmp_path, service(api, port)), allow=[AWAY, "members"])
    wait_members(d, 2)
    request = of_traces(100)
    d.export(request)
    api.put("endpointslices", {**slice_of(), "endpoints": []})
    wait_members(d, 0, leaving=2)
    with pytest.raises(grpc.RpcError, match="no member to send to"):
        d.export(of_traces(1))
    api.put("endpointslices", slice_of("127.0.0.2", "127.0.0.3"))
    wait_members(d, 2)
    for p in members:
        p.answer = lambda call: None
    all_sent(d)
    assert arrived(*members) == sorted(sent(request))


def test_an_endpoint_that_is_not_ready_is_no_member(otelcd, peers, api, tmp_path):
    members, port = hosts(peers, 2)
    api.put("endpointslices", slice_of("127.0.0.2"))
    api.put("endpointslices", slice_of("127.0.0.3", name="samplers-2", ready=False))
    d = otelcd(config(tmp_path, service(api, port)))
    wait_members(d, 1)
    api.wait_asked("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", labelSelector="kubernetes.io/service-name=samplers")
    api.put("endpointslices", slice_of("127.0.0.3", name="samplers-2"))
    wait_members(d, 2)
    request = of_traces(100)
    d.export(request)
    all_sent(d)
    assert len(spans(members[0])) > 10 and len(spans(members[1])) > 10
    assert arrived(*members) == sorted(sent(request))


def test_in_a_pod_its_service_account_asks_for_its_own_namespace(otelcd, peers, in_pod, tmp_path):  # noqa: F811
    folder, command = in_pod
    ca = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ca.issue("kubernetes"))
    (folder / "ca.crt").write_bytes(ca.cert.read_bytes())
    (folder / "token").write_text("first")
    (folder / "namespace").write_text("shop\n")
    members, port = hosts(peers, 2)
    server = ApiServer(tls=context)
    try:
        server.put("endpointslices", slice_of("127.0.0.2"))
        host, _, at = server.address.partition(":")
        env = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": at}
        d = otelcd(config(tmp_path, {"k8s": {"service": "samplers", "ports": [port]}}), under=command, env=env)
        wait_members(d, 1)
        _, _, headers = server.wait_asked("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices")
        assert headers["Authorization"] == "Bearer first"
        (folder / "token").write_text("second")
        d.wait_log("^A file has changed and was read anew$")
        server.put("endpointslices", slice_of("127.0.0.3", name="samplers-2"))
        wait_members(d, 2)
        n = len([a for a in server.asked if a[1].get("watch")])
        server.end_watches()
        again = server.wait_asked("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", n=n + 1, watch="true")
        assert again[2]["Authorization"] == "Bearer second"
        request = of_traces(100)
        d.export(request)
        all_sent(d)
        assert arrived(*members) == sorted(sent(request))
        d.stop()
    finally:
        server.close()


def test_queues_on_disk_are_routed_anew_after_a_restart_with_other_members(otelcd, peers, tmp_path):
    on_disk = {"sending_queue": {"storage": "file_storage"}}
    nobody = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    stays = peers()
    d = otelcd(config(tmp_path, static(*nobody, stays.endpoint), otlp=on_disk), end=False)
    requests = [of_traces(90) for _ in range(5)]
    for r in requests:
        d.export(r)
    stays.wait_items(1)
    d.close_clients()
    assert d.stop() == 0
    new = peers(2)
    d = otelcd(config(tmp_path, static(stays.endpoint, *(p.endpoint for p in new)), otlp=on_disk))
    all_sent(d)
    assert arrived(stays, *new) == sorted(s for r in requests for s in sent(r))
    d.wait_log("A member has gone", n=2)
    folder = tmp_path / "storage" / "exporter_load_balancing_traces"
    assert len(list(folder.iterdir())) == 3  # those of members that have gone are not there any more
    ledger = d.ledger(*TRACES)
    assert ledger["received"] == ledger["delivered"] == 450


def test_a_batch_is_taken_whole_or_not_at_all(otelcd, peers, tmp_path):
    here, away = peers(2)
    away.answer = lambda call: ("UNAVAILABLE", "not now", None)
    d = otelcd(config(tmp_path, static(here.endpoint, away.endpoint), otlp={"sending_queue": {"queue_size": 3, "num_consumers": 1}}), allow=[AWAY])
    taken = []
    for _ in range(3):
        taken.append(of_traces(40))
        d.export(taken[-1])
    for _ in range(4):
        with pytest.raises(grpc.RpcError, match="sending queue is full: that of member 127.0.0.1:"):
            d.export(of_traces(40))
    away.answer = lambda call: None
    all_sent(d)
    assert arrived(here, away) == sorted(s for r in taken for s in sent(r))
    ledger = d.ledger(*TRACES)
    assert ledger["refused"] == 160 and ledger["delivered"] == 120


def test_a_batch_is_not_begun_for_a_full_queue_when_its_sender_waits_for_the_result(otelcd, peers, tmp_path):
    here, away = peers(2)
    away.answer = lambda call: ("UNAVAILABLE", "not now", None)
    d = otelcd(config(tmp_path, static(here.endpoint, away.endpoint), otlp={"sending_queue": {"queue_size": 1, "wait_for_result": True}}), expect=[AWAY])
    ring, first = Ring([here.endpoint, away.endpoint]), of_traces(1)
    while ring.owner(sent(first)[0][0]) != away.endpoint:
        first = of_traces(1)
    waiting = d.caller(first).future(first, timeout=2 * PATIENCE)
    away.wait(lambda p: p.calls)
    with pytest.raises(grpc.RpcError, match="sending queue is full: that of member"):
        d.export(of_traces(40))
    away.answer = lambda call: None
    waiting.result()
    assert arrived(here, away) == sent(first)


def test_without_a_queue_the_sender_waits_for_all_members(otelcd, peers, tmp_path):
    two = peers(2)
    d = otelcd(config(tmp_path, static(*(p.endpoint for p in two)), otlp={"sending_queue": {"enabled": False}}), expect=[REFUSES, "The sender is told"])
    request = of_traces(80)
    d.export(request)
    assert arrived(*two) == sorted(sent(request))
    two[1].answer = lambda call: ("INVALID_ARGUMENT", "never", None)
    answer = d.export(request)
    assert answer.partial_success.rejected_spans == len([1 for t, _ in sent(request) if Ring([p.endpoint for p in two]).owner(t) == two[1].endpoint])


def test_a_reload_with_other_members_moves_what_waits_in_memory(otelcd, peers, tmp_path):
    here, away, new = peers(3)
    away.answer = lambda call: ("UNAVAILABLE", "not now", None)
    d = otelcd(config(tmp_path, static(here.endpoint, away.endpoint)), allow=[AWAY], end=False)
    request = of_traces(200)
    d.export(request)
    d.reload(config(tmp_path, static(here.endpoint, new.endpoint)))
    all_sent(d)
    assert arrived(here, away, new) == sorted(sent(request))
    assert len(spans(new)) > 20
    d.close_clients()
    assert d.stop() == 0
    lines = [r for r in d.records("^Ledger$") if "exporter" in r]  # of the one before, and of the one after, which counts on
    assert len(lines) == 2 and lines[-1]["received"] == lines[-1]["delivered"] == 200


def test_kill_9_while_members_change_loses_nothing(otelcd, peers, tmp_path):
    on_disk = {"sending_queue": {"storage": "file_storage"}}
    stays = peers()
    acknowledged, kept = [], []
    for i in range(4):
        other = peers()
        kept.append(other)
        if i % 2 == 0:
            other.answer = lambda call: ("UNAVAILABLE", "not now", None)
        d = otelcd(config(tmp_path, static(stays.endpoint, other.endpoint), otlp=on_disk), end=False, allow=["ended in the middle", AWAY])
        for _ in range(5):
            r = of_traces(40)
            d.export(r)
            acknowledged += sent(r)
        d.close_clients()
        os.kill(d.process.pid, signal.SIGKILL)
        d.process.wait()
    d = otelcd(config(tmp_path, static(stays.endpoint), otlp=on_disk), allow=["ended in the middle", AWAY])
    all_sent(d)
    assert set(arrived(stays, *kept)) == set(acknowledged)


def test_a_name_that_cannot_be_looked_up_is_told_and_asked_for_again(otelcd, tmp_path):
    resolver = {"dns": {"hostname": "nobody.invalid", "interval": "100ms", "timeout": "30s"}}
    d = otelcd(config(tmp_path, resolver), expect=[UNRESOLVED])
    d.wait_metrics(lambda m: m.sum("otelcol_loadbalancer_num_resolutions", success="false") >= 2)
    with pytest.raises(grpc.RpcError, match="no member to send to"):
        d.export(of_traces(1))


def balancer_status(d):
    pipelines = json.loads(d.http("GET", "/api/v1/status", address=d.scrape_address())[2])["pipelines"]
    return next(n for p in pipelines for n in p["nodes"] if n["id"] == "load_balancing")


def test_how_long_there_has_been_no_member_is_told(otelcd, tmp_path):
    resolver = {"dns": {"hostname": "nobody.invalid", "interval": "100ms", "timeout": "30s"}}
    d = otelcd(config(tmp_path, resolver), expect=[UNRESOLVED])
    d.wait_metrics(lambda _: balancer_status(d).get("failures", 0) >= 3)
    assert balancer_status(d)["reason"] == "no member has been resolved yet"


def test_the_addresses_of_a_name_are_the_members(otelcd, peers, tmp_path):
    peer = peers()
    resolver = {"dns": {"hostname": "127.0.0.1", "port": peer.port, "interval": "100ms", "timeout": "30s"}}
    d = otelcd(config(tmp_path, resolver))
    wait_members(d, 1)
    request = of_traces(10)
    d.export(request)
    peer.wait_items(10)
    d.wait_metrics(lambda m: m.sum("otelcol_loadbalancer_num_resolutions", success="true") >= 3)
    assert d.metrics().sum("otelcol_loadbalancer_num_backend_updates") == 1


def test_the_lines_of_a_file_are_the_members_as_they_change(otelcd, peers, tmp_path):
    three, file = peers(3), tmp_path / "members"
    d = otelcd(config(tmp_path, {"file": {"path": str(file)}}), expect=[UNRESOLVED])
    d.wait_log(UNRESOLVED)  # it is not there yet
    file.write_text(f"# samplers\n{three[0].endpoint}\n\n  {three[1].endpoint}  # the second\n")
    wait_members(d, 2)
    first = of_traces(100)
    d.export(first)
    all_sent(d)
    assert all(spans(p) for p in three[:2])
    file.write_text(f"{three[0].endpoint}\nno port: at all\n")
    assert "members:2: " in d.wait_log(UNRESOLVED + ".*", n=2)["error"]
    file.write_text("\n".join(p.endpoint for p in three[1:]))
    wait_members(d, 2)
    d.wait_metrics(lambda m: m.sum("otelcol_loadbalancer_num_backend_updates") == 2)
    second = of_traces(100)
    d.export(second)
    all_sent(d)
    assert arrived(*three) == sorted(sent(first) + sent(second)) and spans(three[2])
    assert d.metric("otelcol_loadbalancer_num_backends", exporter="load_balancing", data_type="traces", resolver="file") == 2


MISTAKES = {
    "{}": "no resolvers specified for the exporter",
    "{static: {hostnames: [a]}, dns: {hostname: b}}": "only one resolver should be specified",
    "{static: }": "no endpoints specified for the static resolver",
    "{static: {hostnames: ['']}}": "nothing is no member",
    "{static: {hostnames: [" + "a" * 301 + "]}}": "has 301 bytes, and a host with its port has 300 at most",
    "{file: }": "no file specified: write path",
    "{dns: }": "no hostname specified to resolve the backends",
    "{dns: {hostname: a, port: x}}": '"x" is no port',
    "{k8s: {service: Shop_1}}": "is no name of a service",
    "{aws_cloud_map: {namespace: a}}": "AWS Cloud Map is not asked",
}


@pytest.mark.parametrize("resolver", MISTAKES)
def test_a_resolver_that_is_none_is_refused_with_what_to_write(tmp_path, resolver):
    assert MISTAKES[resolver] in faults(tmp_path, resolver)


@pytest.mark.parametrize(
    "more, words",
    [
        ("routing_key: nothing", "unsupported routing_key: nothing"),
        ("routing_key: metric", "traces can be routed by traceID, service or attributes"),
        ("routing_key: attributes", "routing_attributes must be specified"),
        ("routing_attributes: [a]", "can only be used when routing_key is"),
        ("sending_queue: {enabled: true}", "write it below protocol::otlp"),
        ("protocol: {otlp: {sending_queue: {num_consumers: 0}}}", "protocol::otlp::sending_queue::num_consumers: `num_consumers` must be positive"),
    ],
)
def test_a_key_that_is_none_is_refused_with_what_to_write(tmp_path, more, words):
    assert words in faults(tmp_path, "{static: {hostnames: [a]}}", more)


def faults(folder, resolver, more="routing_key: traceID"):
    text = f"receivers: {{nop: }}\nexporters:\n  load_balancing:\n    resolver: {resolver}\n    {more}\n"
    (folder / "c.yaml").write_text(text + "service: {pipelines: {traces: {receivers: [nop], exporters: [load_balancing]}}}\n")
    ran = subprocess.run([OTELCD, "validate", "--config", str(folder / "c.yaml")], capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 1
    return ran.stderr


def test_members_without_a_port_are_a_configuration(tmp_path):
    text = "receivers: {nop: }\nexporters: {load_balancing: {resolver: {static: {hostnames: [a, 10.0.0.1, '[::1]']}}}}\n"
    (tmp_path / "c.yaml").write_text(text + "service: {pipelines: {traces: {receivers: [nop], exporters: [load_balancing]}}}\n")
    ran = subprocess.run([OTELCD, "validate", "--config", str(tmp_path / "c.yaml")], capture_output=True, text=True, timeout=PATIENCE)
    assert (ran.returncode, ran.stderr) == (0, "")
