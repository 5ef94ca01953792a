# SPDX-License-Identifier: Apache-2.0
"""The k8s_attributes processor beside an API server: what resources get, while pods come, change and go, and what
becomes of data when the server fails, is slow, or says what nobody can read."""

import json
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from harness import clustered, otlp
from harness.authority import Authority
from harness.servers.kubernetes import JSON, ApiServer, meta, pod
from harness.limits import OTELCD, ROOT
from harness.otlp_peer import GrpcPeer
from test_house import free_ports
from test_kubernetes_discovery import in_pod  # noqa: F401

FAILS = "The API server of the cluster cannot be asked"
KNOWN = "^The pods of the cluster are known$"
ASKED = "/api/v1/pods"
PATIENT = {"wait_for_metadata_timeout": "600s"}


@pytest.fixture
def api():
    server = ApiServer()
    yield server
    server.close()


@pytest.fixture
def start(otelcd, api, tmp_path):
    """start(processor): a daemon that has asked the server (known=False: or will), and writes what goes through to `out`."""
    (tmp_path / "out").touch()

    def make(processor=None, signal="traces", text=None, known=True, **more):
        env = {"KUBECONFIG": clustered.kubeconfig(tmp_path, api.address)}
        text = text or clustered.config({**PATIENT, **(processor or {})}, tmp_path / "out", signal)
        d = otelcd(text, env=env, **more)
        if known:
            d.wait_log(KNOWN)
        return d

    return make


@pytest.fixture
def enriched(tmp_path):
    """enriched(d, resource): the attributes that the resource has behind the processor."""

    def send(d, resource=None, signal="traces"):
        before = len((tmp_path / "out").read_text().splitlines())
        d.export(otlp.traces(1, resource=resource or {}))
        lines = (tmp_path / "out").read_text().splitlines()
        return clustered.attributes(lines[before:])[0]

    return send


def wait_pods(d, n):
    """Until it has heard of so many: of each change there is one."""
    return d.wait_metrics(lambda m: sum(m.sum(f"otelcol_otelsvc_k8s_pod_{what}") for what in ("added", "updated", "deleted")) >= n)


def own(pod_ip, name, uid=None, **more):
    obj = pod(name, ip=pod_ip, **more)
    obj["metadata"]["uid"] = uid or "uid-" + name
    return obj


# --- what resources get ---

@pytest.mark.parametrize("name", clustered.CASES)
def test_a_case_comes_out_as_expected(otelcd, tmp_path, name):
    case = clustered.CASES[name]
    api = clustered.server()
    try:
        env = {"KUBECONFIG": clustered.kubeconfig(tmp_path, api.address)}
        d = otelcd(clustered.config({**PATIENT, **case["processor"]}, tmp_path / "out"), env=env, allow=["is not used", "it costs a watch"])
        assert d.http("POST", "/v1/traces", clustered.request(case["resources"]), JSON)[0] == 200
        found = clustered.attributes((tmp_path / "out").read_text().splitlines())
        assert clustered.shown(found) == clustered.shown(json.loads((clustered.FOLDER / f"expected/{name}.json").read_text()))
        d.stop()
    finally:
        api.close()


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs", "profiles"])
def test_resources_of_each_signal_get_them(start, api, tmp_path, signal):
    api.put("pods", own("127.0.0.1", "web"))
    d = start(signal=signal)
    if signal == "profiles":
        body = (ROOT / "test/data/debug/profiles.json").read_bytes()
        assert d.http("POST", otlp.PROFILES.path, body, JSON)[0] == 200
    else:
        d.export(otlp.sample(signal, 1))
    written = json.loads((tmp_path / "out").read_text().splitlines()[0])
    (resources,) = (v for k, v in written.items() if k.startswith("resource"))
    assert {"key": "k8s.pod.name", "value": {"stringValue": "web"}} in resources[0]["resource"]["attributes"]
    found = d.metrics().find("otelcol_k8s_pod_association", status="success", pod_identifier="connection", otelcol_signal=signal)
    assert sum(s.value for s in found) == len(resources)


