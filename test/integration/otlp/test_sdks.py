# SPDX-License-Identifier: Apache-2.0
"""The OpenTelemetry SDKs for Go (v1.25.0 and the newest), Node.js, Python, Java (and its agent) and Rust deliver, with and
without gzip; some to the wrong port, too."""

import contextlib
import fcntl
import os
import shutil
import subprocess

import pytest

from configs import SCRAPE
from harness.servers.compiled import skip_where_go_is_too_old, wanted_go
from harness.limits import PATIENCE, ROOT, missing, tool

PEERS = ROOT / "test/peers"
BUILT = ROOT / "build/peers"
WRONG_PORT = ["gRPC|HTTP"]


def go_peer(version):
    """The program of test/peers/go/<version>, built once."""
    BUILT.mkdir(parents=True, exist_ok=True)
    program = BUILT / f"go-{version}"
    go = tool("go")
    skip_where_go_is_too_old(go, wanted_go(f"go/{version}"), f"the Go peer {version}")
    with open(f"{program}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several pytest processes may want it at once
        ran = subprocess.run(
            [go, "build", "-o", str(program), "."],
            cwd=PEERS / "go" / version,
            env={**os.environ, "GOFLAGS": "-buildvcs=false"},
            capture_output=True,
            text=True,
        )
    if ran.returncode != 0:
        missing(f"the Go peer {version} could not be built: {ran.stderr[-2000:]}")
    return str(program)


def node_peer():
    """test/peers/node with its packages, installed once into build/peers/node."""
    folder = BUILT / "node"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = folder / "package-lock.json"
        wanted = (PEERS / "node/package-lock.json").read_bytes()
        if not (folder / ".done").exists() or fresh.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PEERS / "node" / name, folder)
            ran = subprocess.run(
                [tool("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True, text=True
            )
            if ran.returncode != 0:
                missing("npm ci failed: " + ran.stderr[-2000:])
            (folder / ".done").touch()
        shutil.copy(PEERS / "node/peer.js", folder / "peer.js.new")
        os.replace(folder / "peer.js.new", folder / "peer.js")  # whole at each moment: another process may run it
    return [tool("node", "nodejs"), str(folder / "peer.js")]


@contextlib.contextmanager
def made_once(folder, *sources):
    """Yields whether build/peers/<folder> is to be made (again): not for the same sources. One process makes it, others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    done, wanted = folder / ".done", b"".join(s.read_bytes() for s in sources)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = done.exists() and done.read_bytes() == wanted
        yield not fresh
        if not fresh:
            done.write_bytes(wanted)


def make(what, *command, **more):
    """A step on the way to a peer. What cannot be had (no network, say) is skipped aloud; under CI that fails."""
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20 * PATIENCE, **more)
    if ran.returncode != 0:
        missing(f"{what}: {(ran.stdout + ran.stderr)[-2000:]}")


def toolchain(name, why):
    """A program that only these peers need: a machine without it goes without them, under CI too."""
    path = shutil.which(name) or shutil.which(name, path=os.path.expanduser("~/.cargo/bin"))
    if path is None:
        pytest.skip(f"{name} is not installed: {why} is not tried")
    return path


def python_peer():
    """test/peers/python in a virtual environment of its own."""
    folder, wanted = BUILT / "python", PEERS / "python/requirements.txt"
    python = toolchain("/usr/bin/python3", "the SDK for Python")
    if subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True).returncode != 0:
        pytest.skip("python3-venv is not installed: the SDK for Python is not tried")
    with made_once(folder, wanted) as due:
        if due:
            make("a virtual environment could not be made", python, "-m", "venv", "--clear", str(folder / "venv"))
            make("pip failed", str(folder / "venv/bin/pip"), "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted))
    return [str(folder / "venv/bin/python"), str(PEERS / "python/peer.py")]


def java_peer():
    """test/peers/java, compiled; the folder with the classes and lib/."""
    folder, sources = BUILT / "java", sorted((PEERS / "java").iterdir())
    javac = toolchain("javac", "the SDK for Java")
    maven = toolchain("mvn", "the SDK for Java")
    copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
    with made_once(folder, *sources) as due:
        if due:
            pom = str(PEERS / "java/pom.xml")
            make("mvn failed", maven, "-q", "-B", "-f", pom, copy, f"-DoutputDirectory={folder / 'lib'}")
            programs = [str(s) for s in sources if s.suffix == ".java"]
            make("javac failed", javac, "-cp", f"{folder}/lib/*", "-d", str(folder / "classes"), *programs)
    return folder


JAVA = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]  # one of many processes here


def rust_peer():
    """test/peers/rust, built."""
    folder, source = BUILT / "rust", PEERS / "rust"
    cargo = toolchain("cargo", "the SDK for Rust")
    with made_once(folder, source / "Cargo.toml", source / "Cargo.lock", source / "src/main.rs") as due:
        if due:
            make("cargo failed", cargo, "build", "--quiet", "--locked", cwd=source, env={**os.environ, "CARGO_TARGET_DIR": str(folder)})
    return str(folder / "debug/peer")


def run(*command, env=None):
    ran = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE, env={**os.environ, **(env or {})})
    assert ran.returncode == 0, ran.stdout + ran.stderr


def address(d, port):
    return d.grpc_address() if port == 4317 else d.http_address()


def delivered(d, spans, service, logs):
    """The ledgers and the debug exporter have what the SDK sent."""
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items", exporter="debug", signal="traces") == spans)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items", exporter="debug", signal="logs") == logs)
    dump = (d.folder / "stdout").read_text()
    assert f"service.name: Str({service})" in dump
    assert dump.count("LogRecord #") == logs
    return d.wait_metrics(lambda m: m.find("target_info", job=service), "prometheus")


@pytest.mark.parametrize("port", [4317, 4318])
@pytest.mark.parametrize("mode", ["grpc", "http"])
@pytest.mark.parametrize("version", ["v1.25.0", "newest"])
def test_go(otelcd, version, mode, port):
    program = go_peer(version)
    wrong = (mode == "grpc") != (port == 4317)
    d = otelcd(SCRAPE, expect=WRONG_PORT if wrong else ())
    run(program, mode, address(d, port))
    new = version == "newest"
    service = f"go-{'new' if new else 'old'}-{mode}"
    samples = delivered(d, 12, service, 6 if new else 0)
    assert samples.value("dice_rolls_total", job=service, even="true", instance="one") == 3
    assert samples.value("dice_duration_seconds_count", job=service) == 6
    assert samples.value("dice_duration_seconds_sum", job=service) == pytest.approx(0.21)
    assert samples.value("target_info", job=service, instance="one", service_version="1.2.3") == 1
    assert ("dice_exponential_seconds_count" in samples.names()) == new
    exposition = d.scrape("prometheus", "application/openmetrics-text;version=1.0.0")[1].decode()
    assert ("trace_id=" in exposition) == new, "exemplars come with the newest SDK"


@pytest.mark.parametrize("port", [4317, 4318])
@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("mode", ["grpc", "json", "proto"])
def test_node(otelcd, mode, compression, port):
    peer = node_peer()
    wrong = (mode == "grpc") != (port == 4317)
    d = otelcd(SCRAPE, expect=WRONG_PORT if wrong else ())
    run(*peer, mode, address(d, port), *([compression] if compression else []))
    service = f"node-{mode}"
    samples = delivered(d, 3, service, 1)
    assert "large.number: Int(12345678901)" in (d.folder / "stdout").read_text()
    assert samples.value("cart_items_total", job=service, shop="web") == 5
    assert samples.value("cart_duration_milliseconds_bucket", job=service, le="25") == 1
    assert samples.value("cart_duration_milliseconds_bucket", job=service, le="10") == 0
    assert samples.value("cart_exponential_sum", job=service) == 15


def shop_is_whole(d, service):
    """What the peers for Python, Java and Rust make."""
    samples = delivered(d, 3, service, 1)
    assert "large.number: Int(12345678901)" in (d.folder / "stdout").read_text()
    assert samples.value("cart_items_total", job=service, shop="web") == 5
    assert samples.value("cart_duration_milliseconds_count", job=service) == 1
    assert samples.value("cart_duration_milliseconds_sum", job=service) == 12.5
    assert samples.value("cart_exponential_count", job=service) == 4
    assert samples.value("cart_exponential_sum", job=service) == 15


@pytest.mark.xdist_group("sdk-python")
@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("mode", ["grpc", "http"])
def test_python(otelcd, mode, compression):
    peer = python_peer()
    d = otelcd(SCRAPE)
    run(*peer, mode, address(d, 4317 if mode == "grpc" else 4318), *([compression] if compression else []))
    shop_is_whole(d, f"python-{mode}")
    assert "grün: Str(ja)" in (d.folder / "stdout").read_text()


@pytest.mark.xdist_group("sdk-java")
@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("mode", ["grpc", "http"])
def test_java(otelcd, mode, compression):
    folder = java_peer()
    d = otelcd(SCRAPE)
    where = address(d, 4317 if mode == "grpc" else 4318)
    run(*JAVA, "-cp", f"{folder}/classes:{folder}/lib/*", "Peer", mode, where, compression)
    shop_is_whole(d, f"java-{mode}")


@pytest.mark.xdist_group("sdk-java")
@pytest.mark.parametrize("mode", ["grpc", "http/protobuf"])
def test_the_java_agent(otelcd, mode):
    """A program that knows nothing of OpenTelemetry: spans, JVM metrics and its log lines come from the agent."""
    folder = java_peer()
    d = otelcd(SCRAPE)
    agent = next((folder / "lib").glob("opentelemetry-javaagent-*.jar"))
    env = {
        "OTEL_SERVICE_NAME": "java-agent",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + address(d, 4317 if mode == "grpc" else 4318),
        "OTEL_EXPORTER_OTLP_PROTOCOL": mode,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    run(*JAVA, f"-javaagent:{agent}", "-cp", f"{folder}/classes", "Plain", env=env)
    samples = d.wait_metrics(lambda m: m.find("http_client_request_duration_seconds_count"), "prometheus")
    assert "jvm_gc_duration_seconds_count" in samples.names()
    dump = (d.folder / "stdout").read_text()
    assert "answered 204" in dump and "service.name: Str(java-agent)" in dump and "Span #0" in dump


@pytest.mark.xdist_group("sdk-rust")
@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("mode", ["grpc", "json", "proto"])
def test_rust(otelcd, mode, compression):
    peer = rust_peer()
    d = otelcd(SCRAPE)
    run(peer, mode, address(d, 4317 if mode == "grpc" else 4318), *([compression] if compression else []))
    shop_is_whole(d, f"rust-{mode}")
