# SPDX-License-Identifier: Apache-2.0
"""Proxies that are reached by https, and those that speak SOCKS 5: real ones where they stand for both, ours where it matters what was
said."""

import contextlib
import json
import socket
import ssl
import subprocess
import threading

import pytest
from harness.authority import Authority
from harness.limits import OTELCD, PATIENCE, free_port, tool
from harness.programs import running
from harness.relay import Relay, TlsFront, TunnelProxy
from harness.targets import Target, job, wait_point
from harness.targets import config as scraping
from test_client_ways import AGENT, GATEWAY, GRPC_AGENT, JSON, NO_PROXIES, delivered, send

NAME = "gateway.example"
PLAIN_AGENT = AGENT.replace("https://", "http://").replace("    tls: {{ca_file: '{ca}'}}\n", "")
PROXIED_AGENT = AGENT.replace("https://", "http://")  # the CA is for the proxy


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path)


def agent_config(ca, port, *more, host=NAME, base=AGENT):
    return base.format(host=host, port=port, ca=ca.cert, more="\n".join(f"    {line}" for line in more))


@contextlib.contextmanager
def program(port, *command):
    with running(command, lambda: socket.create_connection(("127.0.0.1", port), PATIENCE).close()):
        yield port


def microsocks(*login):
    port = free_port()
    return program(port, tool("microsocks"), "-i", "127.0.0.1", "-p", str(port), *login)


@contextlib.contextmanager
def tinyproxy(folder):
    port, conf = free_port(), folder / "tinyproxy.conf"
    conf.write_text(f"Port {port}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nLogFile \"{folder}/log\"\nMaxClients 20\n")
    with program(port, tool("tinyproxy"), "-d", "-c", str(conf)):
        yield port


class SocksProxy(Relay):
    """Says what a SOCKS 5 proxy says, however it was told to: `answers` are said one after the other, each when something has come; none:
    it connects to the port of the loopback that `names` has for the host:port that is asked for."""

    def __init__(self, names, answers=None):
        self.names, self.answers, self.asked = names, answers, []
        super().__init__()

    def open_peer(self, request):
        if self.answers is not None:
            for answer in self.answers:
                request.recv(1024)
                request.sendall(answer)
            while request.recv(1024):
                pass
            return request, None
        greeting = request.recv(2)
        request.recv(greeting[1])
        request.sendall(b"\5\0")
        head = request.recv(4)
        host = {1: lambda: socket.inet_ntop(socket.AF_INET, request.recv(4)), 3: lambda: request.recv(request.recv(1)[0]).decode(),
                4: lambda: "[" + socket.inet_ntop(socket.AF_INET6, request.recv(16)) + "]"}[head[3]]()  # fmt: skip
        name = f"{host}:{int.from_bytes(request.recv(2), 'big')}"
        self.asked.append(name)
        far = socket.create_connection(("127.0.0.1", self.names[name]), PATIENCE)
        request.sendall(b"\5\0\0\3\3any\0\1")
        return request, far


