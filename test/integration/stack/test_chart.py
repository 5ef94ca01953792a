# SPDX-License-Identifier: Apache-2.0
"""The chart in contrib/kubernetes, and what it renders to: each object is one that the API server would take (read by its
type, with Kubernetes' own modules), they name one another rightly, and otelcd takes its configurations."""

import os
import subprocess

import pytest
import yaml
from harness.servers.compiled import compiled
from harness.limits import ROOT

CHART = ROOT / "contrib/kubernetes/otelcd"
RENDERED = ROOT / "contrib/kubernetes/otelcd.yaml"
OTELCD = os.environ["OTELCD"]

VALUES = {
    "as it is": {},
    "pods are read": {"agent": {"readsPods": True}, "gateway": {"readsPods": True}},
    "pods are told of": {"agent": {"podMetadata": True}},
    "pods are told of, and gathered": {"agent": {"podMetadata": True, "config": {
        "processors": {"batch": {}}, "service": {"pipelines": {"traces": {"processors": ["batch"]}, "logs": {"processors": ["memory_limiter", "batch"]}}}}}},
    "scaled": {"gateway": {"autoscaling": {"enabled": True}}},
    "scaled by CPU alone": {"gateway": {"autoscaling": {"enabled": True, "heldItems": {"metric": ""}}}},
    "the agent alone": {"gateway": {"enabled": False}},
    "the gateway alone, another backend": {
        "agent": {"enabled": False},
        "gateway": {
            "replicas": 3,
            "queue": {"size": "1Gi", "storageClassName": "fast"},
            "nodeSelector": {"disk": "ssd"},
            "config": {
                "exporters": {"debug": None, "otlp_grpc": {"endpoint": "backend:4317", "sending_queue": {"storage": "file_storage"}}},
                "service": {"pipelines": {"traces": {"exporters": ["otlp_grpc"]}, "logs": {"exporters": ["otlp_grpc"]}}},
            },
        },
    },
    "another image": {"image": {"repository": "registry.example/otelcd", "tag": "x"}, "imagePullSecrets": [{"name": "key"}]},
}


def rendered(values, tmp_path, release="otelcd", namespace="observability"):
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    command = [compiled("chart", minutes="two minutes"), CHART, release, namespace, file]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def objects(text):
    return {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(text) if o is not None}