def test_the_old_name_works_with_a_warning(start, api, enriched, tmp_path):
    api.put("pods", own("127.0.0.1", "web"))
    d = start(text=clustered.config({**PATIENT}, tmp_path / "out").replace("k8s_attributes", "k8sattributes"), expect=["alias is deprecated"])
    assert enriched(d)["k8s.pod.name"] == "web"


def test_what_is_not_needed_is_not_asked_for(start, api):
    start({"filter": {"node": "node-1", "namespace": "shop", "labels": [{"key": "app", "value": "x"}, {"key": "b", "op": "does-not-exist"}], "fields": [{"key": "status.phase", "value": "a,b", "op": "not-equals"}]}})
    _, parameters, headers = api.wait_asked("/api/v1/namespaces/shop/pods")
    assert parameters == {"limit": "500", "labelSelector": "app=x,!b", "fieldSelector": "status.phase!=a\\,b,spec.nodeName=node-1"}
    assert headers["Accept"] == "application/json"
    assert {a[0] for a in api.asked} == {"/api/v1/namespaces/shop/pods"}


def test_of_what_pods_belong_to_metadata_alone_is_asked_for(start, api):
    start({"extract": {"metadata": ["k8s.deployment.uid", "k8s.cronjob.uid", "k8s.node.uid", "k8s.cluster.uid"]}, "filter": {"node": "node-1"}})
    asked = {path: (parameters, headers) for path, parameters, headers in api.asked if "watch" not in parameters}
    assert list(asked)[-1] == ASKED and set(asked) == {ASKED, "/api/v1/namespaces", "/api/v1/nodes", "/apis/batch/v1/jobs", "/apis/apps/v1/replicasets"}
    assert asked["/api/v1/namespaces"][0]["fieldSelector"] == "metadata.name=kube-system"
    assert asked["/api/v1/nodes"][0]["fieldSelector"] == "metadata.name=node-1"
    assert "as=PartialObjectMetadataList" in asked["/apis/batch/v1/jobs"][1]["Accept"]


def test_passthrough_asks_nobody(start, api, enriched):
    d = start({"passthrough": True, "auth_type": "serviceAccount"}, known=False)
    assert enriched(d) == {"k8s.pod.ip": "127.0.0.1"} and enriched(d, {"k8s.pod.ip": "1.2.3.4"}) == {"k8s.pod.ip": "1.2.3.4"}
    assert api.asked == []


# --- pods come, change and go ---

def test_a_pod_that_comes_is_known_and_one_that_goes_stays_for_the_grace_period(start, api, enriched):
    d = start({"pod_delete_grace_period": "0s"})
    assert "k8s.pod.name" not in enriched(d)
    api.put("pods", own("127.0.0.1", "web"))
    wait_pods(d, 1)
    assert enriched(d)["k8s.pod.name"] == "web"
    api.delete("pods", "shop", "web")
    d.wait_metrics(lambda m: m.sum("otelcol_otelsvc_k8s_pod_deleted") == 1 and m.sum("otelcol_otelsvc_k8s_pod_table_size") == 0)
    assert "k8s.pod.name" not in enriched(d)


def test_data_that_comes_late_finds_a_pod_that_is_gone(start, api, enriched):
    api.put("pods", own("127.0.0.1", "web"))
    d = start()
    api.delete("pods", "shop", "web")
    wait_pods(d, 2)
    assert enriched(d)["k8s.pod.name"] == "web"


def test_an_address_that_another_pod_has_now_leads_to_that(start, api, enriched):
    first = own("127.0.0.1", "first", startTime="2024-01-01T00:00:00Z")
    api.put("pods", first)
    d = start({"extract": {"metadata": ["k8s.pod.name"]}})
    assert enriched(d)["k8s.pod.name"] == "first"
    api.put("pods", own("127.0.0.1", "second", startTime="2024-01-01T00:00:09Z"))
    wait_pods(d, 2)
    assert enriched(d)["k8s.pod.name"] == "second"
    api.put("pods", first)  # late news of the one before
    api.delete("pods", "shop", "first")
    wait_pods(d, 4)
    assert enriched(d)["k8s.pod.name"] == "second"
    assert enriched(d, {"k8s.pod.ip": "uid-first"}) == {"k8s.pod.ip": "uid-first"}