@pytest.mark.parametrize("login, shown", [((), ""), (("-u", "me", "-P", "p@ss"), "me:p%40ss@")], ids=["nobody", "a user"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_socks_proxy_of_the_world_is_gone_through(otelcd, ca, login, shown, secure):
    gateway = otelcd(GATEWAY)
    with microsocks(*login) as port, TlsFront(gateway.http_port, ca.issue("localhost"), ["h2"]) as front:
        config = agent_config(ca, front.port if secure else gateway.http_port, f'proxy_url: "socks5://{shown}127.0.0.1:{port}"', host="localhost",
                              base=AGENT if secure else PLAIN_AGENT)
        agent = otelcd(config, env=NO_PROXIES)
        send(agent, 20)
        delivered(gateway, 20)
        agent.stop()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_the_socks_proxy_is_told_names_as_they_are_and_addresses_as_addresses(otelcd, ca, scheme):
    gateway = otelcd(GATEWAY)
    names = {f"{name}:4318": gateway.http_port for name in (NAME, "192.0.2.1", "[2001:db8::1]")}
    with SocksProxy(names) as proxy:
        for n, name in enumerate(names):
            config = agent_config(ca, 4318, f'proxy_url: "{scheme}://127.0.0.1:{proxy.port}"', host=name.removesuffix(":4318"), base=PLAIN_AGENT)
            agent = otelcd(config, env=NO_PROXIES)
            send(agent, 4)
            delivered(gateway, 4 * (n + 1))
            agent.stop()
        assert set(proxy.asked) == set(names)


def test_grpc_goes_through_the_socks_proxy_of_the_environment(otelcd, ca):
    gateway = otelcd(GATEWAY)
    with SocksProxy({f"{NAME}:4317": gateway.grpc_port}) as proxy:
        agent = otelcd(GRPC_AGENT.format(port=4317, tls="insecure: true"), env={**NO_PROXIES, "HTTPS_PROXY": f"socks5://127.0.0.1:{proxy.port}"})
        send(agent, 8)
        delivered(gateway, 8)
        agent.stop()


WITHOUT_RETRIES = ("sending_queue: {enabled: false}",)


def fails(otelcd, config, why):
    config = config.replace("{initial_interval", "{enabled: false, initial_interval")
    agent = otelcd(config, env=NO_PROXIES, allow=["Exporting failed"])
    status, _, body = agent.http("POST", "/v1/logs", JSON, {"Content-Type": "application/json"})
    assert status == 503 and why.encode() in body, (status, body)
    agent.stop()


@pytest.mark.parametrize("answers, why", [
    ([b"\5\xff"], "it wants to know who we are: write a name and password into its URL, socks5://name:password@proxy:1080"),
    ([b"\5\0", b"\5\5\0\1\0\0\0\0\0\0"], "the connection was refused"),
    ([b"\5\0", b"\5\2"], "its rules do not allow it"),
    ([b"\5\0", b"\5\x63\0"], "it gives a reason unknown here"),
    ([b"\5\0", b"\5\0\0\7abc"], "what it answers is not SOCKS 5"),
    ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "what it answers is not SOCKS 5"),
], ids=["a login", "refused", "rules", "unknown", "no address", "HTTP"])  # fmt: skip
def test_what_a_socks_proxy_answers_besides_yes_is_told(otelcd, ca, answers, why):
    with SocksProxy({}, answers) as proxy:
        fails(otelcd, agent_config(ca, 4318, *WITHOUT_RETRIES, f'proxy_url: "socks5://127.0.0.1:{proxy.port}"', base=PLAIN_AGENT),
              f"the way to {NAME}:4318 through the proxy: {why}")


def test_a_wrong_password_for_a_socks_proxy_is_told(otelcd, ca):
    with microsocks("-u", "me", "-P", "right") as port:
        fails(otelcd, agent_config(ca, 4318, *WITHOUT_RETRIES, f'proxy_url: "socks5://me:wrong@127.0.0.1:{port}"', base=PLAIN_AGENT),
              "it does not take the name and password of its URL")


# ---- by https ----


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_proxy_of_the_world_behind_tls_is_gone_through(otelcd, ca, tmp_path, secure):
    gateway = otelcd(GATEWAY)
    with tinyproxy(tmp_path) as port, TlsFront(port, ca.issue("localhost"), ["http/1.1"]) as proxy:
        with TlsFront(gateway.http_port, ca.issue("localhost"), ["h2"]) as front:
            config = agent_config(ca, front.port if secure else gateway.http_port, f'proxy_url: "https://localhost:{proxy.port}"', host="localhost",
                                  base=AGENT if secure else PROXIED_AGENT)
            agent = otelcd(config, env=NO_PROXIES)
            send(agent, 20)
            delivered(gateway, 20)
            agent.stop()
            assert set(proxy.chosen) == {"http/1.1"}
            assert set(front.chosen) == ({"h2"} if secure else set())
            assert ("CONNECT localhost:" if secure else "POST http://localhost:") in (tmp_path / "log").read_text()


def test_large_requests_pass_through_tls_within_tls_as_fast_as_they_are_taken(otelcd, ca):
    gateway = otelcd(GATEWAY)
    with TlsFront(gateway.http_port, ca.issue(NAME), ["h2"]) as front, TunnelProxy({f"{NAME}:443": front.port}) as tunnel:
        with TlsFront(tunnel.port, ca.issue("localhost"), []) as proxy:
            proxy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # of those that it accepts
            agent = otelcd(agent_config(ca, 443, f'proxy_url: "https://localhost:{proxy.port}"', "compression: none"), env=NO_PROXIES)
            record = {"body": {"stringValue": "x" * 1_500_000}}
            body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record] * 4}]}]}).encode()
            for _ in range(4):
                assert agent.http("POST", "/v1/logs", body, {"Content-Type": "application/json"})[0] == 200
            delivered(gateway, 16)
            agent.stop()


