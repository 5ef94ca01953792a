# SPDX-License-Identifier: Apache-2.0
"""Targets that an API server of Kubernetes knows: by role, listed and watched, and what becomes of them when the server
fails, forgets, or says what nobody can read."""

import base64
import json
import os
import ssl
import subprocess

import pytest
from harness.authority import Authority
from harness.servers.kubernetes import JSON, ApiServer, meta, pod
from harness.targets import Target, config, wait_point
from test_prometheus_receiver import validate

FAILED = "Failed to scrape Prometheus endpoint"
REFUSED = "Unable to refresh target groups"
PAGE = b"# TYPE load gauge\nload 0.5\n"
RULES = [{"action": "labelmap", "regex": "__meta_kubernetes_(.*)"}]


@pytest.fixture
def target():
    t = Target(PAGE)
    yield t
    t.close()


@pytest.fixture
def api():
    server = ApiServer()
    yield server
    server.close()


@pytest.fixture
def scraper(otelcd):
    return lambda text, expect=(), allow=(), **more: otelcd(text, expect=expect, allow=[FAILED, *allow], **more)


def port_of(t):
    return int(t.address.partition(":")[2])


def job(api, role="pod", rules=RULES, **more):
    return {"job_name": "test", "kubernetes_sd_configs": [{"role": role, "api_server": f"http://{api.address}", **more}], "relabel_configs": rules}


def wait_targets(d, n):
    return d.wait_metrics(lambda samples: samples.find("otelcd_scraper_targets", job="test") and samples.sum("otelcd_scraper_targets") == n)


def test_pods_become_targets_and_come_change_and_go(scraper, api, target):
    owner = {"kind": "ReplicaSet", "name": "web-7f", "controller": True}
    web = pod("web", ports=[port_of(target)], labels={"app.kubernetes.io/name": "web"})
    web["metadata"] |= {"annotations": {"prometheus.io/scrape": "true"}, "ownerReferences": [{"kind": "X", "name": "y"}, owner]}
    web["status"]["containerStatuses"] = [{"name": "main", "containerID": "docker://1"}]
    api.put("pods", web)
    d = scraper(config([job(api)]))
    p = wait_point(d, "load", instance=target.address)
    assert p.labels == {
        "namespace": "shop", "pod_name": "web", "pod_ip": "127.0.0.1", "pod_ready": "true", "pod_phase": "Running", "pod_uid": "uid-web",
        "pod_node_name": "node-1", "pod_host_ip": "10.0.0.1", "pod_controller_kind": "ReplicaSet", "pod_controller_name": "web-7f",
        "pod_label_app_kubernetes_io_name": "web", "pod_labelpresent_app_kubernetes_io_name": "true",
        "pod_annotation_prometheus_io_scrape": "true", "pod_annotationpresent_prometheus_io_scrape": "true",
        "pod_container_name": "main", "pod_container_id": "docker://1", "pod_container_image": "shop:1", "pod_container_init": "false",
        "pod_container_port_name": f"p{port_of(target)}", "pod_container_port_number": str(port_of(target)), "pod_container_port_protocol": "TCP",
    }  # fmt: skip
    path, parameters, headers = api.wait_asked("/api/v1/pods")
    assert parameters == {"limit": "500"} and headers["Accept"] == "application/json"
    web["status"]["phase"] = "Succeeded"
    api.put("pods", web)
    assert wait_point(d, "load", pod_phase="Succeeded")
    api.put("pods", pod("bare", labels={"x": "1"}))  # no port: the address alone
    wait_targets(d, 2)
    api.delete("pods", "shop", "bare")
    wait_targets(d, 1)
    api.delete("pods", "shop", "web")
    wait_targets(d, 0)
    assert wait_point(d, "up", instance=target.address, stale=True)


def test_a_list_of_many_pages_is_one_list(scraper, api):
    api.page = 10
    for i in range(35):
        api.put("pods", pod(f"p{i}", ip=f"127.0.1.{i}", ports=[1]))
    d = scraper(config([job(api)]))
    wait_targets(d, 35)
    assert [a[1].get("continue") for a in api.asked if "watch" not in a[1]] == [None, "at 10", "at 20", "at 30"]


