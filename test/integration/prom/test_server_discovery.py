# SPDX-License-Identifier: Apache-2.0
"""Targets that Docker and Consul know, and what becomes of them when those fail."""

import json
import subprocess

import pytest
from harness.servers.consul import Consul, instance
from harness.servers.docker import JSON, Docker, DockerSocket, container
from harness.limits import OTELCD, PATIENCE
from harness.targets import Target, config, wait_point

FAILED = "Failed to scrape Prometheus endpoint"
REFUSED = "Unable to refresh target groups"


@pytest.fixture
def target():
    t = Target(b"# TYPE load gauge\nload 0.5\n")
    yield t
    t.close()


@pytest.fixture
def docker():
    d = Docker()
    yield d
    d.close()


@pytest.fixture
def consul():
    c = Consul()
    yield c
    c.close()


@pytest.fixture
def scraper(otelcd):
    return lambda text, expect=(), allow=(), **more: otelcd(text, expect=expect, allow=[FAILED, *allow], **more)


def port_of(t):
    return int(t.address.partition(":")[2])


def wait_targets(d, n):
    return d.wait_metrics(lambda samples: samples.find("otelcd_scraper_targets", job="test") and samples.sum("otelcd_scraper_targets") == n)


def docker_job(docker, host=None, **more):
    sd = {"host": host or f"tcp://{docker.address}", "refresh_interval": "500ms", **more}
    return {"job_name": "test", "docker_sd_configs": [sd], "relabel_configs": [{"action": "labelmap", "regex": "__meta_docker_(.*)"}]}


# --- Docker ---


def test_containers_become_targets_and_come_and_go(scraper, docker, target):
    docker.networks = [{"Id": "n1", "Name": "front", "Scope": "local", "Internal": False, "Ingress": False, "Labels": {"a.b": "c"}}]
    docker.containers = [container("web", networks={"front": ("n1", "127.0.0.1")}, ports=[(port_of(target), 8080)], labels={"com.shop/tier": "1"})]
    d = scraper(config([docker_job(docker)]))
    assert wait_point(d, "load", instance=target.address).labels == {
        "container_id": "id-web", "container_name": "/web", "container_network_mode": "bridge", "container_image": "shop:1",
        "container_image_id": "sha256:1", "container_label_com_shop_tier": "1", "network_ip": "127.0.0.1", "network_id": "n1",
        "network_name": "front", "network_scope": "local", "network_internal": "false", "network_ingress": "false", "network_label_a_b": "c",
        "port_private": str(port_of(target)), "port_public": "8080", "port_public_ip": "0.0.0.0",
    }  # fmt: skip
    docker.containers = []
    wait_targets(d, 0)
    assert wait_point(d, "up", instance=target.address, stale=True)


KEPT = {"source_labels": ["wanted"], "regex": "yes", "action": "keep"}


def long_job(job):
    """Of many targets one is kept."""
    job["relabel_configs"].append(KEPT)
    return job


def test_a_long_answer_of_docker_is_read_as_a_short_one_is(scraper, docker, target):
    network = [{"Id": f"n{i}", "Name": f"net{i}", "Scope": "local", "Labels": {"about": "x" * 100}} for i in range(2000)]
    others = [container(f"c{i}", networks={"net": (f"n{i}", "127.0.0.1")}, ports=[(9, 0)], labels={"about": "y" * 100}) for i in range(2000)]
    found = container("web", networks={"net": ("n7", "127.0.0.1")}, ports=[(port_of(target), 0)], labels={"wanted": "yes"})
    docker.networks, docker.containers = network, [*others, found]
    job = long_job(docker_job(docker))
    job["relabel_configs"][0]["regex"] = "__meta_docker_container_label_(wanted)|__meta_docker_network_(name)"
    job["relabel_configs"][0]["replacement"] = "$1$2"
    d = scraper(config([job]), expect=[REFUSED])
    assert wait_point(d, "load", instance=target.address).labels == {"wanted": "yes", "name": "net7"}
    docker.answer = lambda handler, path: (200, JSON, json.dumps([*others, found]).encode()[:-1])  # what is wrong at its end is told, too
    d.wait_log(REFUSED)
    wait_targets(d, 1)
    docker.answer, docker.containers = None, others
    assert wait_point(d, "up", instance=target.address, stale=True)