class StallingFront(TlsFront):
    """Hands on what comes until it is so much that no handshake is, and takes nothing more then."""

    def __enter__(self):
        self.over = threading.Event()
        return super().__enter__()

    def __exit__(self, *args):
        self.over.set()
        super().__exit__(*args)

    def open_peer(self, request):
        near, far = super().open_peer(request)
        front, send, so_far = self, far.sendall, 0

        class Far:
            def __getattr__(self, name):
                return getattr(far, name)

            def sendall(self, data):
                nonlocal so_far
                so_far += len(data)
                if so_far > 50_000:
                    front.over.wait(PATIENCE)
                send(data)

        return near, Far()


def test_a_proxy_that_takes_nothing_any_more_is_left_with_the_request(otelcd, ca):
    gateway = otelcd(GATEWAY)
    with TlsFront(gateway.http_port, ca.issue(NAME), ["http/1.1"]) as front, TunnelProxy({f"{NAME}:443": front.port}) as tunnel:
        with StallingFront(tunnel.port, ca.issue("localhost"), []) as proxy:
            proxy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # of those that it accepts
            config = agent_config(ca, 443, f'proxy_url: "https://localhost:{proxy.port}"', "compression: none", "timeout: 2s", *WITHOUT_RETRIES)
            agent = otelcd(config.replace("{initial_interval", "{enabled: false, initial_interval"), env=NO_PROXIES, allow=["Exporting failed"])
            record = {"body": {"stringValue": "x" * 1_500_000}}
            body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record] * 6}]}]}).encode()
            status, _, answer = agent.http("POST", "/v1/logs", body, {"Content-Type": "application/json"})
            assert status == 503 and b"within 2 s" in answer, answer
            assert agent.stop() == 0


def test_grpc_goes_through_the_https_proxy_of_the_environment(otelcd, ca):
    gateway = otelcd(GATEWAY)
    with TlsFront(gateway.grpc_port, ca.issue(NAME), ["h2"]) as front, TunnelProxy({f"{NAME}:4318": front.port}, "me:secret") as tunnel:
        with TlsFront(tunnel.port, ca.issue("localhost"), []) as proxy:
            env = {**NO_PROXIES, "HTTPS_PROXY": f"https://me:secret@localhost:{proxy.port}"}
            agent = otelcd(GRPC_AGENT.format(port=4318, tls=f"ca_file: '{ca.cert}'"), env=env)
            send(agent, 8)
            delivered(gateway, 8)
            agent.stop()


