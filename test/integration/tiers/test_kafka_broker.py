# SPDX-License-Identifier: Apache-2.0
"""Exporter and receiver against a real Kafka broker: through its death, its limits, its SASL and TLS. Skipped aloud without
Java and Maven."""

import base64
import ctypes
import json
import signal
import time

import grpc
import pytest
from harness import otlp
from harness.limits import PATIENCE
from harness.otlp_peer import PEERS
from test_auth_client import TokenServer

kafka = pytest.importorskip("harness.kafka")
from harness.servers.kafka_broker import Broker, Disk  # noqa: E402

pytestmark = pytest.mark.xdist_group("kafka_broker")
TROUBLE = ["The brokers cannot be used", "The brokers do not give records", "librdkafka warns", "Offsets could not be committed",
           "Exporting failed", "The pipeline does not take", "librdkafka does not do as it is told", "Did not stop in time"]
RETRY = {"initial_interval": "20ms", "max_interval": "500ms", "max_elapsed_time": "0s"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A key with its certificate in one file, and the certificate."""
    import subprocess

    folder = tmp_path_factory.mktemp("pem")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "400", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    (folder / "both.pem").write_bytes(key.read_bytes() + certificate.read_bytes())
    return folder / "both.pem", certificate


@pytest.fixture(scope="module")
def broker(tmp_path_factory, certificates):
    b = Broker(tmp_path_factory.mktemp("broker"), pem=certificates[0])
    yield b
    b.close()


@pytest.fixture(scope="module")
def mortal(tmp_path_factory):
    """A broker to be killed, and its small disk; no disk where this machine lets nobody have one."""
    folder = tmp_path_factory.mktemp("mortal")
    try:
        disk = Disk(folder / "data", 40)
    except pytest.skip.Exception:
        disk = None
    b = Broker(folder, under=disk.under if disk else ())
    yield b, disk
    b.close()
    if disk:
        disk.close()


@pytest.fixture
def peer():
    """peer(answer=None): a real gRPC server that takes OTLP."""
    yield from kafka.each_closed(PEERS["otlp_grpc"])


def agent(address, topic, more="", **options):
    options = {"brokers": [address], "logs": {"topic": topic}, "retry_on_failure": RETRY, "timeout": "5s", **options}
    return f"""
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  kafka: {json.dumps(options)}
service:
  pipelines:
    logs: {{receivers: [otlp], exporters: [kafka]}}
{more}"""


def gateway(address, topic, peer, **options):
    options = {"brokers": [address], "logs": {"topics": [topic]}, "group_id": topic, "initial_offset": "earliest", "session_timeout": "6s",
               "heartbeat_interval": "500ms", "autocommit": {"interval": "100ms"}, **options}
    return f"""
receivers:
  kafka: {json.dumps(options)}
exporters:
  otlp_grpc: {{endpoint: "{peer.endpoint}", tls: {{insecure: true}}, sending_queue: {{enabled: false}}, retry_on_failure: {{enabled: false}}}}
service:
  pipelines:
    logs: {{receivers: [kafka], exporters: [otlp_grpc]}}
"""


def numbered(first, n):
    request = otlp.logs(n)
    for i, record in enumerate(request.resource_logs[0].scope_logs[0].log_records):
        record.body.string_value = str(first + i)
    return request


def bodies(peer):
    with peer.changed:
        calls = list(peer.calls)
    return [r.body.string_value for c in calls for g in c.message.resource_logs for s in g.scope_logs for r in s.log_records]


def wait_bodies(d, peer, n):
    wanted = {str(i) for i in range(n)}
    d.wait_metrics(lambda _: set(bodies(peer)) >= wanted)


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_one_otelcd_writes_another_reads(broker, peer, otelcd, compression):
    topic, p = broker.topic(f"way_{compression}"), peer()
    a = otelcd(agent(broker.address, topic, producer={"required_acks": "all", "compression": compression}), allow=TROUBLE)
    for i in range(10):
        a.export(numbered(20 * i, 20))
    g = otelcd(gateway(broker.address, topic, p), allow=TROUBLE)
    wait_bodies(g, p, 200)


def test_a_broker_that_is_killed_costs_no_acknowledged_item(mortal, peer, otelcd):
    (b, _), p = mortal, peer()
    topic = b.topic("killed")
    a = otelcd(agent(b.address, topic, producer={"required_acks": "all"}), allow=TROUBLE)
    g = otelcd(gateway(b.address, topic, p), allow=TROUBLE)
    for i in range(10):
        a.export(numbered(20 * i, 20))
    wait_bodies(g, p, 200)
    b.kill()
    for i in range(10, 30):
        a.export(numbered(20 * i, 20))
    b.start()
    wait_bodies(g, p, 600)
    a.wait_metrics(lambda _: a.ledger("exporter", "kafka", "logs")["delivered"] == 600)


def test_of_a_broker_whose_disk_is_full_what_was_acknowledged_arrives(mortal, peer, otelcd):
    (b, disk), p = mortal, peer()
    if disk is None:
        pytest.skip("this machine lets nobody have a disk of his own")
    topic, options = b.topic("full", 1), {"producer": {"required_acks": "all"}, "timeout": "3s"}
    a = otelcd(agent(b.address, topic, **{**options, "sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}), allow=TROUBLE)
    q = otelcd(agent(b.address, topic, **options), allow=TROUBLE)
    taken, refused = fill(b, a)
    assert len(taken) > 10 and refused and "No space left on device" in (b.folder / "broker.log").read_text()
    for i in range(1000, 1010):
        q.export(numbered(i, 1))
    a.wait_metrics(lambda _: a.ledger("exporter", "kafka", "logs")["held"] == 0)
    assert a.ledger("exporter", "kafka", "logs")["delivered"] == len(taken) and q.ledger("exporter", "kafka", "logs")["held"] == 10
    disk.resize(200)
    b.start()
    q.wait_metrics(lambda _: q.ledger("exporter", "kafka", "logs")["delivered"] == 10)
    g = otelcd(gateway(b.address, topic, p), allow=TROUBLE)
    wanted = taken | {str(i) for i in range(1000, 1010)}
    g.wait_metrics(lambda _: {body.rstrip("x") for body in bodies(p)} >= wanted)


def fill(broker, d):
    """Sends until the broker has died of it: the numbers of what was acknowledged, and of what was not."""
    taken, refused = set(), set()
    for i in range(1000):
        request = numbered(i, 1)
        request.resource_logs[0].scope_logs[0].log_records[0].body.string_value += "x" * 900_000
        try:
            d.export(request)
            taken.add(str(i))
        except grpc.RpcError as e:
            assert e.code() == grpc.StatusCode.UNAVAILABLE, e
            refused.add(str(i))
            if broker.process.poll() is not None:
                return taken, refused
    raise AssertionError("the disk has room for a gigabyte")


def test_a_topic_that_takes_less_than_is_configured_gets_smaller_records(broker, peer, otelcd):
    topic, p = broker.topic("small", max_message_bytes=20000), peer()
    a = otelcd(agent(broker.address, topic), allow=TROUBLE, expect=["take no records as large"])
    sent = numbered(0, 400)
    for record in sent.resource_logs[0].scope_logs[0].log_records:
        otlp.put(record.attributes, {"filling": "".join(chr(33 + ord(c) % 90) for c in str(hash(record.body.string_value)) * 10)})
    a.export(sent)
    g = otelcd(gateway(broker.address, topic, p), allow=TROUBLE)
    wait_bodies(g, p, 400)
    one = otlp.logs(1)
    one.resource_logs[0].scope_logs[0].log_records[0].body.string_value = "x" * 30000
    a.export(one)
    a.expect_warning("larger than the brokers take")
    a.wait_metrics(lambda _: a.ledger("exporter", "kafka", "logs")["dropped"] == 1)


def test_a_topic_that_is_not_there_is_named_and_delivered_to_once_it_is(broker, peer, otelcd):
    a = otelcd(agent(broker.address, "nowhere", timeout="1s", producer={"allow_auto_topic_creation": False}), allow=TROUBLE)
    a.export(numbered(0, 5))
    a.wait_metrics(lambda _: any('"nowhere": Local: Message timed out' in r["error"] and "is the topic there" in r["error"] for r in a.records("Will retry")))
    broker.topic("nowhere")
    p = peer()
    g = otelcd(gateway(broker.address, "nowhere", p), allow=TROUBLE)
    wait_bodies(g, p, 5)


def test_of_a_group_of_two_one_is_killed_again_and_again_and_every_item_arrives(broker, peer, otelcd):
    topic, p = broker.topic("group", 6), peer()
    a = otelcd(agent(broker.address, topic, producer={"required_acks": "all"}, logs={"topic": topic, "encoding": "otlp_proto"}, partition_logs_by_trace_id=True), allow=TROUBLE)
    steady = otelcd(gateway(broker.address, topic, p), allow=TROUBLE)
    for round_number in range(3):
        mortal = otelcd(gateway(broker.address, topic, p), allow=TROUBLE, end=False)
        mortal.wait_metrics(lambda _: mortal.metric("otelcd_receiver_kafka_partitions", receiver="kafka", signal="logs") > 0)
        for i in range(20):
            a.export(numbered(400 * round_number + 20 * i, 20))
        mortal.terminate(signal.SIGKILL)
        mortal.process.wait(PATIENCE)
    wait_bodies(steady, p, 1200)


def test_workers_are_members_of_a_group_each_by_a_name_of_its_own(broker, peer, otelcd):
    topic, p = broker.topic("workers", 4), peer()
    a = otelcd(agent(broker.address, topic, producer={"required_acks": "all"}), allow=TROUBLE)
    g = otelcd(gateway(broker.address, topic, p, group_instance_id="mine").replace("service:\n", "service:\n  workers: 2\n"), allow=TROUBLE)
    for i in range(10):
        a.export(numbered(20 * i, 20))
    wait_bodies(g, p, 200)
    assert {m[: -len("-01234567-0123-0123-0123-0123456789ab")] for m in broker.members(topic)} == {"mine", "mine-2"}  # a UUID behind each name


def test_sasl_plain_is_spoken_and_a_wrong_password_is_named(broker, peer, otelcd):
    topic, p = broker.topic("plain"), peer()
    auth = {"sasl": {"mechanism": "PLAIN", "username": "otel", "password": "otelpw"}}
    a = otelcd(agent(broker.sasl, topic, auth=auth), allow=TROUBLE)
    a.export(numbered(0, 10))
    g = otelcd(gateway(broker.sasl, topic, p, auth=auth), allow=TROUBLE)
    wait_bodies(g, p, 10)
    auth["sasl"]["password"] = "wrong"
    w = otelcd(agent(broker.sasl, topic, auth=auth).replace("service:", "service:\n  shutdown_timeout: 1s"), allow=TROUBLE, expect=["[Aa]uthentication"])
    w.export(numbered(0, 1))
    w.wait_log("The brokers cannot be used")


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_scram_is_spoken_or_it_is_said_why_it_is_not(broker, peer, otelcd, mechanism):
    """librdkafka makes a mistake in it up to 2.6.0, which a strict broker takes for a wrong password."""
    topic, p = broker.topic(mechanism.lower()), peer()
    auth = {"sasl": {"mechanism": mechanism, "username": "otel", "password": "otelpw"}}
    if ctypes.CDLL("librdkafka.so.1").rd_kafka_version() < 0x02060100:
        a = otelcd(agent(broker.sasl, topic, auth=auth).replace("service:", "service:\n  shutdown_timeout: 1s"), allow=TROUBLE,
                   expect=["makes a mistake in SCRAM", "invalid credentials"])
        a.export(numbered(0, 1))
        assert "invalid credentials" in str(a.wait_log("The brokers cannot be used"))
        return
    a = otelcd(agent(broker.sasl, topic, auth=auth), allow=TROUBLE)
    a.export(numbered(0, 10))
    g = otelcd(gateway(broker.sasl, topic, p, auth=auth), allow=TROUBLE)
    wait_bodies(g, p, 10)


def unsigned(lifetime=3600):
    """A token that is not signed: brokers take it that are told no better."""
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": "otel", "iat": now - 10, "exp": now + lifetime})
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."


@pytest.fixture
def token_server():
    server = TokenServer(lambda form, headers, n: (200, {"access_token": unsigned(), "token_type": "bearer", "expires_in": 3600}))
    yield server
    server.close()


def with_token(config, extension, options):
    return f"extensions:\n  {extension}: {json.dumps(options)}\n{config}".replace("service:", f"service:\n  extensions: [{extension}]", 1)


def test_tokens_of_a_server_are_taken_and_one_that_has_expired_is_not(broker, peer, otelcd, token_server):
    topic, p = broker.topic("tokens"), peer()

    def auth(extension):
        return {"sasl": {"mechanism": "OAUTHBEARER", "oauthbearer_token_source": extension}}

    fetched = {"client_id": "us", "client_secret": "secret", "token_url": token_server.url}
    a = otelcd(with_token(agent(broker.sasl, topic, auth=auth("oauth2client")), "oauth2client", fetched), allow=TROUBLE)
    a.export(numbered(0, 10))
    g = otelcd(with_token(gateway(broker.sasl, topic, p, auth=auth("bearertokenauth")), "bearertokenauth", {"token": unsigned()}), allow=TROUBLE)
    wait_bodies(g, p, 10)
    assert token_server.requests[0][0]["grant_type"] == "client_credentials"
    late = with_token(agent(broker.sasl, topic, auth=auth("bearertokenauth")), "bearertokenauth", {"token": unsigned(-5)})
    w = otelcd(late.replace("service:", "service:\n  shutdown_timeout: 1s", 1), allow=TROUBLE, expect=["[Aa]uthentication|expired|invalid_token"])
    w.export(numbered(0, 1))
    w.wait_log("The brokers cannot be used")


def test_tls_is_spoken_and_a_certificate_of_nobody_is_refused(broker, peer, otelcd, certificates):
    topic, p = broker.topic("tls"), peer()
    tls = {"ca_file": str(certificates[1])}
    a = otelcd(agent(broker.tls, topic, tls=tls), allow=TROUBLE)
    a.export(numbered(0, 10))
    g = otelcd(gateway(broker.tls, topic, p, tls=tls), allow=TROUBLE)
    wait_bodies(g, p, 10)
    w = otelcd(agent(broker.tls, topic, tls={}).replace("service:", "service:\n  shutdown_timeout: 1s"), allow=TROUBLE, expect=["certificate"])
    w.export(numbered(0, 1))
    w.wait_log("The brokers cannot be used")