def test_a_long_answer_of_consul_is_read_as_a_short_one_is(scraper, consul, target):
    others = [instance("web", address="127.0.6.1", id=f"w{i}", tags=["t" * 100]) for i in range(2000)]
    consul.put("web", [*others, instance("web", port=port_of(target), tags=["kept"])])
    job = consul_job(consul)
    job["relabel_configs"] = [{"source_labels": ["__meta_consul_tags"], "regex": ",kept,", "target_label": "wanted", "replacement": "yes"}, KEPT]
    d = scraper(config([job]))
    assert wait_point(d, "load", instance=target.address).labels == {"wanted": "yes"}
    consul.put("web", others)
    assert wait_point(d, "up", instance=target.address, stale=True)


def test_a_stop_does_not_wait_for_a_long_answer(otelcd, consul):
    consul.put("web", [instance("web", address="127.0.6.1", id=f"w{i}", tags=["t" * 100]) for i in range(20_000)])
    d = otelcd(config([consul_job(consul)]), allow=[FAILED])
    consul.wait_asked("/v1/health/service/web")
    d.terminate()


def test_a_daemon_is_asked_on_its_unix_socket_too(scraper, docker, target, tmp_path):
    docker.containers = [container("web", networks={"x": ("n1", "127.0.0.1")}, ports=[(port_of(target), 0)])]
    socket = DockerSocket(docker, tmp_path / "docker.sock")
    try:
        filters = [{"name": "label", "values": ["a=b", "c"]}, {"name": "status", "values": ["running"]}]
        d = scraper(config([docker_job(docker, host=f"unix://{tmp_path}/docker.sock", filters=filters)]))
        assert wait_point(d, "load", instance=target.address)
        assert docker.asked[:2] == [
            "/containers/json?filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%2C%22c%22%3Atrue%7D%2C%22status%22%3A%7B%22running%22%3Atrue%7D%7D",
            "/networks",
        ]
        d.stop()
    finally:
        socket.close()


@pytest.mark.parametrize("first, found", [(True, ["127.0.5.1:80"]), (False, ["127.0.5.1:80", "127.0.5.2:80"])])
def test_networks_of_a_container(scraper, docker, first, found):
    docker.containers = [container("web", networks={"b": ("n2", "127.0.5.2"), "a": ("n1", "127.0.5.1")})]
    d = scraper(config([docker_job(docker, match_first_network=first)]))
    for instance_ in found:
        assert wait_point(d, "up", instance=instance_)
    wait_targets(d, len(found))


def test_containers_share_networks_and_a_circle_of_them_ends(scraper, docker):
    docker.containers = [
        container("main", networks={"a": ("n1", "127.0.6.1")}, ports=[(9100, 0)]),
        container("side", mode="container:id-main", ports=[(9200, 0)]),
        container("one", mode="container:id-two", ports=[(1, 0)]),
        container("two", mode="container:id-one", ports=[(2, 0)]),
        container("host", mode="host", networks={"host": ("n3", "")}),
    ]
    d = scraper(config([docker_job(docker, host_networking_host="127.0.6.9", port=81)]))
    for instance_ in ("127.0.6.1:9100", "127.0.6.1:9200", "127.0.6.9"):
        assert wait_point(d, "up", instance=instance_)
    wait_targets(d, 3)


def huge(handler, path):
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()
    while True:
        handler.wfile.write(b"[" + b" " * (1 << 20))


DOCKER_FAULTS = {
    "refuses": (lambda h, p: (500, JSON, b"{}"), "500"),
    "says no JSON": (lambda h, p: (200, JSON, b"<html>"), "no JSON"),
    "says no list": (lambda h, p: (200, JSON, b"{}"), "no list"),
    "says half": (lambda h, p: (200, JSON, b'[{"Id":"x","Na'), "no JSON"),
    "fails for networks": (lambda h, p: p == "/networks" and (404, JSON, b"{}"), "404"),
    "sends too much": (huge, "body size limit exceeded"),
    "hangs up": (lambda h, p: h.connection.shutdown(2), ""),
    "says nothing": (lambda h, p: h.rfile.read(1) and None, ""),
}