def test_a_connection_through_tls_within_tls_that_is_cut_is_made_anew(otelcd, ca):
    gateway = otelcd(GATEWAY)
    with TlsFront(gateway.http_port, ca.issue(NAME), ["h2"]) as front, TunnelProxy({f"{NAME}:443": front.port}) as tunnel:
        with TlsFront(tunnel.port, ca.issue("localhost"), []) as proxy:
            agent = otelcd(agent_config(ca, 443, f'proxy_url: "https://localhost:{proxy.port}"'), env=NO_PROXIES, allow=["Exporting failed"])
            for n in range(1, 4):
                send(agent, 5)
                agent.wait_metrics(lambda m, n=n: m.sum("otelcd_exporter_delivered_items") == 5 * n)
                proxy.cut()
            assert len(tunnel.asked) >= 3
            agent.stop()


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_proxy_whose_certificate_is_another_s_is_told_nothing(otelcd, ca, secure):
    with TunnelProxy({}) as tunnel, TlsFront(tunnel.port, ca.issue("proxy.example", file="other"), []) as proxy:
        fails(otelcd, agent_config(ca, 4318, *WITHOUT_RETRIES, f'proxy_url: "https://localhost:{proxy.port}"', base=AGENT if secure else PROXIED_AGENT),
              "through the proxy: certificate" if secure else "the proxy localhost (127.0.0.1:")
        assert tunnel.asked == [] and tunnel.heads == []


def test_a_large_page_passes_through_tls_within_tls_as_fast_as_it_is_taken(otelcd, ca):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*ca.issue("target.test"))
    page = b"".join(b'load{number="%d",text="%s"} 3\n' % (n, b"x" * 200) for n in range(40_000))
    target = Target(page, tls=context)
    try:
        with TunnelProxy({"target.test:443": int(target.address.rpartition(":")[2])}) as tunnel, TlsFront(tunnel.port, ca.issue("localhost"), []) as front:
            tls = {"ca_file": str(ca.cert)}
            jobs = [job("target.test", scheme="https", tls_config=tls, proxy_url=f"https://localhost:{front.port}", scrape_timeout="30s", scrape_interval="30s")]
            d = otelcd(scraping(jobs), env=NO_PROXIES)
            assert wait_point(d, "scrape_samples_scraped").value == 40_000
            d.stop()
    finally:
        target.close()


def test_a_target_is_scraped_through_socks_and_through_a_proxy_at_https(otelcd, ca, tmp_path):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*ca.issue("target.test"))
    target = Target(b"load 3\n", tls=context)
    name = "target.test:443"
    try:
        port = int(target.address.rpartition(":")[2])
        with SocksProxy({name: port}) as socks, TunnelProxy({name: port}) as tunnel, TlsFront(tunnel.port, ca.issue("localhost"), []) as front:
            for url in (f"socks5://127.0.0.1:{socks.port}", f"https://localhost:{front.port}"):
                d = otelcd(scraping([job("target.test", scheme="https", tls_config={"ca_file": str(ca.cert)}, proxy_url=url)]), env=NO_PROXIES,
                           allow=["Failed to scrape"])
                assert wait_point(d, "load").value == 3
                d.stop()
            assert socks.asked and tunnel.asked
    finally:
        target.close()


@pytest.mark.parametrize("url, why", [
    ("ftp://a", "a proxy's URL begins with http://, https:// or socks5://"),
    ("socks4://a", "a proxy's URL begins with http://, https:// or socks5://"),
    ("socks5://me@a", "SOCKS 5 wants a name and a password: write socks5://name:password@host:1080"),
    ("socks5://" + "x" * 256 + ":p@a", "SOCKS 5 knows no names and passwords longer than 255 bytes"),
    ("socks5://a:0", '"0" is not a port'),
])  # fmt: skip
def test_a_proxy_that_cannot_be_is_refused(tmp_path, ca, url, why):
    (tmp_path / "c.yaml").write_text(agent_config(ca, 4318, f'proxy_url: "{url}"', base=PLAIN_AGENT))
    ran = subprocess.run([OTELCD, "validate", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 1 and why in ran.stdout + ran.stderr, ran