def test_long_pages_and_long_events_are_read_beside_the_loop(scraper, api):
    much = {"annotations": {"much": "x" * 100_000}}
    for i in range(600):
        api.put("pods", pod(f"p{i}", ip=f"127.0.{i >> 8}.{i & 255}", ports=[1]))
    d = scraper(config([job(api, rules=[])]))
    wait_targets(d, 600)
    api.wait_asked("/api/v1/pods", watch="true")
    for i in range(20):  # what comes behind a long line waits for it
        web = pod(f"long{i}", ip=f"127.1.0.{i}", ports=[1])
        web["metadata"] |= much
        api.put("pods", web)
        api.delete("pods", "shop", f"p{i}")
        api.put("pods", pod(f"short{i}", ip=f"127.1.1.{i}", ports=[1]))
    wait_targets(d, 620)
    assert len([a for a in api.asked if "watch" not in a[1]]) == 2  # two pages, once


def test_a_watch_that_ends_goes_on_from_its_last_version(scraper, api):
    api.put("pods", pod("a", ports=[1]))
    d = scraper(config([job(api)]))
    wait_targets(d, 1)
    api.put("pods", pod("b", ip="127.0.0.2", ports=[1]))
    wait_targets(d, 2)
    api.say("pods", "BOOKMARK", {"metadata": {"resourceVersion": "555"}})
    api.put("services", {"metadata": meta("other")})
    api.say("pods", "BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": "777"}})
    api.end_watches()
    api.wait_asked("/api/v1/pods", watch="true", resourceVersion="777", allowWatchBookmarks="true")
    assert len([a for a in api.asked if "watch" not in a[1]]) == 1  # it was listed once
    assert d.metric("otelcd_scraper_targets", job="test", health="up") is not None


def test_a_version_that_is_too_old_has_all_listed_anew(scraper, api):
    for name in "abc":
        api.put("pods", pod(name, ip=f"127.0.2.{ord(name)}", ports=[1]))
    d = scraper(config([job(api)]))
    wait_targets(d, 3)
    api.wait_asked("/api/v1/pods", watch="true")
    api.delete("pods", "shop", "a", tell=False)  # nobody hears of it
    api.put("pods", pod("d", ip="127.0.2.1", ports=[1]), tell=False)
    api.delete("pods", "shop", "b", tell=False)
    api.forget()
    wait_targets(d, 2)


def test_an_error_in_a_watch_that_says_410_has_all_listed_anew(scraper, api):
    api.put("pods", pod("a", ports=[1]))
    d = scraper(config([job(api)]))
    wait_targets(d, 1)
    api.wait_asked("/api/v1/pods", watch="true")
    api.delete("pods", "shop", "a", tell=False)
    api.say("pods", "ERROR", {"kind": "Status", "code": 410, "message": "too old"})
    wait_targets(d, 0)