@pytest.mark.parametrize("how", DOCKER_FAULTS)
def test_a_daemon_that_fails_changes_nothing(otelcd, docker, target, how):
    docker.containers = [container("web", networks={"x": ("n1", "127.0.0.1")}, ports=[(port_of(target), 0)])]
    patient = {"refresh_interval": "3s"} if how == "sends too much" else {}  # an answer may take no longer
    d = otelcd(config([docker_job(docker, **patient)]), expect=[REFUSED], allow=[FAILED])
    assert wait_point(d, "load", instance=target.address)
    docker.answer, why = DOCKER_FAULTS[how]
    assert why in d.wait_log("^Unable to refresh target groups")["error"]
    target.wait_asked(len(target.asked) + 2)
    docker.answer, docker.containers = None, []
    wait_targets(d, 0)


# --- Consul ---


def consul_job(consul, **more):
    sd = {"server": consul.address, "refresh_interval": "100ms", **more}
    return {"job_name": "test", "consul_sd_configs": [sd], "relabel_configs": [{"action": "labelmap", "regex": "__meta_consul_(.*)"}]}


def test_services_of_consul_become_targets_and_come_and_go(scraper, consul, target):
    checks = [("serfHealth", "passing"), ("web", "warning")]
    consul.put("web", [instance("web", port=port_of(target), tags=["v1", "prod"], checks=checks)])
    consul.put("consul", [])
    d = scraper(config([consul_job(consul)]))
    assert wait_point(d, "load", instance=target.address).labels == {
        "address": "127.0.0.1", "node": "n1", "tags": ",v1,prod,", "service": "web", "dc": "dc1", "service_port": str(port_of(target)),
        "service_id": "1", "health": "warning", "metadata_rack_id": "r1", "service_metadata_version": "2", "tagged_address_lan": "127.0.0.1",
    }  # fmt: skip
    consul.put("web", [instance("web", address="127.0.7.1", id="a"), instance("web", id="b", node_address="127.0.7.2", checks=[("_node_maintenance", "critical")])])
    assert wait_point(d, "up", instance="127.0.7.1:80").labels["service_address"] == "127.0.7.1"
    assert wait_point(d, "up", instance="127.0.7.2:80").labels["health"] == "maintenance"
    wait_targets(d, 2)
    consul.put("other", [instance("other", address="127.0.7.3")])
    wait_targets(d, 3)
    consul.put("web", None)
    wait_targets(d, 1)
    consul.put("other", None)
    wait_targets(d, 0)


def test_what_is_asked_of_consul(scraper, consul):
    consul.put("web", [instance("web", address="127.0.8.1")])
    consul.put("db", [instance("db", address="127.0.8.2")])
    more = {"services": ["web"], "datacenter": "east", "token": "secret", "allow_stale": False, "node_meta": {"rack": "r1"}, "health_filter": "x == y", "tag_separator": "|"}
    d = scraper(config([consul_job(consul, **more)]))
    assert wait_point(d, "up", instance="127.0.8.1:80").labels["tags"] == "||"
    path, parameters, headers = consul.wait_asked("/v1/health/service/web")
    assert parameters == {"dc": ["east"], "node-meta": ["rack:r1"], "filter": ["x == y"]} and headers["X-Consul-Token"] == "secret"
    _, parameters, _ = consul.wait_asked("/v1/health/service/web", lambda p: "index" in p)
    assert parameters["wait"] == ["120000ms"] and parameters["index"] == ["12"]
    assert {a[0] for a in consul.asked} == {"/v1/health/service/web"}  # neither the agent nor the catalog
    assert wait_targets(d, 1)


def test_tags_choose_services(scraper, consul):
    consul.put("web", [instance("web", address="127.0.9.1", tags=["a", "b"])])
    consul.put("db", [instance("db", address="127.0.9.2", tags=["a"])])
    d = scraper(config([consul_job(consul, tags=["a", "b"])]))
    assert wait_point(d, "up", instance="127.0.9.1:80")
    _, parameters, _ = consul.wait_asked("/v1/health/service/web")
    assert parameters["tag"] == ["a", "b"] and parameters["stale"] == ["true"]
    assert not [a for a in consul.asked if a[0].endswith("/db")]


def test_an_index_that_goes_back_begins_anew(scraper, consul):
    consul.put("web", [instance("web", address="127.0.10.1")])
    d = scraper(config([consul_job(consul)]))
    wait_targets(d, 1)
    consul.wait_asked("/v1/catalog/services", lambda p: p.get("index") == ["11"])
    consul.restart()
    wait_targets(d, 0)
    consul.put("db", [instance("db", address="127.0.10.2")])
    wait_targets(d, 1)