def test_a_pod_of_the_same_name_is_another(start, api, enriched):
    by_uid = {"pod_association": [{"sources": [{"from": "resource_attribute", "name": "k8s.pod.uid"}]}], "extract": {"metadata": ["k8s.pod.ip"]}}
    api.put("pods", own("10.0.0.1", "db-0", uid="one"))
    d = start(by_uid)
    api.put("pods", own("10.0.0.2", "db-0", uid="two"))
    d.wait_metrics(lambda m: m.sum("otelcol_otelsvc_k8s_pod_added") == 2 and m.sum("otelcol_otelsvc_k8s_pod_deleted") == 1)
    assert enriched(d, {"k8s.pod.uid": "two"})["k8s.pod.ip"] == "10.0.0.2"
    assert enriched(d, {"k8s.pod.uid": "one"})["k8s.pod.ip"] == "10.0.0.1"  # for a while


def test_pods_in_the_network_of_their_host_are_not_found_by_its_address(start, api, enriched):
    agent = own("127.0.0.1", "agent")
    agent["spec"]["hostNetwork"] = True
    api.put("pods", agent)
    uid, connection = {"from": "resource_attribute", "name": "k8s.pod.uid"}, {"from": "connection"}
    d = start({"pod_association": [{"sources": [uid]}, {"sources": [connection]}]})
    assert enriched(d) == {}
    assert enriched(d, {"k8s.pod.uid": "uid-agent"})["k8s.pod.name"] == "agent"


def test_a_container_that_was_started_anew_is_found_by_both_of_its_ids(start, api, enriched):
    by_id = {"pod_association": [{"sources": [{"from": "resource_attribute", "name": "container.id"}]}], "extract": {"metadata": ["k8s.pod.name"]}}
    web = own("10.0.0.1", "web", containerStatuses=[{"name": "main", "containerID": "containerd://one", "restartCount": 0}])
    api.put("pods", web)
    d = start(by_id)
    web["status"]["containerStatuses"] = [{"name": "main", "containerID": "containerd://two", "restartCount": 1}]
    api.put("pods", web)
    wait_pods(d, 2)
    for name in ("one", "two"):
        assert enriched(d, {"container.id": name})["k8s.pod.name"] == "web"
    assert enriched(d, {"container.id": "three"}) == {"container.id": "three"}


def test_what_a_pod_belongs_to_may_become_known_after_it(start, api, enriched):
    web = own("127.0.0.1", "web-1-x")
    web["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": True}]
    api.put("pods", web)
    d = start({"extract": {"metadata": ["k8s.deployment.name", "k8s.deployment.uid"], "labels": [{"key": "team", "from": "namespace"}]}})
    assert enriched(d) == {}
    owner = {"kind": "Deployment", "name": "web", "uid": "dep", "controller": True}
    api.put("replicasets", {"metadata": meta("web-1", uid="rs", ownerReferences=[owner])})
    api.put("namespaces", {"metadata": {"name": "shop", "labels": {"team": "t"}}})
    d.wait_metrics(lambda m: m.sum("otelcol_otelsvc_k8s_replicaset_added") == 1 and m.sum("otelcol_otelsvc_k8s_namespace_added") == 1)
    assert enriched(d) == {"k8s.deployment.name": "web", "k8s.deployment.uid": "dep", "k8s.namespace.labels.team": "t"}
    api.delete("replicasets", "shop", "web-1")
    d.wait_metrics(lambda m: m.sum("otelcol_otelsvc_k8s_replicaset_deleted") == 1)
    assert enriched(d) == {"k8s.namespace.labels.team": "t"}


