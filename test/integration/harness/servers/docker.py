# SPDX-License-Identifier: Apache-2.0
"""A Docker daemon as far as who asks for its containers and networks sees it, on a port or on a unix socket."""

import http.server
import json
import socketserver
import threading

from ..targets import Target

JSON = {"Content-Type": "application/json"}


def container(name, id=None, networks=None, mode="bridge", ports=(), labels=None):
    """ports: (private, public) with 0 for none, over TCP. networks: {name: (id, address)}."""
    return {
        "Id": id or "id-" + name, "Names": ["/" + name], "Image": "shop:1", "ImageID": "sha256:1", "Labels": labels or {},
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Networks": {n: {"NetworkID": i, "IPAddress": a} for n, (i, a) in (networks or {}).items()}},
        "Ports": [{"PrivatePort": p, "Type": "tcp", **({"PublicPort": q, "IP": "0.0.0.0"} if q else {})} for p, q in ports],
    }  # fmt: skip


class Docker:
    """answer: as ApiServer's; asked: paths with their queries."""

    def __init__(self, containers=(), networks=()):
        self.containers, self.networks, self.answer = list(containers), list(networks), None
        self.target = Target(self._serve)
        self.address = self.target.address

    @property
    def asked(self):
        return [path for path, _ in self.target.asked]

    def _serve(self, handler):
        if self.answer and (answer := self.answer(handler, handler.path)) is not False:
            return answer
        found = {"/containers/json": self.containers, "/networks": self.networks}.get(handler.path.partition("?")[0])
        return (404, JSON, b"{}") if found is None else (200, JSON, json.dumps(found).encode())

    def close(self):
        self.target.close()


class SocketServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class DockerSocket:
    """The same behind a unix socket."""

    def __init__(self, docker, path):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                docker.target.asked.append((self.path, self.headers))
                docker.target.answer(self)

            def address_string(self):
                return "unix"

            def log_message(self, *args):
                pass

        self.server = SocketServer(str(path), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
