# SPDX-License-Identifier: Apache-2.0
"""Configurations of others that are accepted run, and carry data: what they name outside is put where a test has it.

OTELCD_CORPUS as in test_corpus.py. Of a file only addresses and paths are changed, and its own telemetry, which the
harness needs to look in."""

import copy
import os
import pathlib
import re
import subprocess
import urllib.parse

import pytest
from harness.limits import OTELCD, PATIENCE, ROOT
from harness.otlp import sample
from harness.otlp_peer import GrpcPeer, HttpPeer
from harness.remote_write import Receiver

yaml = pytest.importorskip("yaml")

CORPUS = pathlib.Path(os.environ.get("OTELCD_CORPUS", ROOT.parent / "shared/corpus/configs"))
ANY = "127.0.0.1:0"


def is_accepted(file):
    return subprocess.run([OTELCD, "validate", "--config", str(file)], capture_output=True, timeout=PATIENCE).returncode == 0


FILES = [f for f in sorted(CORPUS.rglob("*.yaml")) if is_accepted(f)]


class Peers:
    """Who stands for what the configurations name."""

    def __init__(self):
        self.grpc, self.http, self.written = GrpcPeer(), HttpPeer(), Receiver()
        self._brokers = None

    def brokers(self):
        """Those of a cluster that is made when somebody asks."""
        if self._brokers is None:
            from harness import kafka  # skips where there is no client

            self._brokers = kafka.MockCluster()
        return [self._brokers.address]

    def close(self):
        for peer in (self.grpc, self.http, self.written, self._brokers):
            if peer is not None:
                peer.close()


@pytest.fixture
def peers():
    them = Peers()
    yield them
    them.close()


def moved(config, type, peers, folder):
    """That component's block with its addresses and paths elsewhere."""
    config = copy.deepcopy(config) or {}
    if type in ("otlp", "otlp_grpc"):
        return {**config, "endpoint": peers.grpc.endpoint, "tls": {"insecure": True}}
    if type in ("otlphttp", "otlp_http"):
        for key, url in [(k, v) for k, v in config.items() if k.endswith("endpoint")]:
            config[key] = peers.http.endpoint + urllib.parse.urlsplit(url).path
        config.pop("tls", None)
        return config
    if type in ("prometheusremotewrite", "prometheus_remote_write"):
        return {**config, "endpoint": peers.written.url}
    if type == "kafka":
        return {**{k: v for k, v in config.items() if k not in ("auth", "tls")}, "brokers": peers.brokers()}
    if type == "file":
        return {**config, "path": str(folder / pathlib.Path(config["path"]).name)}
    if type in ("prometheus", "health_check", "zpages", "pprof"):
        return {**config, "endpoint": ANY}
    return config


def here(tree, peers, folder):
    tree = copy.deepcopy(tree)
    for section in ("exporters", "extensions"):
        for id, config in (tree.get(section) or {}).items():
            tree[section][id] = moved(config, id.split("/")[0], peers, folder)
    for id, config in tree["receivers"].items():
        if id.split("/")[0] == "otlp":
            for protocol in config["protocols"]:
                config["protocols"][protocol] = {**(config["protocols"][protocol] or {}), "endpoint": ANY}
        if id.split("/")[0] == "kafka":
            tree["receivers"][id] = moved(config, "kafka", peers, folder)
        if id.split("/")[0] == "prometheusremotewrite":
            tree["receivers"][id] = {**(config or {}), "endpoint": ANY}
        if id.split("/")[0] == "prometheus":
            for job in config["config"]["scrape_configs"]:
                job.update(scrape_interval="1y", scrape_timeout="1s")  # nobody is there to be scraped
    tree["service"].pop("telemetry", None)
    return tree


def listens(d, id):
    """gRPC where it is served, else HTTP."""
    return [r["endpoint"] for r in d.records("^Starting (GRPC|HTTP) server$") if r["otelcol.component.id"] == id][0], bool(
        [r for r in d.records("^Starting GRPC server$") if r["otelcol.component.id"] == id]
    )


def send(d, id, signal):
    address, over_grpc = listens(d, id)
    request = sample(signal, 3)
    if over_grpc:
        d.export(request, address=address)
    else:
        assert d.post(request, address=address)[0] == 200


@pytest.mark.skipif(not FILES, reason=f"no corpus of configurations at {CORPUS}: set OTELCD_CORPUS")
@pytest.mark.parametrize("file", FILES, ids=[f.stem for f in FILES])
def test_a_configuration_of_others_runs_and_carries_data(otelcd, peers, tmp_path, file):
    tree = yaml.safe_load(file.read_text())
    pipelines = tree["service"]["pipelines"]
    sent = {(r, id.split("/")[0]) for id, p in pipelines.items() for r in p["receivers"] if r.split("/")[0] == "otlp"}
    sent = {(receiver, signal) for receiver, signal in sent if signal != "profiles"}
    d = otelcd(yaml.safe_dump(here(tree, peers, tmp_path)), allow=["Fault in the configuration", "The brokers do not give records", "Offsets could not be committed"])
    for receiver, signal in sorted(sent):
        send(d, receiver, signal)
    assert d.stop() == 0  # what is held, for as long as tail_sampling wants, goes out while the peers are there
    ledgers = d.final_ledgers()
    chosen = {id for id, p in pipelines.items() if any(re.match("filter|tail_sampling", x) for x in p.get("processors") or [])}
    fed = {id for id, p in pipelines.items() if any((r, id.split("/")[0]) in sent for r in p["receivers"])}
    for id in pipelines:
        ledger = ledgers["pipeline", id]
        assert ledger["delivered"] + ledger["dropped"] == ledger["received"], ledgers
        assert ledger["received"] > 0 or id not in fed, ledgers
    for key, ledger in ledgers.items():
        assert ledger["refused"] == 0 and (ledger["dropped"] == 0 or key[1] in chosen), (key, ledger)
    assert sum(ledgers[k]["delivered"] for k in ledgers if k[0] == "exporter" and re.match("otlp(_grpc)?(/|$)", k[1])) == peers.grpc.items()
    assert sum(ledgers[k]["delivered"] for k in ledgers if k[0] == "exporter" and re.match("otlp_?http(/|$)", k[1])) == peers.http.items()