def check(found, tmp_path):
    """What no single object can show: they fit together."""
    pods = {k: o for k, o in found.items() if k[0] in ("DaemonSet", "StatefulSet")}
    assert pods
    for (kind, name), o in pods.items():
        template = o["spec"]["template"]
        assert o["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        spec = template["spec"]
        (container,) = spec["containers"]
        ports = {p["name"] for p in container["ports"]}
        assert {container[p]["httpGet"]["port"] for p in ("livenessProbe", "readinessProbe")} <= ports
        volumes = {v["name"] for v in spec["volumes"]} | {v["metadata"]["name"] for v in o["spec"].get("volumeClaimTemplates", ())}
        assert {m["name"] for m in container["volumeMounts"]} == volumes
        assert ("ServiceAccount", spec["serviceAccountName"]) in found
        assert ("ClusterRole", f"observability-{name}") in found or not spec["automountServiceAccountToken"]
        for volume in spec["volumes"]:
            if "configMap" in volume:
                text = found["ConfigMap", volume["configMap"]["name"]]["data"]["otelcd.yaml"]
                file = tmp_path / f"{name}.yaml"
                file.write_text(text)
                environment = {**os.environ, **{e["name"]: e.get("value", "x") for e in container["env"]}}
                ran = subprocess.run([OTELCD, "validate", "--config", file], env=environment, capture_output=True, text=True, timeout=60)
                assert ran.returncode == 0, ran.stderr
                assert "warn" not in ran.stderr.lower(), ran.stderr
        if kind == "StatefulSet":
            assert found["Service", o["spec"]["serviceName"]]["spec"]["clusterIP"] == "None"
            # Its end takes longer than senders may still come, and leaves time to send.
            assert container["lifecycle"]["preStop"]["sleep"]["seconds"] < spec["terminationGracePeriodSeconds"] / 2
    labels = [o["spec"]["template"]["metadata"]["labels"] for o in pods.values()]
    for (kind, name), o in found.items():
        if kind == "Service":
            (pod,) = [p for p in pods.values() if o["spec"]["selector"].items() <= p["spec"]["template"]["metadata"]["labels"].items()]
            ports = {p["name"] for p in pod["spec"]["template"]["spec"]["containers"][0]["ports"]}
            assert {p["targetPort"] for p in o["spec"]["ports"]} <= ports
        if kind == "PodDisruptionBudget":
            assert any(o["spec"]["selector"]["matchLabels"].items() <= x.items() for x in labels)
        if kind == "HorizontalPodAutoscaler":
            target = o["spec"]["scaleTargetRef"]
            assert "replicas" not in pods[target["kind"], target["name"]]["spec"]  # one of them decides
        if kind == "ClusterRoleBinding":
            assert ("ClusterRole", o["roleRef"]["name"]) in found
            assert all((s["kind"], s["name"]) in found for s in o["subjects"])


def test_what_was_rendered_fits_together(tmp_path):
    found = objects(RENDERED.read_text())
    assert {k for k, _ in found} == {"ConfigMap", "ServiceAccount", "DaemonSet", "StatefulSet", "Service", "PodDisruptionBudget"}
    check(found, tmp_path)


def test_what_was_rendered_is_what_the_chart_renders(tmp_path):
    assert RENDERED.read_text().split("---\n", 1)[1] == rendered({}, tmp_path).split("---\n", 1)[1]


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_the_chart_renders_what_the_api_server_takes(values, tmp_path):
    found = objects(rendered(values, tmp_path))
    check(found, tmp_path)
    agent, gateway = values.get("agent", {}), values.get("gateway", {})
    assert (("DaemonSet", "otelcd-agent") in found) == agent.get("enabled", True)
    assert (("StatefulSet", "otelcd-gateway") in found) == gateway.get("enabled", True)
    assert (("HorizontalPodAutoscaler", "otelcd-gateway") in found) == ("autoscaling" in gateway)
    assert (("ClusterRole", "observability-otelcd-agent") in found) == (agent.get("readsPods", False) or agent.get("podMetadata", False))
    if "queue" in gateway:
        claim = found["StatefulSet", "otelcd-gateway"]["spec"]["volumeClaimTemplates"][0]["spec"]
        assert claim["storageClassName"] == "fast" and claim["resources"]["requests"]["storage"] == "1Gi"


def test_metadata_of_pods_stands_before_what_gathers(tmp_path):
    for name, processors in (("pods are told of", ["memory_limiter", "k8s_attributes"]), ("pods are told of, and gathered", ["k8s_attributes", "batch"])):
        found = objects(rendered(VALUES[name], tmp_path))
        config = yaml.safe_load(found["ConfigMap", "otelcd-agent"]["data"]["otelcd.yaml"])
        assert config["service"]["pipelines"]["traces"]["processors"] == processors
        assert config["processors"]["k8s_attributes"]["filter"] == {"node_from_env_var": "K8S_NODE_NAME"}
        assert config["processors"]["memory_limiter"] and found["DaemonSet", "otelcd-agent"]["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
        asked = {(group, what) for rule in found["ClusterRole", "observability-otelcd-agent"]["rules"] for group in rule["apiGroups"] for what in rule["resources"] if {"list", "watch"} <= set(rule["verbs"])}
        assert {("", "pods"), ("", "namespaces"), ("", "nodes"), ("apps", "replicasets"), ("apps", "deployments"), ("apps", "statefulsets"), ("apps", "daemonsets"), ("batch", "jobs")} <= asked
        gateway = yaml.safe_load(found["ConfigMap", "otelcd-gateway"]["data"]["otelcd.yaml"])
        assert "k8s_attributes" not in gateway["processors"]


def test_another_configuration_starts_other_pods(tmp_path):
    def sum_of(values):
        return objects(rendered(values, tmp_path))["StatefulSet", "otelcd-gateway"]["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

    other = {"gateway": {"config": {"processors": {"batch": {"timeout": "1s"}}}}}
    assert sum_of({}) == sum_of({"gateway": {"replicas": 5}}) != sum_of(other)


def test_the_charts_version_is_the_programs():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    ran = subprocess.run([OTELCD, "--version"], capture_output=True, text=True, timeout=30)
    assert ran.stdout.split()[-1] == chart["appVersion"]