def test_services_become_targets(scraper, api):
    spec = {"type": "LoadBalancer", "clusterIP": "10.1.1.1", "ports": [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": "x"}]}
    api.put("services", {"metadata": meta("front", labels={"a": "b"}), "spec": spec, "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "x"}, {"ip": "5.6.7.8"}]}}})
    api.put("services", {"metadata": meta("ext"), "spec": {"type": "ExternalName", "externalName": "db.test", "ports": [{"port": 5432}]}})
    d = scraper(config([job(api, role="service")]))
    p = wait_point(d, "up", instance="front.shop.svc:80")
    assert p.labels == {
        "namespace": "shop", "service_name": "front", "service_label_a": "b", "service_labelpresent_a": "true", "service_port_name": "web",
        "service_port_number": "80", "service_port_protocol": "TCP", "service_type": "LoadBalancer", "service_cluster_ip": "10.1.1.1",
        "service_loadbalancer_ip": "1.2.3.4,5.6.7.8",
    }  # fmt: skip
    labels = wait_point(d, "up", instance="ext.shop.svc:5432").labels
    assert labels["service_external_name"] == "db.test" and "service_cluster_ip" not in labels


def test_endpoints_have_the_labels_of_their_service_and_their_pods(scraper, api, target):
    port = port_of(target)
    api.put("services", {"metadata": meta("web", labels={"tier": "front"}), "spec": {}})
    api.put("pods", pod("web-1", ports=[port, 4711]))
    ref = {"kind": "Pod", "name": "web-1", "namespace": "shop"}
    api.put("endpoints", {
        "metadata": meta("web", labels={"e": "1"}),
        "subsets": [{"ports": [{"name": "http", "port": port, "protocol": "TCP"}],
                     "addresses": [{"ip": "127.0.0.1", "nodeName": "node-1", "hostname": "h", "targetRef": ref}],
                     "notReadyAddresses": [{"ip": "127.0.0.7"}]}],
    })  # fmt: skip
    api.put("nodes", {"metadata": {"name": "node-1", "labels": {"zone": "z1"}}})
    api.put("namespaces", {"metadata": {"name": "shop", "labels": {"team": "t"}}})
    d = scraper(config([job(api, role="endpoints", attach_metadata={"node": True, "namespace": True})]))
    labels = wait_point(d, "load", instance=target.address).labels
    expected = {
        "namespace": "shop", "service_name": "web", "service_label_tier": "front", "endpoints_name": "web", "endpoints_label_e": "1",
        "endpoint_port_name": "http", "endpoint_port_protocol": "TCP", "endpoint_ready": "true", "endpoint_address_target_kind": "Pod",
        "endpoint_address_target_name": "web-1", "endpoint_node_name": "node-1", "endpoint_hostname": "h", "pod_name": "web-1",
        "pod_container_name": "main", "pod_container_port_number": str(port), "pod_container_init": "false", "node_name": "node-1",
        "node_label_zone": "z1", "namespace_label_team": "t", "namespace_labelpresent_team": "true", "pod_phase": "Running",
    }  # fmt: skip
    assert {k: labels.get(k) for k in expected} == expected
    assert wait_point(d, "up", instance=f"127.0.0.7:{port}").labels["endpoint_ready"] == "false"
    further = wait_point(d, "up", instance="127.0.0.1:4711").labels  # a port of the pod that no endpoint has
    assert further["pod_container_port_number"] == "4711" and further["service_name"] == "web" and "endpoint_ready" not in further
    wait_targets(d, 3)


def test_endpoint_slices_become_targets(scraper, api, target):
    port = port_of(target)
    api.put("services", {"metadata": meta("web"), "spec": {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4", "IPv6"]}})
    about = {"labels": {"kubernetes.io/service-name": "web"}}
    ports = [{"name": "http", "port": port, "protocol": "TCP", "appProtocol": "http"}]
    endpoint = {"addresses": ["127.0.0.1"], "conditions": {"ready": True, "serving": True, "terminating": False}, "zone": "z1", "nodeName": "n"}
    api.put("endpointslices", {"metadata": meta("web-x", **about), "addressType": "IPv4", "ports": ports, "endpoints": [endpoint]})
    api.put("endpointslices", {"metadata": meta("web-y", **about), "addressType": "IPv6", "ports": ports, "endpoints": [{"addresses": ["::1"]}]})
    d = scraper(config([job(api, role="endpointslice")]))
    labels = wait_point(d, "load", instance=target.address).labels
    expected = {
        "namespace": "shop", "service_name": "web", "endpointslice_name": "web-x", "endpointslice_address_type": "IPv4",
        "endpointslice_label_kubernetes_io_service_name": "web", "endpointslice_port": str(port), "endpointslice_port_name": "http",
        "endpointslice_port_protocol": "TCP", "endpointslice_port_app_protocol": "http", "endpointslice_endpoint_conditions_ready": "true",
        "endpointslice_endpoint_conditions_serving": "true", "endpointslice_endpoint_conditions_terminating": "false",
        "endpointslice_endpoint_zone": "z1", "endpointslice_endpoint_node_name": "n",
    }  # fmt: skip
    assert {k: labels.get(k) for k in expected} == expected
    assert api.wait_asked("/apis/discovery.k8s.io/v1/endpointslices")
    wait_targets(d, 1)  # the second family has the same endpoints


def test_nodes_become_targets(scraper, api, target):
    api.put("nodes", {
        "metadata": {"name": "node-1", "labels": {"kubernetes.io/os": "linux"}},
        "spec": {"providerID": "p://1"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}],
                   "addresses": [{"type": "Hostname", "address": "h1"}, {"type": "InternalIP", "address": "127.0.0.1"}],
                   "daemonEndpoints": {"kubeletEndpoint": {"Port": port_of(target)}}},
    })  # fmt: skip
    d = scraper(config([job(api, role="node")]))
    p = wait_point(d, "load")
    assert p.instance == "node-1" and p.labels == {
        "node_name": "node-1", "node_label_kubernetes_io_os": "linux", "node_labelpresent_kubernetes_io_os": "true", "node_provider_id": "p://1",
        "node_condition_ready": "true", "node_address_Hostname": "h1", "node_address_InternalIP": "127.0.0.1",
    }  # fmt: skip


def test_ingresses_become_targets(scraper, api):
    api.put("ingresses", {
        "metadata": meta("front"),
        "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["*.shop.test"]}],
                 "rules": [{"host": "a.shop.test", "http": {"paths": [{"path": "/x"}, {}]}}, {"host": "b.test"}]},
    })  # fmt: skip
    rules = [*RULES, {"source_labels": ["__meta_kubernetes_ingress_host", "__meta_kubernetes_ingress_path"], "target_label": "instance", "separator": ""}]
    d = scraper(config([job(api, role="ingress", rules=rules)]))
    assert wait_point(d, "up", instance="a.shop.test/x").labels == {
        "namespace": "shop", "ingress_name": "front", "ingress_class_name": "nginx", "ingress_scheme": "https", "ingress_host": "a.shop.test", "ingress_path": "/x",
    }  # fmt: skip
    assert wait_point(d, "up", instance="a.shop.test/") and wait_point(d, "up", instance="b.test/").labels["ingress_scheme"] == "http"


def test_owners_of_pods_are_attached(scraper, api):
    def owned(name, kind, by, ns="shop"):
        return {"metadata": meta(name, ns, ownerReferences=[{"kind": kind, "name": by, "controller": True}])}

    api.put("replicasets", owned("web-7f", "Deployment", "web"))
    api.put("jobs", owned("backup-1", "CronJob", "backup"))
    for name, kind, by in (("a", "ReplicaSet", "web-7f"), ("b", "Job", "backup-1")):
        p = pod(name, ip=f"127.0.3.{ord(name)}", ports=[1])
        api.put("pods", {**p, "metadata": {**p["metadata"], **owned(name, kind, by)["metadata"]}})
    attach = {"deployment": True, "job": True, "cronjob": True}
    d = scraper(config([job(api, attach_metadata=attach)]))
    assert wait_point(d, "up", pod_name="a").labels["pod_deployment_name"] == "web"
    labels = wait_point(d, "up", pod_name="b").labels
    assert labels["pod_job_name"] == "backup-1" and labels["pod_cronjob_name"] == "backup"


def test_namespaces_and_selectors_are_asked_for(scraper, api):
    for i, (name, ns) in enumerate([("a", "one"), ("b", "two"), ("c", "three")]):
        api.put("pods", pod(name, ns=ns, ip=f"127.0.4.{i + 1}", ports=[1], labels={"app": "x"}))
    api.put("pods", pod("d", ns="one", ip="127.0.4.4", ports=[1], labels={"app": "x", "tier": "y"}))
    selectors = [{"role": "pod", "label": "app=x,tier!=y", "field": "spec.nodeName=node-1"}]
    d = scraper(config([job(api, namespaces={"names": ["one", "two"]}, selectors=selectors)]))
    wait_targets(d, 2)
    for ns in ("one", "two"):
        _, parameters, _ = api.wait_asked(f"/api/v1/namespaces/{ns}/pods", watch="true")
        assert parameters["labelSelector"] == "app=x,tier!=y" and parameters["fieldSelector"] == "spec.nodeName=node-1"


# --- an API server that fails ---

def half(handler, path, parameters):
    body = json.dumps({"metadata": {"resourceVersion": "1"}, "items": [pod("a", ports=[1])]}).encode()
    return 200, JSON, body[:-9]


def circle(handler, path, parameters):
    return 200, JSON, json.dumps({"metadata": {"resourceVersion": "1", "continue": "again"}, "items": []}).encode()


def huge(handler, path, parameters):
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()
    while True:
        handler.wfile.write(b'{"items":[' + b" " * (1 << 20))


BROKEN = {
    "refuses": (lambda *a: (403, JSON, b'{"kind":"Status","message":"pods is forbidden"}'), "status 403: pods is forbidden"),
    "says no JSON": (lambda *a: (200, JSON, b"<html>"), "expected an object"),
    "says no list": (lambda *a: (200, JSON, b'{"kind":"Pod"}'), "it has no items"),
    "says half": (half, "no JSON at byte"),
    "has objects without names": (lambda *a: (200, JSON, b'{"items":[{"metadata":{}}]}'), "no metadata.name"),
    "is deep": (lambda *a: (200, JSON, b'{"items":[' + b'{"spec":' * 5000 + b"}" * 5000 + b"]}"), "not so deep"),
    "never ends": (circle, "the list does not end"),
    "sends too much": (huge, "16 MiB"),
    "hangs up": (lambda handler, *a: handler.connection.shutdown(2), "/api/v1/pods"),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_an_api_server_that_fails_is_told_and_is_asked_again(otelcd, api, how):
    api.answer, why = BROKEN[how]
    api.put("pods", pod("a", ports=[1]))
    d = otelcd(config([job(api)]), expect=[REFUSED], allow=[FAILED])
    record = d.wait_log("^Unable to refresh target groups")
    assert why in record["error"] or why in record["from"], record
    assert record["discovery"] == "kubernetes"
    api.answer = None
    wait_targets(d, 1)


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"type":"ADDED"}\n', b'{"type":"ADDED","object":{"metadata":{}}}\n',
                                  b'{"type":"ERROR","object":{"code":500,"message":"etcd is away"}}\n'])  # fmt: skip
def test_a_watch_that_cannot_be_read_keeps_what_was_known_and_lists_anew(otelcd, api, line):
    def answer(handler, path, parameters):
        if "watch" not in parameters:
            return False
        api.answer = None
        return 200, JSON, line

    api.answer = answer
    api.put("pods", pod("a", ports=[1]))
    d = otelcd(config([job(api)]), expect=[REFUSED], allow=[FAILED])
    d.wait_log("^Unable to refresh target groups")
    api.wait_asked("/api/v1/pods", n=2, limit="500")
    api.wait_asked("/api/v1/pods", n=2, watch="true")
    wait_targets(d, 1)


def test_a_line_of_a_watch_without_end_is_not_read_on(otelcd, api):
    def answer(handler, path, parameters):
        if "watch" not in parameters:
            return False
        api.answer = None
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * (1 << 20))

    api.answer = answer
    api.put("pods", pod("a", ports=[1]))
    d = otelcd(config([job(api)]), expect=[REFUSED], allow=[FAILED])
    assert "8 MiB" in d.wait_log("^Unable to refresh target groups")["error"]
    api.wait_asked("/api/v1/pods", n=2, watch="true")
    wait_targets(d, 1)


# --- in a pod ---

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
MOUNT = f'mount -t tmpfs none /var/run && mkdir -p {ACCOUNT} && mount --bind "$0" {ACCOUNT} && exec "$@"'


@pytest.fixture
def in_pod(tmp_path):
    """A service account's folder, and a command under which it is where a pod has it."""
    folder = tmp_path / "account"
    folder.mkdir()
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *user, "--mount", "--propagation", "private", "sh", "-c", MOUNT, str(folder)]
    if subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody have files of its own")
    return folder, command