CONSUL_FAULTS = {
    "refuses": (lambda h, p, q: (403, JSON, b"Permission denied"), "403"),
    "says no JSON": (lambda h, p, q: (200, JSON, b"rpc error"), "no JSON"),
    "says something else": (lambda h, p, q: (200, JSON, b"5"), "the answer is no"),
    "hangs up": (lambda h, p, q: h.connection.shutdown(2), ""),
    "does not know where it is": (lambda h, p, q: p == "/v1/agent/self" and (200, JSON, b"{}"), "datacenter"),
}


@pytest.mark.parametrize("how", CONSUL_FAULTS)
def test_a_consul_that_fails_is_told(otelcd, consul, how):
    consul.answer, why = CONSUL_FAULTS[how]
    consul.put("web", [instance("web", address="127.0.11.1")])
    d = otelcd(config([consul_job(consul)]), expect=[REFUSED], allow=[FAILED])
    record = d.wait_log("^Unable to refresh target groups")
    assert why in record["error"] and record["discovery"] == "consul"
    consul.answer = None
    wait_targets(d, 1)


def test_what_was_known_stays_while_consul_is_away(otelcd, consul, target):
    consul.put("web", [instance("web", port=port_of(target))])
    d = otelcd(config([consul_job(consul)]), expect=[REFUSED], allow=[FAILED])
    assert wait_point(d, "load", instance=target.address)
    consul.answer = lambda h, p, q: (500, JSON, b"no leader")
    consul.put("other", [])  # whoever waits has an answer, and asks again
    d.wait_log("^Unable to refresh target groups")
    target.wait_asked(len(target.asked) + 2)
    assert d.metrics().sum("otelcd_scraper_targets") == 1


# --- what is refused ---

FAULTS = {
    "docker host": ("docker_sd_configs: [{host: 'ftp://x'}]", "write unix:///var/run/docker.sock, tcp://host:2375"),
    "docker": ("docker_sd_configs: [{}]", "docker_sd_configs"),
    "consul scheme": ("consul_sd_configs: [{scheme: foo}]", 'unsupported scheme "foo"'),
    "consul twice": ("consul_sd_configs: [{username: a, basic_auth: {username: b}}]", "at most one of consul SD configuration username"),
    "consul token": ("consul_sd_configs: [{token: a, authorization: {credentials: b}}]", "at most one of consul SD token"),
    "role": ("kubernetes_sd_configs: [{}]", "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)"),
    "other role": ("kubernetes_sd_configs: [{role: pods}]", "role"),
    "kubeconfig": ("kubernetes_sd_configs: [{role: pod, kubeconfig_file: /nowhere}]", "/nowhere"),
    "kubeconfig server": ("kubernetes_sd_configs: [{role: pod, kubeconfig_file: /nowhere, api_server: 'http://a'}]", "cannot use 'kubeconfig_file' and 'api_server'"),
    "kubeconfig client": ("kubernetes_sd_configs: [{role: pod, kubeconfig_file: /nowhere, bearer_token: x}]", "together with 'kubeconfig_file'"),
    "client": ("kubernetes_sd_configs: [{role: pod, bearer_token: x}]", "please provide the 'api_server' URL explicitly"),
    "own": ("kubernetes_sd_configs: [{role: pod, api_server: 'http://a', namespaces: {own_namespace: true}}]", "cannot use 'api_server' and 'namespaces.own_namespace'"),
    "namespace": ("kubernetes_sd_configs: [{role: pod, namespaces: {names: [a/b]}}]", '"a/b" is no namespace'),
    "selector": ("kubernetes_sd_configs: [{role: pod, selectors: [{role: service, label: x}]}]", "pod role supports only pod, node selectors"),
    "selectors": ("kubernetes_sd_configs: [{role: pod, selectors: [{role: pod, label: x}, {role: pod, field: y}]}]", "duplicated selector role: pod"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_where_it_stands(tmp_path, name):
    text, why = FAULTS[name]
    file = tmp_path / "otelcd.yaml"
    file.write_text(
        f"receivers: {{prometheus: {{config: {{scrape_configs: [{{job_name: a, {text}}}]}}}}}}\nexporters: {{nop: {{}}}}\n"
        "service: {pipelines: {metrics: {receivers: [prometheus], exporters: [nop]}}}\n"
    )
    ran = subprocess.run([OTELCD, "validate", "--config", file], capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode != 0 and why in ran.stderr, ran.stderr
