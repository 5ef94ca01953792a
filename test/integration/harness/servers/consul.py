# SPDX-License-Identifier: Apache-2.0
"""Consul as far as a client of its catalog and its health sees it: blocking queries, an index that grows, and an agent that
knows its datacenter."""

import json
import threading
import urllib.parse

from ..limits import PATIENCE
from ..targets import Target

JSON = {"Content-Type": "application/json"}


def instance(service, id="1", address="", port=80, node="n1", node_address="127.0.0.1", tags=(), checks=(), **more):
    return {
        "Node": {"Node": node, "Address": node_address, "Datacenter": "dc1", "Meta": {"rack-id": "r1"}, "TaggedAddresses": {"lan": node_address}},
        "Service": {"ID": id, "Service": service, "Tags": list(tags), "Address": address, "Port": port, "Meta": {"version": "2"}, **more},
        "Checks": [{"CheckID": c, "Status": s} for c, s in checks],
    }  # fmt: skip


class Consul:
    """services: {"web": [instance(...)]}, changed by put(). answer: as ApiServer's. asked: (path, parameters, headers), each
    value of parameters a list."""

    def __init__(self):
        self.services, self.index = {}, 10
        self.changed = threading.Condition()
        self.asked, self.answer, self.closing = [], None, False
        self.target = Target(self._serve)
        self.address = self.target.address

    def put(self, name, instances):
        """None: the service is gone."""
        with self.changed:
            self.index += 1
            if instances is None:
                del self.services[name]
            else:
                self.services[name] = instances
            self.changed.notify_all()

    def restart(self):
        """It has lost what it was, and begins at a smaller index."""
        with self.changed:
            self.index = 1
            self.services = {}
            self.changed.notify_all()

    def wait_asked(self, path, met=lambda p: True, n=1):
        with self.changed:
            found = lambda: [a for a in self.asked if a[0] == path and met(a[1])]
            assert self.changed.wait_for(lambda: len(found()) >= n, PATIENCE), self.asked
            return found()[n - 1]

    def _serve(self, handler):
        path, _, query = handler.path.partition("?")
        parameters = urllib.parse.parse_qs(query)
        with self.changed:
            self.asked.append((path, parameters, handler.headers))
            self.changed.notify_all()
            if self.answer and (answer := self.answer(handler, path, parameters)) is not False:
                return answer
            if path == "/v1/agent/self":
                return 200, JSON, json.dumps({"Config": {"Datacenter": "dc1"}, "Member": {"Tags": {"x": "y"}}}).encode()
            since = int(parameters.get("index", ["0"])[0])
            if since and since == self.index:
                self.changed.wait_for(lambda: self.index != since or self.closing, 10)
            body = self._value(path)
            return 200, {**JSON, "X-Consul-Index": str(self.index)}, json.dumps(body).encode()

    def _value(self, path):
        if path == "/v1/catalog/services":
            return {name: sorted({t for i in found for t in i["Service"]["Tags"]}) for name, found in self.services.items()}
        return self.services.get(urllib.parse.unquote(path.rpartition("/")[2]), [])

    def close(self):
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self.target.close()