def test_in_a_pod_its_service_account_is_used(otelcd, in_pod, tmp_path):
    folder, command = in_pod
    ca = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ca.issue("kubernetes"))
    api = ApiServer(tls=context)
    try:
        (folder / "ca.crt").write_bytes(ca.cert.read_bytes())
        (folder / "token").write_text("first")
        (folder / "namespace").write_text("own\n")
        api.put("pods", pod("a", ns="own", ports=[1]))
        text = config([{**job(api), "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"own_namespace": True}}]}])
        host, _, port = api.address.partition(":")
        d = otelcd(text, allow=[FAILED, REFUSED], under=command, env={"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port})
        wait_targets(d, 1)
        assert api.wait_asked("/api/v1/namespaces/own/pods")[2]["Authorization"] == "Bearer first"
        (folder / "token").write_text("second")
        d.wait_log("^A file has changed and was read anew$")
        n = len([a for a in api.asked if a[1].get("watch")])
        api.end_watches()
        assert api.wait_asked("/api/v1/namespaces/own/pods", n=n + 1, watch="true")[2]["Authorization"] == "Bearer second"
        d.stop()
    finally:
        api.close()


def test_without_a_pod_around_it_that_is_told_and_the_rest_works(otelcd, target):
    jobs = [{"job_name": "k", "kubernetes_sd_configs": [{"role": "pod"}]}, {"job_name": "test", "static_configs": [{"targets": [target.address]}]}]
    d = otelcd(config(jobs), expect=[REFUSED], allow=[FAILED])
    assert "KUBERNETES_SERVICE_HOST" in d.wait_log("^Unable to refresh target groups")["error"]
    assert wait_point(d, "load", value=0.5)


# --- files of kubectl ---

def kubeconfig(address, cluster, user, scheme="https"):
    return json.dumps({
        "current-context": "ours",
        "contexts": [{"name": "ours", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"{scheme}://{address}/cluster/", **cluster}}],
        "users": [{"name": "u", "user": user}],
    })  # fmt: skip


def inline(path):
    return base64.b64encode(path.read_bytes()).decode()


@pytest.mark.parametrize("written", ["in it", "beside it"])
def test_a_file_of_kubectl_says_where_and_who(scraper, tmp_path, written):
    ca = Authority(tmp_path)
    cert, key = ca.issue("us")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ca.issue("kubernetes"))
    context.load_verify_locations(ca.cert)
    context.verify_mode = ssl.CERT_REQUIRED
    api = ApiServer(tls=context)
    try:
        api.put("pods", pod("a", ports=[1]))
        if written == "in it":
            cluster = {"certificate-authority-data": inline(ca.cert)}
            user = {"client-certificate-data": inline(cert), "client-key-data": inline(key), "token": "first"}
        else:
            (tmp_path / "token").write_text("first\n")
            cluster = {"certificate-authority": ca.cert.name}
            user = {"client-certificate": cert.name, "client-key": key.name, "tokenFile": "token"}
        file = tmp_path / "kubeconfig"
        file.write_text(kubeconfig(api.address, {**cluster, "tls-server-name": "kubernetes"}, user))
        sd = {"role": "pod", "kubeconfig_file": str(file)}
        d = scraper(config([{"job_name": "test", "kubernetes_sd_configs": [sd]}]))
        wait_targets(d, 1)
        assert api.wait_asked("/cluster/api/v1/pods", watch="true")[2]["Authorization"] == "Bearer first"
        if written == "beside it":
            (tmp_path / "token").write_text("second\n")
            api.forget()  # it is asked again
            api.answer = lambda h, p, q: (401, JSON, b"{}") if h.headers["Authorization"] == "Bearer first" else False
            api.put("pods", pod("b", ports=[2]))
            wait_targets(d, 2)
        d.stop()
    finally:
        api.close()


def test_a_file_of_kubectl_that_changes_leads_elsewhere(scraper, api, tmp_path):
    file, other = tmp_path / "kubeconfig", ApiServer()
    unusable = "A file's new content cannot be used"
    try:
        api.put("pods", pod("a", ports=[1]))
        for name in "bcd":
            other.put("pods", pod(name, ip=f"127.0.3.{ord(name)}", ports=[1]))
        file.write_text(kubeconfig(api.address, {}, {"token": "first"}, scheme="http"))
        d = scraper(config([{"job_name": "test", "kubernetes_sd_configs": [{"role": "pod", "kubeconfig_file": str(file)}]}]), expect=[unusable])
        wait_targets(d, 1)
        api.wait_asked("/cluster/api/v1/pods", watch="true")
        file.write_text("current-context: nobody")
        assert "nobody" in d.wait_log("^" + unusable)["error"]
        api.end_watches()
        assert api.wait_asked("/cluster/api/v1/pods", n=2, watch="true")[2]["Authorization"] == "Bearer first"
        file.write_text(kubeconfig(other.address, {}, {"token": "second"}, scheme="http"))
        d.wait_log("^A file has changed and was read anew")
        api.end_watches()
        assert other.wait_asked("/cluster/api/v1/pods", limit="500")[2]["Authorization"] == "Bearer second"
        wait_targets(d, 3)
        d.stop()
    finally:
        other.close()


def test_a_name_and_a_password_of_a_file_are_said(scraper, api, tmp_path):
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig(api.address, {}, {"username": "us", "password": "a:b"}, scheme="http"))
    api.put("pods", pod("a", ports=[1]))
    d = scraper(config([{"job_name": "test", "kubernetes_sd_configs": [{"role": "pod", "kubeconfig_file": str(file)}]}]))
    wait_targets(d, 1)
    assert api.wait_asked("/cluster/api/v1/pods")[2]["Authorization"] == "Basic " + base64.b64encode(b"us:a:b").decode()


def test_programs_that_give_credentials_are_refused_by_name(tmp_path):
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig("127.0.0.1:1", {}, {"exec": {"command": "aws"}}))
    sd = {"role": "pod", "kubeconfig_file": str(file)}
    ran = validate(tmp_path, "scrape_configs: " + json.dumps([{"job_name": "a", "kubernetes_sd_configs": [sd]}]))
    assert ran.returncode != 0 and "exec: programs that give credentials are not run" in ran.stderr, ran.stderr
