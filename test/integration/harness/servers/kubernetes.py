# SPDX-License-Identifier: Apache-2.0
"""An API server of Kubernetes as far as a client that lists and watches sees it: pages, versions, events, bookmarks, and
versions that are too old."""

import collections
import json
import threading
import urllib.parse

from ..limits import PATIENCE
from ..targets import Target

JSON = {"Content-Type": "application/json"}

KINDS = {
    "pods": ("v1", "Pod"), "services": ("v1", "Service"), "endpoints": ("v1", "Endpoints"), "nodes": ("v1", "Node"),
    "namespaces": ("v1", "Namespace"), "replicasets": ("apps/v1", "ReplicaSet"), "deployments": ("apps/v1", "Deployment"),
    "statefulsets": ("apps/v1", "StatefulSet"), "daemonsets": ("apps/v1", "DaemonSet"), "jobs": ("batch/v1", "Job"),
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"), "ingresses": ("networking.k8s.io/v1", "Ingress"),
}  # fmt: skip

Event = collections.namedtuple("Event", "version kind ns type object said", defaults=[False])


def meta(name, ns="shop", **more):
    return {"name": name, "namespace": ns, **more}


def pod(name, ip="127.0.0.1", ports=(), ns="shop", labels=None, **status):
    return {
        "metadata": meta(name, ns, uid="uid-" + name, labels=labels or {"app": name}),
        "spec": {"nodeName": "node-1", "containers": [{"name": "main", "image": "shop:1", "env": [{"name": "SECRET", "value": "x"}],
                                                        "ports": [{"containerPort": p, "name": f"p{p}", "protocol": "TCP"} for p in ports]}]},
        "status": {"podIP": ip, "hostIP": "10.0.0.1", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], **status},
    }  # fmt: skip


def written(kind, obj, partial):
    """As the server writes it: what it is, and no more of it than is asked for."""
    version, name = ("meta.k8s.io/v1", "PartialObjectMetadata") if partial else KINDS[kind]
    return {"apiVersion": version, "kind": name, **({"metadata": obj["metadata"]} if partial else obj)}


def is_selected(obj, parameters):
    fields = {"metadata.name": obj["metadata"]["name"], "spec.nodeName": obj.get("spec", {}).get("nodeName")}
    labels = obj["metadata"].get("labels") or {}
    for has, selector in ((fields.get, "fieldSelector"), (labels.get, "labelSelector")):
        for term in filter(None, parameters.get(selector, "").split(",")):
            key, op, value = term.partition("!=") if "!=" in term else term.partition("=")
            if op and (has(key.lstrip("!")) == value) != (op == "="):
                return False
            if not op and (has(key.lstrip("!")) is None) != key.startswith("!"):
                return False
    return True


class ApiServer:
    """objects: {("pods", "shop", "a"): {...}}, changed by put() and delete(). answer: a function of the handler, its path
    and its parameters that may answer in place of the server; asked: (path, parameters, headers)."""

    def __init__(self, tls=None):
        self.objects, self.events, self.version, self.oldest = {}, [], 100, 0
        self.changed = threading.Condition()
        self.asked, self.answer, self.page = [], None, 500
        self.generation = 0
        self.closing = False
        self.target = Target(self._serve, tls=tls)
        self.address = self.target.address

    def put(self, kind, obj, tell=True):
        key = (kind, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        with self.changed:
            self.version += 1
            obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
            self._tell("MODIFIED" if key in self.objects else "ADDED", key, obj, tell)
            self.objects[key] = obj

    def delete(self, kind, ns, name, tell=True):
        with self.changed:
            self.version += 1
            self._tell("DELETED", (kind, ns, name), self.objects.pop((kind, ns, name)), tell)

    def _tell(self, event, key, obj, tell):
        if tell:
            self.events.append(Event(self.version, key[0], key[1], event, obj))
        self.changed.notify_all()

    def forget(self):
        """Versions from before now are too old, and the watches that are under way end."""
        with self.changed:
            self.version += 1
            self.oldest = self.version
            self.generation += 1
            self.changed.notify_all()

    def end_watches(self):
        with self.changed:
            self.generation += 1
            self.changed.notify_all()

    def say(self, kind, event, obj):
        """To the watches of a kind: as it is."""
        with self.changed:
            self.events.append(Event(self.version, kind, None, event, obj, said=True))
            self.changed.notify_all()

    def wait_asked(self, path, n=1, **parameters):
        with self.changed:
            met = lambda: [a for a in self.asked if a[0] == path and all(a[1].get(k) == v for k, v in parameters.items())]
            assert self.changed.wait_for(lambda: len(met()) >= n, PATIENCE), self.asked
            return met()[n - 1]

    def _serve(self, handler):
        path, _, query = handler.path.partition("?")
        parameters = dict(urllib.parse.parse_qsl(query))
        with self.changed:
            self.asked.append((path, parameters, handler.headers))
            self.changed.notify_all()
        if self.answer:
            answer = self.answer(handler, path, parameters)
            if answer is not False:
                return answer
        parts = path.strip("/").split("/")
        kind = parts[-1]
        ns = parts[-2] if "namespaces" in parts[:-1] else None
        partial = "as=PartialObjectMetadata" in handler.headers.get("Accept", "")
        if "sendInitialEvents" in parameters:  # a list by a watch, of newer servers
            return 422, JSON, json.dumps({"kind": "Status", "apiVersion": "v1", "code": 422, "reason": "Invalid", "status": "Failure"}).encode()
        if parameters.get("watch") in ("true", "1"):
            return self._watch(handler, kind, ns, parameters, partial)
        return self._list(kind, ns, parameters, partial)

    def _list(self, kind, ns, parameters, partial):
        with self.changed:
            found = [o for k, o in sorted(self.objects.items(), key=str) if k[0] == kind and ns in (None, k[1]) and is_selected(o, parameters)]
            at = int(parameters.get("continue", "0").strip("at ") or 0)
            page = found[at : at + self.page]
            about = {"resourceVersion": str(self.version)}
            if at + self.page < len(found):
                about["continue"] = f"at {at + self.page}"
            version, name = ("meta.k8s.io/v1", "PartialObjectMetadata") if partial else KINDS[kind]
            items = [written(kind, o, partial) for o in page]
            return 200, JSON, json.dumps({"apiVersion": version, "kind": name + "List", "metadata": about, "items": items}).encode()

    def _watch(self, handler, kind, ns, parameters, partial):
        since = int(parameters.get("resourceVersion") or 0)
        with self.changed:
            generation, too_old = self.generation, since < self.oldest
        if too_old:
            return 410, JSON, json.dumps({"kind": "Status", "code": 410, "message": "too old resource version"}).encode()
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        with self.changed:
            at = 0
            while True:
                for e in self.events[at:]:
                    if e.kind != kind or not (e.version > since or e.said) or (not e.said and ns not in (None, e.ns)):
                        continue
                    if not e.said and not is_selected(e.object, parameters):
                        continue
                    obj = e.object if e.said else written(kind, e.object, partial)
                    self._chunk(handler, json.dumps({"type": e.type, "object": obj}).encode() + b"\n")
                at = len(self.events)
                if generation != self.generation or self.closing:
                    break
                self.changed.wait(1)
        self._chunk(handler, b"")
        return None

    @staticmethod
    def _chunk(handler, data):
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        handler.wfile.flush()

    def close(self):
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self.target.close()
