# SPDX-License-Identifier: Apache-2.0
"""Targets that otelcd scrapes, and the points that it made of them, read from the file exporter's file."""

import collections
import http.server
import json
import threading
import time

from .limits import PATIENCE

TEXT = {"Content-Type": "text/plain; version=0.0.4"}

Point = collections.namedtuple("Point", "name labels job instance value stale time")


class Target:
    """Answers each GET with `page`: bytes, (status, headers, body), or a function that does what it likes with the
    handler. `asked`: the paths and headers of what came."""

    def __init__(self, page=b"", tls=None):
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with target.changed:
                    target.asked.append((self.path, self.headers))
                    target.changed.notify_all()
                target.answer(self)

            def log_message(self, *args):
                pass

        self.page = page
        self.asked = []
        self.changed = threading.Condition()
        self.stopping = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *a: None
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def answer(self, handler):
        page = self.page
        if callable(page):
            try:
                page = page(handler)
            except OSError:
                return
            if page is None:
                return
        status, headers, body = page if isinstance(page, tuple) else (200, TEXT, page)
        try:
            handler.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            pass

    def wait_asked(self, n=1):
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while len(self.asked) < n:
                left = deadline - time.monotonic()
                assert left > 0, f"asked {len(self.asked)} times, not {n}"
                self.changed.wait(left)
            return self.asked[n - 1]

    def close(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def config(jobs, more="", pipeline="", above=""):
    """jobs: the list under scrape_configs, as Python. The points go to the file `points`."""
    return f"""
receivers:
  prometheus:
    {more}
    config:
      global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
      scrape_configs: {json.dumps(jobs)}
{above}
exporters:
  file: {{path: points}}
service:
  pipelines:
    metrics: {{receivers: [prometheus], {pipeline} exporters: [file]}}
"""


def job(*targets, name="test", **more):
    return {"job_name": name, "static_configs": [{"targets": [t.address if isinstance(t, Target) else t for t in targets]}], **more}


def text_of(value):
    return next(iter(value.values())) if value else ""


def points_of(request):
    for resource in request.get("resourceMetrics", []):
        about = {a["key"]: text_of(a["value"]) for a in resource["resource"].get("attributes", [])}
        for scope in resource.get("scopeMetrics", []):
            for metric in scope.get("metrics", []):
                data = next((metric[k] for k in ("gauge", "sum", "histogram", "summary", "exponentialHistogram") if k in metric), {})
                for p in data.get("dataPoints", []):
                    yield Point(
                        metric["name"],
                        {a["key"]: text_of(a["value"]) for a in p.get("attributes", [])},
                        about.get("service.name"),
                        about.get("service.instance.id"),
                        p.get("asDouble", p.get("asInt", p.get("count"))),
                        p.get("flags", 0) & 1 == 1,
                        int(p.get("timeUnixNano", 0)),
                    )


def points(daemon):
    """All that the file has: a list of points for each request."""
    path = daemon.folder / "points"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [list(points_of(json.loads(line))) for line in lines]


def wait_points(daemon, met):
    """Until met(requests) is true; what it gave."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = points(daemon)
        if got := met(found):
            return got
        assert time.monotonic() < deadline, f"never came true; last: {found[-1:]}"
        daemon.process_alive()
        threading.Event().wait(0.02)


def wait_point(daemon, name, **about):
    """The first point of that name with these fields and labels."""

    def met(requests):
        for request in requests:
            for p in request:
                if p.name == name and all(
                    (getattr(p, k) if k in Point._fields else p.labels.get(k)) == v for k, v in about.items()
                ):
                    return p
        return None

    return wait_points(daemon, met)
