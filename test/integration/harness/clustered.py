# SPDX-License-Identifier: Apache-2.0
"""Resources through the k8s_attributes processor: test/data/k8s_attributes/cluster.yaml has the objects of an API
server, cases.yaml what is configured and the attributes of the resources that go through; expected/NAME.json the
attributes that they have then, and NAME.collector.txt what the Go collector makes instead (- ours, + its)."""

import json

import yaml

from .servers.kubernetes import ApiServer
from .limits import ROOT

FOLDER = ROOT / "test/data/k8s_attributes"
CASES = {case["name"]: case for case in yaml.safe_load((FOLDER / "cases.yaml").read_text())}

CONFIG = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
processors:
  k8s_attributes: %s
exporters:
  file: {path: "%s"}
service:
  pipelines:
    %s: {receivers: [otlp], processors: [k8s_attributes], exporters: [file]}
"""


def server(only=None):
    """An API server that has the objects."""
    api = ApiServer()
    for kind, objects in yaml.safe_load((FOLDER / "cluster.yaml").read_text()).items():
        for obj in objects:
            if only is None or only(kind, obj):
                api.put(kind, obj)
    return api


def kubeconfig(folder, address):
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "ours",
                "contexts": [{"name": "ours", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": f"http://{address}"}}],
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    return str(path)


def config(processor, out, signal="traces"):
    return CONFIG % (json.dumps({"auth_type": "kubeConfig", "wait_for_metadata": True, **processor}), out, signal)


def value(v):
    return {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}


def resource(attributes):
    return {"attributes": [{"key": k, "value": value(v)} for k, v in attributes.items()]}


def request(resources):
    span = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "s", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    return json.dumps({"resourceSpans": [{"resource": resource(r), "scopeSpans": [{"spans": [span]}]} for r in resources]}).encode()


def text(v):
    if "arrayValue" in v:
        return [text(item) for item in v["arrayValue"]["values"]]
    return next(iter(v.values()), None)


def attributes(lines, signal="Spans"):
    """Of each resource that the file exporter has written, by name."""
    resources = [r.get("resource", {}) for line in lines for r in json.loads(line)["resource" + signal]]
    return [{a["key"]: text(a["value"]) for a in sorted(r.get("attributes", []), key=lambda a: a["key"])} for r in resources]


def shown(found):
    return [json.dumps(r, ensure_ascii=False) for r in found]
