# SPDX-License-Identifier: Apache-2.0
"""otlp_grpc and the connections under it: peers that leave, refuse, fall silent, close half of it or move to another address. Nothing
is lost, and nothing is sent twice that was answered."""

import json
import threading

import grpc
import pytest
from h2.events import DataReceived, PingAckReceived, RequestReceived, SettingsAcknowledged
from harness import otlp
from harness.h2_peer import Connection, H2Peer
from harness.limits import PATIENCE, free_port
from harness.names import Names
from harness.otlp_peer import GrpcPeer, HttpPeer

CONFIG = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 64}}}}}}
exporters:
  otlp_grpc: {options}
service:
  shutdown_timeout: 2s
  pipelines:
    logs: {{receivers: [otlp], exporters: [otlp_grpc]}}
"""
SOON = {"initial_interval": "5ms", "max_interval": "20ms"}
WAITING = {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}


def config(endpoint, **options):
    options = {"endpoint": endpoint, "tls": {"insecure": True}, "compression": "none", "retry_on_failure": SOON, **options}
    return CONFIG.format(options=json.dumps(options))


@pytest.fixture
def peer():
    """peer(...) is an H2Peer, closed at the end; as are others that are appended to peer.made."""
    made = []

    def make(*args, **more):
        made.append(H2Peer(*args, **more))
        return made[-1]

    make.made = made
    yield make
    for p in made:
        p.close()


def bodies(taken):
    return [r.body.string_value for c in taken for rl in c.message.resource_logs for sl in rl.scope_logs for r in sl.log_records]


def named(name, size=0):
    request = otlp.logs(1)
    request.resource_logs[0].scope_logs[0].log_records[0].body.string_value = name + "." + "x" * size
    return request


def send(d, names, threads=8, size=0):
    """One record for each name, by several senders; each is acknowledged."""
    names = list(names)

    def load(mine):
        call = d.caller(otlp.LOGS.request())
        for name in mine:
            call(named(name, size), timeout=PATIENCE)

    workers = [threading.Thread(target=load, args=(names[i::threads],)) for i in range(threads)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()


def settled(d, n):
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert d.ledger("exporter", "otlp_grpc", "logs")["delivered"] == n


def arrived_once(p, names):
    found = sorted(b.split(".")[0] for b in bodies(p.taken))
    assert found == sorted(names)


# --- peers that leave ---


def test_a_goaway_in_mid_stream_loses_nothing_and_nothing_that_was_answered_goes_twice(otelcd, peer):
    """The fifth request of each connection hears that the one before it was the last: it and the later ones were not looked at."""

    def on_request(connection, stream):
        if connection.whole == 5:
            connection.leave(stream - 2)
        if connection.last is None or stream <= connection.last:
            connection.answer(stream)
        else:
            connection.close()

    p = peer(on_request)
    d = otelcd(config(p.endpoint), allow=["Exporting failed"])
    names = [f"n{i}" for i in range(200)]
    send(d, names)
    settled(d, 200)
    arrived_once(p, names)
    assert len(p.connections) >= 200 // 5


def test_a_peer_that_leaves_in_two_steps_is_obeyed(otelcd, peer):
    """As gRPC servers do it at the age of a connection: GOAWAY of the largest stream, a ping, then GOAWAY of the last one."""
    heard = threading.Event()

    def on_request(connection, stream):
        if connection.number > 1:
            connection.answer(stream)
            return
        connection.leave(0x7FFFFFFF)
        connection.h2.ping(b"leaving.")

    def on_event(connection, event):
        if isinstance(event, PingAckReceived):
            heard.set()

    p = peer(on_request, on_event)
    d = otelcd(config(p.endpoint, timeout="60s"), allow=["Exporting failed"])
    d.export(named("first"))
    assert heard.wait(PATIENCE)
    d.export(named("second"))
    p.wait(lambda p: len(p.taken) == 1 and len(p.connections) == 2)
    p.connections[0].leave(1)
    p.connections[0].answer(1)
    settled(d, 2)
    arrived_once(p, ["first", "second"])


def test_streams_that_are_refused_go_again_and_arrive_once(otelcd, peer):
    def on_request(connection, stream):
        if stream % 4 == 3:
            connection.refuse(stream)
        else:
            connection.answer(stream)

    p = peer(on_request)
    d = otelcd(config(p.endpoint), allow=["Exporting failed"])
    names = [f"n{i}" for i in range(100)]
    send(d, names)
    settled(d, 100)
    arrived_once(p, names)
    assert len(p.calls) > 100


def test_who_waits_for_the_answer_of_a_refused_stream_hears_that_it_may_try_again(otelcd, peer):
    p = peer(lambda connection, stream: connection.refuse(stream))
    d = otelcd(config(p.endpoint, **WAITING), allow=["."])
    with pytest.raises(grpc.RpcError) as heard:
        d.export(named("a"))
    assert heard.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("when", ["at once", "in the middle", "instead of an answer"])
def test_a_peer_that_closes_its_half_of_the_connection_is_left(otelcd, peer, when):
    def on_event(connection, event):
        first = {"at once": SettingsAcknowledged, "in the middle": DataReceived}.get(when)
        if connection.number == 1 and first is not None and isinstance(event, first):
            connection.half_close()

    def on_request(connection, stream):
        if connection.number == 1:
            if when == "instead of an answer":
                connection.half_close()
            return
        connection.answer(stream)

    p = peer(on_request, on_event)
    d = otelcd(config(p.endpoint, timeout="60s"), allow=["Exporting failed"])
    d.export(named("large", 100_000))
    p.wait(lambda p: len(p.taken) == 1)
    settled(d, 1)
    assert len(p.connections) == 2


# --- flow control ---


def test_a_window_that_shrinks_to_nothing_in_mid_stream_holds_the_body_until_it_grows(otelcd, peer):
    """What is over the new window is a negative one (RFC 9113 6.9.2): hyper-h2 would see a byte too many."""
    held = threading.Event()

    def on_event(connection, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, RequestReceived) and stream == 1:
            connection.set_window(0)
        elif isinstance(event, SettingsAcknowledged) and 1 in connection.bodies and not held.is_set():
            held.set()
            connection.h2.increment_flow_control_window(1 << 20)
            connection.h2.increment_flow_control_window(65536 + 10, 1)
        elif isinstance(event, DataReceived) and held.is_set():
            connection.h2.increment_flow_control_window(10_000, stream)

    p = peer(Connection.answer, on_event)
    p.gives_window = False
    d = otelcd(config(p.endpoint, timeout="60s"))
    d.export(named("large", 300_000))
    p.wait(lambda p: len(p.taken) == 1)
    assert held.is_set() and len(bodies(p.taken)[0]) > 300_000
    settled(d, 1)


# --- peers that fall silent ---


def test_keepalive_finds_a_dead_connection_and_another_takes_its_place(otelcd, peer):
    """The shortest time that is taken is ten seconds, as in gRPC."""

    def on_request(connection, stream):
        if connection.number == 1 and stream > 1:
            connection.frozen.set()
        else:
            connection.answer(stream)

    p = peer(on_request)
    d = otelcd(config(p.endpoint, timeout="0s", keepalive={"time": "10s", "timeout": "500ms"}), expect=["keepalive ping within 0.5 s"])
    d.export(named("first"))
    p.wait(lambda p: len(p.taken) == 1)
    d.export(named("second"))
    p.wait(lambda p: len(p.taken) == 2)
    settled(d, 2)
    arrived_once(p, ["first", "second"])
    assert len(p.connections) == 2


def test_without_keepalive_a_dead_connection_costs_no_more_than_the_calls_that_were_on_it(otelcd, peer):
    def on_request(connection, stream):
        if connection.number == 1 and stream > 1:
            connection.frozen.set()
        else:
            connection.answer(stream)

    p = peer(on_request)
    d = otelcd(config(p.endpoint, timeout="500ms"), allow=["Exporting failed"])
    d.export(named("first"))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 1)
    d.export(named("second"))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 2)
    settled(d, 2)
    # On a slow machine the first may have been sent twice: it had its answer too late.
    assert {b.split(".")[0] for b in bodies(p.taken)} == {"first", "second"}
    assert len(p.connections) >= 2


def test_without_keepalive_a_peer_that_falls_silent_costs_each_call_its_timeout_alone(otelcd, peer):
    def on_request(connection, stream):
        if stream > 1 and len(connection.peer.calls) < 4:
            return
        connection.answer(stream)

    p = peer(on_request)
    d = otelcd(config(p.endpoint, timeout="200ms"), expect=["Exporting failed"])
    d.export(named("first"))
    p.wait(lambda p: len(p.taken) == 1)
    d.export(named("second"))
    p.wait(lambda p: len(p.taken) == 2)
    settled(d, 2)
    assert len(p.connections) == 1


# --- a peer that is not there yet ---


def test_with_wait_for_ready_a_call_waits_for_a_peer_that_comes(otelcd, peer):
    port = free_port()
    d = otelcd(config(f"127.0.0.1:{port}", timeout="0s", wait_for_ready=True, **WAITING))
    call = d.caller(otlp.LOGS.request()).future(named("early"), timeout=PATIENCE)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 1)
    p = peer(port=port)
    call.result()
    arrived_once(p, ["early"])


def test_with_wait_for_ready_a_call_waits_no_longer_than_its_timeout(otelcd):
    d = otelcd(config(f"127.0.0.1:{free_port()}", timeout="300ms", wait_for_ready=True, **WAITING), allow=["Exporting failed"])
    with pytest.raises(grpc.RpcError) as heard:
        d.export(named("early"))
    assert heard.value.code() == grpc.StatusCode.UNAVAILABLE and "0.3 s" in heard.value.details()


def test_without_wait_for_ready_a_call_fails_while_there_is_nobody(otelcd):
    d = otelcd(config(f"127.0.0.1:{free_port()}", timeout="0s", **WAITING), allow=["Exporting failed"])
    with pytest.raises(grpc.RpcError) as heard:
        d.export(named("early"))
    assert heard.value.code() == grpc.StatusCode.UNAVAILABLE and "refused" in heard.value.details()


# --- names with several addresses ---

HOSTS = [f"127.0.3.{i}" for i in (1, 2, 3)]


@pytest.fixture
def several(peer):
    """Peers on one port of several addresses."""
    port = free_port()
    return [peer(host=host, port=port) for host in HOSTS]


def shares(peers):
    return [len(p.taken) for p in peers]


@pytest.mark.parametrize("balancer", [None, "round_robin"])
def test_round_robin_calls_all_addresses_of_the_name_in_turn(otelcd, several, tmp_path, balancer):
    names = Names(tmp_path, many_example=HOSTS)
    more = {} if balancer is None else {"balancer_name": balancer}
    d = otelcd(config(f"dns:///many-example:{several[0].port}", **more), under=names.command)
    d.export(named("first"))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_otlp_connections") == 3)
    for i in range(30):
        d.export(named(f"n{i}"))
        settled(d, i + 2)
    assert sum(shares(several)) == 31 and min(shares(several)) >= 10


def test_pick_first_calls_one_address_and_another_when_that_is_gone(otelcd, several, tmp_path):
    names = Names(tmp_path, many_example=HOSTS)
    d = otelcd(config(f"many-example:{several[0].port}", balancer_name="pick_first"), under=names.command, allow=["Exporting failed"])
    for i in range(10):
        d.export(named(f"n{i}"))
    settled(d, 10)
    assert sorted(shares(several)) == [0, 0, 10]
    assert d.metrics().sum("otelcd_exporter_otlp_connections") == 1
    next(p for p in several if p.taken).close()
    d.export(named("last"))
    settled(d, 11)
    assert sorted(shares(several)) == [0, 1, 10]


def test_one_of_several_that_dies_leaves_its_calls_to_the_others(otelcd, several, tmp_path):
    names = Names(tmp_path, many_example=HOSTS)
    d = otelcd(config(f"many-example:{several[0].port}"), under=names.command, allow=["Exporting failed"])
    d.export(named("first"))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_otlp_connections") == 3)
    several[1].close()
    rest = [f"n{i}" for i in range(40)]
    send(d, rest)
    settled(d, 41)
    left = [b.split(".")[0] for p in (several[0], several[2]) for b in bodies(p.taken)]
    dead = {b.split(".")[0] for b in bodies(several[1].taken)}  # the last of them perhaps without an answer
    assert len(set(left)) == len(left) and len(dead & set(left)) <= 8, "one of each sender's at the most"
    assert dead | set(left) == {"first", *rest}


def test_a_name_that_moves_is_followed_when_a_connection_ends(otelcd, several, tmp_path):
    names = Names(tmp_path, many_example=HOSTS[:1])
    d = otelcd(config(f"many-example:{several[0].port}"), under=names.command, allow=["Exporting failed"])
    d.export(named("first"))
    settled(d, 1)
    assert shares(several) == [1, 0, 0]
    names.set(many_example=HOSTS[1:])
    several[0].connections[0].leave(1)
    d.export(named("second"))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_otlp_connections") >= 2)
    rest = [f"n{i}" for i in range(20)]
    send(d, rest)
    settled(d, 22)
    assert shares(several)[0] == 1 and min(shares(several)[1:]) > 0


def test_over_http_too_a_name_that_moves_is_followed_when_a_connection_ends(otelcd, tmp_path):
    port = free_port()
    here, there = (HttpPeer(port=port, host=host) for host in HOSTS[:2])
    names = Names(tmp_path, many_example=HOSTS[:1])
    text = config(f"http://many-example:{port}").replace("otlp_grpc", "otlp_http")
    d = otelcd(text, under=names.command, allow=["Exporting failed"])
    d.export(named("first"))
    here.wait_items(1)
    names.set(many_example=HOSTS[1:2])
    here.close()
    rest = [f"n{i}" for i in range(20)]
    send(d, rest)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items", exporter="otlp_http") == 21)
    assert here.items() == 1
    arrived_once(there, rest)
    there.close()


# --- what does not fit ---


@pytest.mark.parametrize("retry, again", [(0.05, True), (None, False)])
def test_resource_exhausted_is_for_now_with_a_delay_and_for_good_without(otelcd, retry, again):
    p = GrpcPeer(lambda call: ("RESOURCE_EXHAUSTED", "no room", retry) if len(p.calls) < 3 else None)
    d = otelcd(config(p.endpoint), allow=["no room"])
    d.export(named("one"))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    ledger = d.ledger("exporter", "otlp_grpc", "logs")
    assert (ledger["delivered"], ledger["dropped"]) == ((1, 0) if again else (0, 1))
    assert len(p.calls) == (3 if again else 1)
    refused = d.records("The peer refuses")
    assert again or "does not say when to retry" in refused[0]["advice"]
    p.close()
