# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes a daemon."""

import json
import re
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from ..limits import PATIENCE, free_port, tool

FEATURES = "native-histograms,exemplar-storage"


class Prometheus:
    """target None: nothing is scraped, remote write is taken. config: the whole of prometheus.yml, in place of target's. tls: (CA,
    certificate, key), with which it serves."""

    scheme, context = "http", None

    def __init__(self, folder, target, features=FEATURES, config=None, program=None, flags=(), tls=None):
        if tls is not None:
            self.scheme, self.context = "https", ssl.create_default_context(cafile=str(tls[0]))
            served = f"tls_server_config: {{cert_file: '{tls[1]}', key_file: '{tls[2]}'}}\n"
            (folder / "web.yml").write_text(served)
            flags = [*flags, f"--web.config.file={folder}/web.yml"]
        scrapes = f"""
scrape_configs:
  - job_name: otelcd
    honor_labels: true
    static_configs: [{{targets: ["{target}"]}}]
"""
        (folder / "prometheus.yml").write_text(
            config or "global: {scrape_interval: 1s, scrape_timeout: 1s}\n" + (scrapes if target else "")
        )
        self.log = folder / "prometheus.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [
                    program or tool("prometheus"),
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    "--web.listen-address=127.0.0.1:0",
                    "--storage.remote.flush-deadline=1s",  # at the end whom it writes to may be gone
                    *([f"--enable-feature={features}"] if features else []),
                    *([] if target or config else ["--web.enable-remote-write-receiver"]),
                    *flags,
                ],
                stderr=log,
                stdout=log,
                cwd=folder,
            )
        try:
            self.address = self._wait_ready()
        except BaseException:
            self.close()
            raise

    def _wait_ready(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            text = self.log.read_text()
            listening = re.search(r'msg="Listening on" (?:component=web )?address=(\S+)', text)
            if listening and "Server is ready" in text:  # in either order
                return listening[1]
            assert time.monotonic() < deadline and self.process.poll() is None, text
            time.sleep(0.05)

    def api(self, path, **query):
        url = f"{self.scheme}://{self.address}/api/v1/{path}?" + urllib.parse.urlencode(query)
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE, context=self.context) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path} {query}: {e.code} {e.read().decode()}") from e

    def query(self, expression):
        return self.api("query", query=expression)["result"]

    def value(self, expression):
        result = self.query(expression)
        assert len(result) == 1, f"{expression}: {result}"
        return float(result[0]["value"][1])

    def wait(self, expression, met=bool):
        """Asks until met(result) is true."""
        deadline = time.monotonic() + PATIENCE
        while True:
            result = self.query(expression)
            if met(result):
                return result
            assert time.monotonic() < deadline, f"{expression}: {result}; targets: {self.api('targets')['activeTargets']}"
            time.sleep(0.2)

    def series(self, selector):
        """{labels: value} of what is selected."""
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in self.query(selector)}

    @property
    def write_url(self):
        return f"{self.scheme}://{self.address}/api/v1/write"

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()



class VictoriaMetrics(Prometheus):
    """A single-node VictoriaMetrics, which answers the same queries."""

    def __init__(self, folder, program=None, flags=()):
        self.log = folder / "victoria.log"
        port = free_port()  # it cannot be asked which port it took
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [
                    program or tool("victoria-metrics"),
                    f"-storageDataPath={folder}/data",
                    f"-httpListenAddr=127.0.0.1:{port}",
                    "-search.latencyOffset=0s",
                    "-search.disableCache",
                    *flags,
                ],
                stderr=log,
                stdout=log,
                cwd=folder,
            )
        self.address = f"127.0.0.1:{port}"
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.query("1")
                return
            except OSError:
                assert time.monotonic() < deadline and self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)

    def api(self, path, **query):
        if path == "targets":
            return {"activeTargets": []}
        return super().api(path, **query)

    def flush(self):
        """What was taken can be asked for from here on."""
        urllib.request.urlopen(f"http://{self.address}/internal/force_flush", timeout=PATIENCE).close()


def wait_same_series(a, b, selector, n):
    """Until both have the same n series with the same values."""
    deadline = time.monotonic() + PATIENCE
    while True:
        left, right = a.series(selector), b.series(selector)
        if left == right and len(left) == n:
            return
        assert time.monotonic() < deadline, (sorted(map(sorted, left.keys() ^ right.keys())), left, right)
        time.sleep(0.2)