def test_ten_thousand_pods_take_little_memory(start, api, enriched, figure):
    for i in range(10000):
        web = own(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", f"web-7f9c-{i}", labels={f"label-{k}": "value" for k in range(8)}, startTime="2024-01-01T00:00:00Z")
        web["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "x" * 2000}
        api.put("pods", web, tell=False)
    d = start({"extract": {"labels": [{"key_regex": ".*"}]}})
    assert enriched(d, {"k8s.pod.ip": "10.0.39.15"})["k8s.pod.name"] == "web-7f9c-9999"
    used = d.metric("otelcd_budget_used_bytes")
    figure("for each of 10,000 pods", used / 10000, "bytes")
    assert used < 3000 * 10000


# --- waiting ---

class Gate:
    """Lists of pods are answered when it is open."""

    def __init__(self, api):
        self.open = threading.Event()
        api.answer = self.answer

    def answer(self, handler, path, parameters):
        if path == ASKED and "watch" not in parameters:
            self.open.wait(600)
        return False


def test_data_that_comes_before_its_pod_waits_for_it(start, api, tmp_path):
    gate = Gate(api)
    api.put("pods", own("127.0.0.1", "web"))
    d = start(known=False)
    api.wait_asked(ASKED)
    with ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(d.export, otlp.traces(2)) for _ in range(3)]
        d.wait_metrics(lambda m: m.sum("otelcd_pipeline_held_items") == 6)
        assert (tmp_path / "out").read_text() == ""
        gate.open.set()
        for s in sent:
            s.result()
    found = clustered.attributes((tmp_path / "out").read_text().splitlines())
    assert [r["k8s.pod.name"] for r in found] == ["web"] * 3


def test_without_waiting_it_goes_on_as_it_is(start, api, enriched):
    gate = Gate(api)
    api.put("pods", own("127.0.0.1", "web"))
    d = start({"wait_for_metadata": False}, known=False)
    assert "k8s.pod.name" not in enriched(d)
    gate.open.set()
    d.wait_log(KNOWN)
    assert enriched(d)["k8s.pod.name"] == "web"


def test_when_it_takes_too_long_senders_come_again(start, api, enriched):
    gate = Gate(api)
    api.put("pods", own("127.0.0.1", "web"))
    d = start({"wait_for_metadata_timeout": "0s"}, known=False, expect=["not known after wait_for_metadata_timeout"])
    d.wait_log("not known after wait_for_metadata_timeout")
    with pytest.raises(grpc.RpcError) as e:
        d.export(otlp.traces(1))
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE and "not known yet" in e.value.details()
    gate.open.set()
    d.wait_log(KNOWN)
    assert enriched(d)["k8s.pod.name"] == "web"
    assert d.ledger("pipeline", "traces")["refused"] == 1


def test_a_stop_sends_those_back_who_wait(start, api, tmp_path):
    gate = Gate(api)
    text = clustered.config(PATIENT, tmp_path / "out").replace("service:", "service:\n  shutdown_timeout: 1s")
    d = start(text=text, known=False, expect=["Did not stop in time"])
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(d.export, otlp.traces(1))
        d.wait_metrics(lambda m: m.sum("otelcd_pipeline_held_items") == 1)
        d.terminate()
        with pytest.raises(grpc.RpcError):
            sent.result()
    gate.open.set()


# --- a server that fails ---

def half(handler, path, parameters):
    return 200, JSON, json.dumps({"metadata": {"resourceVersion": "1"}, "items": [own("127.0.0.1", "half")]}).encode()[:-9]


def endless(handler, path, parameters):
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()
    while True:
        handler.wfile.write(b"[" * (1 << 20))


BAD = {
    "half": (half, "no JSON"),
    "text": (lambda *_: (200, JSON, b"hello"), "no JSON"),
    "no list": (lambda *_: (200, JSON, b"{}"), "no list"),
    "nobody": (lambda *_: (401, JSON, b'{"message": "who?"}'), "status 401: who"),
    "forbidden": (lambda *_: (403, JSON, b'{"message": "pods is forbidden"}'), "status 403: pods is forbidden"),
    "unwell": (lambda *_: (500, JSON, b""), "status 500"),
    "endless": (endless, "more than 16 MiB"),
}


@pytest.mark.parametrize("how", BAD)
def test_an_answer_that_is_bad_is_told_and_asked_for_again(start, api, enriched, how):
    answer, words = BAD[how]

    def once(handler, path, parameters):
        if path != ASKED or "watch" in parameters:
            return False
        api.answer = None
        return answer(handler, path, parameters)

    api.answer = once
    api.put("pods", own("127.0.0.1", "web"))
    d = start(known=False, expect=[FAILS])
    assert words in d.wait_log("^" + FAILS)["error"]
    assert enriched(d)["k8s.pod.name"] == "web"
    d.wait_log("^The API server of the cluster answers again")
    assert d.metric("otelcd_k8s_watch_failures", kind="pods") == 1


def state_of(d):
    """The processor's, as the page has it."""
    nodes = json.loads(d.http("GET", "/api/v1/status", address=d.scrape_address())[2])["pipelines"][0]["nodes"]
    return next(n for n in nodes if n["id"] == "k8s_attributes")["state"]


def test_it_is_well_again_when_all_kinds_are_told_of(start, api):
    failing = {"/api/v1/namespaces", "/api/v1/nodes"}
    api.answer = lambda handler, path, parameters: (500, JSON, b"{}") if path in failing else False
    labels = [{"key": "team", "from": kind} for kind in ("namespace", "node")]
    d = start({"wait_for_metadata": False, "extract": {"metadata": ["k8s.node.name"], "labels": labels}}, known=False, expect=[FAILS])
    for kind in ("namespaces", "nodes"):
        d.wait_metrics(lambda m, kind=kind: any(s.value for s in m.find("otelcd_k8s_watch_failures", kind=kind)))
    failing.remove("/api/v1/namespaces")
    api.put("namespaces", {"metadata": {"name": "shop"}})
    api.wait_asked("/api/v1/namespaces", watch="true")
    d.wait_metrics(lambda m: m.sum("otelcol_otelsvc_k8s_namespace_added") == 1)
    assert state_of(d) == "failing"
    failing.clear()
    d.wait_log("^The API server of the cluster answers again")
    assert state_of(d) == "ok"


def test_requests_keep_their_distance_where_that_is_asked_for(start, api):
    api.page = 1
    for i in range(4):
        api.put("pods", own(f"127.0.0.{i + 1}", f"web-{i}"))
    before = time.monotonic()
    start({"kube_api_qps": 5, "kube_api_burst": 1})
    api.wait_asked(ASKED, watch="true")
    assert time.monotonic() - before > 4 / 5, "four pages and a watch"


def test_while_the_server_is_away_what_is_known_stays(start, api, enriched):
    api.put("pods", own("127.0.0.1", "web"))
    d = start(expect=[FAILS])
    assert enriched(d)["k8s.pod.name"] == "web"
    api.answer = lambda *_: (500, JSON, b"{}")
    api.delete("pods", "shop", "web", tell=False)
    api.put("pods", own("127.0.0.1", "other"), tell=False)
    api.forget()
    d.wait_log("^" + FAILS)
    assert enriched(d)["k8s.pod.name"] == "web"
    api.answer = None
    d.wait_metrics(lambda m: m.sum("otelcol_otelsvc_k8s_pod_deleted") == 1)
    assert enriched(d)["k8s.pod.name"] == "other"


def test_a_version_that_is_too_old_has_all_listed_anew_without_a_word(start, api, enriched):
    api.put("pods", own("127.0.0.1", "web"))
    d = start()
    api.put("pods", own("127.0.0.2", "other"), tell=False)
    api.forget()
    wait_pods(d, 2)
    assert enriched(d, {"k8s.pod.ip": "127.0.0.2"})["k8s.pod.name"] == "other"
    assert d.metric("otelcol_otelsvc_k8s_pod_added") == 2 and d.metric("otelcol_otelsvc_k8s_pod_updated") == 0


def test_an_event_that_nobody_can_read_costs_nothing_but_a_list(start, api, enriched):
    api.put("pods", own("127.0.0.1", "web"))
    d = start(expect=[FAILS])
    api.wait_asked(ASKED, watch="true")
    api.say("pods", "MODIFIED", {"metadata": "text"})
    d.wait_log("^" + FAILS)
    api.wait_asked(ASKED, n=2, limit="500")
    assert enriched(d)["k8s.pod.name"] == "web"


def test_when_there_is_no_room_pods_are_left_out_and_the_limit_is_named(start, api, enriched, tmp_path):
    api.page = 20
    for i in range(400):
        web = own(f"10.0.{i >> 8}.{i & 255}", f"p{i:03}")
        web["metadata"]["annotations"] = {f"much-{k}": "x" * 1000 for k in range(20)}
        api.put("pods", web)
    text = clustered.config({"wait_for_metadata": False, "extract": {"annotations": [{"key_regex": ".*"}]}}, tmp_path / "out")
    d = start(text=text.replace("service:", "service:\n  memory_budget_mib: 4"), known=False, expect=[FAILS])
    assert "no room in the memory budget" in d.wait_log("^" + FAILS)["error"]
    assert enriched(d, {"k8s.pod.ip": "10.0.0.0"})["k8s.pod.name"] == "p000"
    assert "k8s.pod.name" not in enriched(d, {"k8s.pod.ip": "10.0.1.143"})


# --- reload, and several pipelines ---

SEVERAL = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
processors:
  k8s_attributes: {processor}
exporters:
  nop:
service:
  pipelines: {{{pipelines}}}
"""


def several(*signals, **processor):
    pipelines = ", ".join(f"{s}: {{receivers: [otlp], processors: [k8s_attributes], exporters: [nop]}}" for s in signals)
    return SEVERAL.format(processor=json.dumps({"auth_type": "kubeConfig", **PATIENT, **processor}), pipelines=pipelines)


def lists(api):
    return len([a for a in api.asked if a[0] == ASKED and "watch" not in a[1]])


def test_pipelines_share_one_watch_that_a_reload_keeps(start, api):
    api.put("pods", own("127.0.0.1", "web"))
    d = start(text=several("traces", "logs"))
    d.reload(several("logs", "metrics"))
    assert lists(api) == 1
    d.export(otlp.sample("metrics", 1))
    d.export(otlp.sample("logs", 1))
    found = d.metrics().find("otelcol_k8s_pod_association", status="success")
    assert {s.labels["otelcol_signal"]: s.value for s in found if s.value} == {"metrics": 1, "logs": 1}
    d.reload(several("metrics"))
    assert lists(api) == 1
    d.export(otlp.sample("metrics", 1))
    d.reload(several("metrics", extract={"metadata": ["k8s.pod.uid"]}))
    d.wait_log(KNOWN, n=2)
    assert lists(api) == 2


def test_a_reload_waits_for_the_pods_again_where_it_changes_which(start, api):
    api.put("pods", own("127.0.0.1", "web"))
    d = start(text=several("traces", wait_for_metadata=True))
    d.export(otlp.traces(1))
    gate = Gate(api)
    d.reload(several("traces", wait_for_metadata=True, extract={"metadata": ["k8s.pod.uid"]}))
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(d.export, otlp.traces(1))
        d.wait_metrics(lambda m: m.sum("otelcd_pipeline_held_items") == 1)
        gate.open.set()
        sent.result()


# --- who is asked ---

@pytest.fixture
def cluster(in_pod, tmp_path):  # noqa: F811
    """An API server with the pod `web` of this machine, the command under which a daemon is in a pod, and its environment."""
    folder, command = in_pod
    ca = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ca.issue("kubernetes"))
    (folder / "ca.crt").write_bytes(ca.cert.read_bytes())
    (folder / "token").write_text("first")
    server = ApiServer(tls=context)
    server.put("pods", own("127.0.0.1", "web"))
    host, _, port = server.address.partition(":")
    yield server, command, {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    server.close()


def test_in_a_pod_its_service_account_is_used(otelcd, cluster, tmp_path):
    server, command, env = cluster
    d = otelcd(clustered.config({**PATIENT, "auth_type": "serviceAccount"}, tmp_path / "out"), under=command, env=env)
    d.export(otlp.traces(1))
    assert clustered.attributes((tmp_path / "out").read_text().splitlines())[0]["k8s.pod.name"] == "web"
    assert server.wait_asked(ASKED)[2]["Authorization"] == "Bearer first"
    d.stop()


def test_the_example_of_an_agent_says_from_which_pod_data_is(otelcd, cluster):
    server, command, env = cluster
    gateway = GrpcPeer()
    text = free_ports((ROOT / "config/kubernetes-agent.yaml").read_text().replace("0.0.0.0", "127.0.0.1"))
    d = otelcd(text, under=command, env={**env, "OTELCD_GATEWAY": gateway.endpoint, "K8S_NODE_NAME": "node-1"})
    d.wait_log(KNOWN)
    d.export(otlp.traces(1))
    sent = gateway.wait_items(1).taken[0].message.resource_spans[0].resource.attributes
    assert ("k8s.pod.name", "web") in [(a.key, a.value.string_value) for a in sent]
    assert server.wait_asked(ASKED)[1]["fieldSelector"] == "spec.nodeName=node-1"
    d.stop()
    gateway.close()


def test_as_nobody_the_same_server_is_asked(otelcd, tmp_path):
    ca = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ca.issue("kubernetes"))
    server = ApiServer(tls=context)
    try:
        server.put("pods", own("127.0.0.1", "web"))
        host, _, port = server.address.partition(":")
        env = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        d = otelcd(clustered.config({**PATIENT, "auth_type": "none"}, tmp_path / "out"), env=env)
        d.export(otlp.traces(1))
        assert "Authorization" not in server.wait_asked(ASKED)[2]
        d.stop()
    finally:
        server.close()


@pytest.mark.parametrize(
    "processor, env, words",
    [
        ({"auth_type": "serviceAccount"}, {}, "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set"),
        ({"auth_type": "kubeConfig"}, {"KUBECONFIG": "/nowhere"}, "/nowhere"),
        ({"auth_type": "kubeConfig"}, {"KUBECONFIG": "/a:/b"}, "names several files: name one"),
        ({"auth_type": "kubeConfig", "context": "theirs"}, None, "theirs"),
    ],
)
def test_without_a_server_it_does_not_start(tmp_path, processor, env, words):
    (tmp_path / "c.yaml").write_text(clustered.config(processor, tmp_path / "out") + "\n  telemetry: {metrics: {level: none}}\n")
    env = {"KUBECONFIG": clustered.kubeconfig(tmp_path, "127.0.0.1:1")} if env is None else env
    ran = subprocess.run([OTELCD, "--config", tmp_path / "c.yaml"], env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, text=True, timeout=120)
    assert ran.returncode != 0 and words in ran.stderr, ran.stderr


@pytest.mark.parametrize(
    "processor, words",
    [
        ({"auth_type": "tls"}, "tls is not served: write kubeConfig"),
        ({"extract": {"metadata": ["k8s.pod.nam"]}}, '"k8s.pod.nam" is not a supported metadata field'),
        ({"extract": {"labels": [{"key": "a", "key_regex": "b"}]}}, "key and key_regex are both written"),
        ({"extract": {"labels": [{"key_regex": "("}]}}, "missing )"),
        ({"extract": {"annotations": [{"key": "a", "from": "service"}]}}, "pod"),
        ({"filter": {"fields": [{"key": "a", "op": "exists"}]}}, "equals"),
        ({"filter": {"node_from_env_var": "NOT_SET_HERE"}}, 'the environment variable "NOT_SET_HERE" is not set'),
        ({"pod_association": [{"sources": [{"from": "connection"}] * 5}]}, "limit is 4"),
        ({"pod_association": [{"sources": [{"from": "resource_attribute"}]}]}, "needs the attribute's name"),
        ({"pod_association": [{"sources": [{"from": "label"}]}]}, "resource_attribute"),
        ({"exclude": {"pods": [{"name": "["}]}}, "missing ]"),
    ],
)
def test_what_is_configured_wrongly_is_refused_with_what_to_write(tmp_path, processor, words):
    (tmp_path / "c.yaml").write_text(clustered.config(processor, tmp_path / "out"))
    ran = subprocess.run([OTELCD, "validate", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, timeout=120)
    assert ran.returncode != 0 and words in ran.stderr, ran.stderr
