# SPDX-License-Identifier: Apache-2.0
"""`otelcd schema`: a JSON Schema that accepts what `otelcd validate` accepts, and refuses what it refuses but for the kinds
of rules that no schema can say (UNSAYABLE)."""

import copy
import functools
import json
import os
import pathlib
import random
import re
import subprocess

import pytest

from harness.limits import OTELCD, PATIENCE, ROOT, SANITIZED

yaml = pytest.importorskip("yaml")
jsonschema = pytest.importorskip("jsonschema")

CORPUS = pathlib.Path(os.environ.get("OTELCD_CORPUS", ROOT.parent / "shared/corpus/configs"))
FILES = sorted(CORPUS.rglob("*.yaml"))
OURS = sorted((ROOT / "config").glob("*.yaml"))

# What validate refuses and no schema can: the kinds of it, by what is said.
UNSAYABLE = {
    "one part of the configuration refers to another": r"^references |no storage client extension found|is not in service::extensions"
    r"|pipeline not found|would never match|is taken by|is served by|is used as both|has to be used|nothing (receives|sends)"
    r"|connector .* used as|authenticator|cannot be in \d+ processes|can be routed by|role supports only",
    "files of this machine": r"cannot read|no such file|directory must exist|is not a directory|is a directory|permission denied",
    "variables of this machine": r"environment variable|scheme .* is not supported for uri|in a pod it comes by",
    "one value against another": r"must be (greater|less|smaller|at least|larger)|should be larger|must not be less than|does not come after"
    r"|is below min_version|both say who we are|duplicate|more than|needs the queue|only be used when|scrape timeout (greater|cannot)|can only be"
    r"|found multiple scrape configs",
    "a language of its own (OTTL, RE2, addresses of IP, names of labels)": r"\bstatement|condition|expression|pattern|regex|set_semconv|is not an IPv[46]"
    r"|expected .* at|unexpected|has no function|is no context|no path says|invalid 'target_label'",
}


class Loader(yaml.SafeLoader):
    """YAML's core schema, as go-yaml reads it: yes and on are words, 0o17 is a number, dates are text."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("merge", r"^<<$", "<"),
    ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?(0|[1-9][0-9_]*)$", list("-+0123456789")),
    ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", list("-+.0123456789")),
]:
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


def nested(tree):
    """Keys like a::b as maps in maps."""
    if isinstance(tree, list):
        return [nested(x) for x in tree]
    if not isinstance(tree, dict):
        return tree
    out = {}
    for key, value in tree.items():
        at = out
        *above, last = str(key).split("::")
        for part in above:
            at = at.setdefault(part, {})
        at[last] = nested(value)
    return out


@functools.cache
def validator():
    schema = json.loads(subprocess.run([OTELCD, "schema"], capture_output=True, check=True, timeout=PATIENCE).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def has_variable(tree, path):
    """What is there, or in what is there, is not known before it is started."""
    for key in path.split("::"):
        if isinstance(tree, (dict, list)) and key in (tree if isinstance(tree, dict) else map(str, range(len(tree)))):
            tree = tree[key if isinstance(tree, dict) else int(key)]
    return "${" in json.dumps(tree)


def is_sayable(fault, tree):
    told = fault["text"] + str(fault["remedy"])
    return not any(re.search(kind, told) for kind in UNSAYABLE.values()) and not has_variable(tree, fault["path"])


def answers(file, tree):
    """(does validate find faults, those that a schema can say)"""
    ran = subprocess.run([OTELCD, "validate", "--format", "json", "-c", str(file)], capture_output=True, text=True, timeout=PATIENCE)
    errors = [f for f in json.loads(ran.stdout)["faults"] if f["severity"] == "error"]
    assert ran.returncode == bool(errors)
    said = [f for f in errors if is_sayable(f, tree)]
    return errors, said


def complaint(tree):
    error = next(validator().iter_errors(tree), None)
    return None if error is None else f"{'::'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def disagreement(file, tree):
    """None: the schema accepts what validate accepts, and refuses what it refuses for a reason that it can say."""
    errors, said = answers(file, tree)
    wrong = complaint(tree)
    if errors if wrong else not said:
        return None
    return f"schema: {wrong}; validate: {said or errors}"


@pytest.mark.skipif(not FILES, reason=f"no corpus of configurations at {CORPUS}: set OTELCD_CORPUS")
def test_the_schema_accepts_what_validate_accepts_of_others():
    wrong, read, accepted, alike = [], 0, 0, 0
    for file in FILES:
        try:
            tree = nested(yaml.load(file.read_text(), Loader) or {})
        except yaml.YAMLError:
            continue
        read += 1
        told, errors = complaint(tree), answers(file, tree)[0]
        accepted += told is None
        alike += (told is None) == (not errors)
        if told := disagreement(file, tree):
            wrong.append(f"{file.name}: {told}")
    print(f"\nthe schema accepts {accepted} of {read} configurations, and says of {alike} what validate says")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", OURS, ids=[f.stem for f in OURS])
def test_the_schema_accepts_each_example(file):
    assert complaint(nested(yaml.load(file.read_text(), Loader))) is None


def places(tree, path=()):
    """The paths of all values."""
    yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*path, key))


INSTEAD = [None, 5, -1, 0.5, True, "word", "", [], ["word"], {}, {"unheard_of": 1}, "${env:OTELCD_TEST_UNSET:-}", "10s"]


def changed(tree, path, value):
    tree = copy.deepcopy(tree)
    at = tree
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return tree


def is_valid(file):
    return subprocess.run([OTELCD, "validate", "-c", str(file)], capture_output=True, timeout=PATIENCE).returncode == 0


def other_values(file, n, tmp_path):
    """The disagreements about so many of the file's values that were changed."""
    tree = nested(yaml.load(file.read_text(), Loader))
    dice = random.Random(file.stem)
    cases = [(path, value) for path in places(tree) if path for value in INSTEAD]
    wrong = []
    for path, value in dice.sample(cases, min(n, len(cases))):
        one = changed(tree, path, value)
        at = tmp_path / "changed.yaml"
        at.write_text(json.dumps(one))
        if isinstance(value, str) and value.startswith("${"):
            if told := complaint(one):  # what a variable will be is not known
                wrong.append(f"{'::'.join(map(str, path))} = {value}: {told}")
        elif told := disagreement(at, one):
            wrong.append(f"{file.name}: {'::'.join(map(str, path))} = {value!r}: {told}")
    return wrong


@pytest.mark.parametrize("file", OURS, ids=[f.stem for f in OURS])
def test_a_value_of_any_other_type_is_refused_by_both_or_by_neither(file, tmp_path):
    """With sanitizers of fewer: what they look for in the decoder is the fuzzer's business (fuzz/config_fuzz.c)."""
    wrong = other_values(file, 20 if SANITIZED else 80, tmp_path)
    assert not wrong, "\n".join(wrong)


@pytest.mark.skipif(not FILES, reason=f"no corpus of configurations at {CORPUS}: set OTELCD_CORPUS")
def test_a_value_of_any_other_type_in_those_of_others_too(tmp_path):
    wrong = [told for file in FILES if is_valid(file) for told in other_values(file, 8, tmp_path)]
    assert not wrong, "\n".join(wrong)


BASE = """
receivers: {otlp: {protocols: {grpc: {}}}}
exporters: {nop: }
service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}
"""
BOTH_REFUSE = """
receivers: {otlp: }
receivers: {otlp: {protocols: }}
receivers: {otlp: {protocols: {}}}
receivers: {otlp: {protocols: {grpc: {enabled: false}}}}
receivers: {otlp: {protocols: {grpc: {endpoint: 4317}}}}
receivers: {otlp: {protocols: {grpc: {endpoint: "a:b"}}}}
receivers: {otlp: {protocols: {grpc: {endpoint: "0.0.0.0.4317"}}}}
receivers: {otlp: {protocols: {grpc: {endpoint: "0.0.0.0:65536"}}}}
receivers: {otlp: {protocols: {grpc: {endpoint: "http://0.0.0.0:4317"}}}}
receivers: {otlp: {protocols: {grpc: {tls: {cert_file: a}}}}}
receivers: {otlp: {protocols: {http: {compression_algorithms: [brotli]}}}}
receivers: {otlp: {protocols: {https: {}}}}
receivers: {otlpp: {protocols: {grpc: {}}}}
receivers: {filelog: {include: [a]}}
receivers: {prometheus: {config: {}}}
receivers: {prometheus: {config: {scrape_configs: [{static_configs: [{targets: [a]}]}]}}}
receivers: {prometheus: {config: {scrape_configs: [{job_name: a, scrape_interval: soon}]}}}
receivers: {prometheus: {config: {scrape_configs: [{job_name: a, relabel_configs: [{source_labels: [a]}]}]}}}
receivers: {prometheus: {config: {scrape_configs: [{job_name: a, file_sd_configs: [{files: [a.txt]}]}]}}}
receivers: {kafka: {group_id: ""}}
receivers: {kafka: {brokers: []}}
exporters: {otlp_grpc: }
exporters: {otlp_grpc: {endpoint: a}}
exporters: {otlp_grpc: {endpoint: "a:4317", compression: brotli}}
exporters: {otlp_grpc: {endpoint: "a:4317", balancer_name: random}}
exporters: {otlp_grpc: {endpoint: "a:4317", timeout: soon}}
exporters: {otlp_grpc: {endpoint: "a:4317", sending_queue: {queue_size: 0}}}
exporters: {otlp_grpc: {endpoint: "a:4317", sending_queue: {num_consumers: -1}}}
exporters: {otlp_grpc: {endpoint: "a:4317", sending_queue: {batch: {flush_timeout: 0s}}}}
exporters: {otlp_grpc: {endpoint: "a:4317", sending_queue: {batch: {max_size: -1}}}}
exporters: {otlp_http: {}}
exporters: {otlp_http: {endpoint: "a:4318"}}
exporters: {prometheus: }
exporters: {prometheus: {endpoint: 8889}}
exporters: {prometheus_remote_write: {}}
exporters: {prometheus_remote_write: {endpoint: "a:1"}}
exporters: {prometheus_remote_write: {endpoint: "http://a/w", wal: {directory: ""}}}
exporters: {prometheus_remote_write: {endpoint: "http://a/w", remote_write_queue: {queue_size: 0}}}
exporters: {prometheus_remote_write: {endpoint: "http://a/w", remote_write_queue: {num_consumers: 1001}}}
exporters: {load_balancing: {protocol: {otlp: {}}, resolver: {}}}
exporters: {load_balancing: {resolver: {static: {hostnames: []}}}}
exporters: {load_balancing: {resolver: {static: {hostnames: [a]}, dns: {hostname: a}}}}
exporters: {load_balancing: {resolver: {static: {hostnames: [a]}}, routing_key: mood}}
exporters: {kafka: {producer: {required_acks: 7}}}
exporters: {file: {path: ""}}
exporters: {debug: {verbosity: loud}}
exporters: {debug: {sampling_initial: many}}
processors: {memory_limiter: }
processors: {memory_limiter: {check_interval: 0s, limit_mib: 5}}
processors: {memory_limiter: {check_interval: 1s}}
processors: {memory_limiter: {check_interval: 1s, limit_percentage: 101}}
processors: {attributes: {}}
processors: {attributes: {actions: [{key: a, action: insert}]}}
processors: {attributes: {actions: [{key: a, action: paint}]}}
processors: {attributes: {actions: [{action: upsert, value: 1}]}}
processors: {transform: {log_statements: {}}}
processors: {transform: {log_statements: [5]}}
processors: {filter: {log_conditions: a}}
processors: {interval: {interval: 0s}}
processors: {log_dedup: {log_count_attribute: ""}}
processors: {delta_to_cumulative: {max_streams: -1}}
processors: {probabilistic_sampler: {sampling_precision: 15}}
processors: {probabilistic_sampler: {sampling_percentage: -1}}
processors: {probabilistic_sampler: {hash_seed: a lot}}
processors: {tail_sampling: {policies: [{type: always_sample}]}}
processors: {k8s_attributes: {extract: {metadata: [k8s.pod.mood]}}}
processors: {batch: {timeout: 1}, batch/2: {time_out: 1s}}
connectors: {span_metrics: {dimensions: [{default: a}]}}
connectors: {span_metrics: {metrics_flush_interval: 0s}}
extensions: {health_check: {endpoint: ""}}
extensions: {zpages: {endpoint: "a"}}
extensions: {bearertokenauth: {}}
extensions: {basicauth: {}}
extensions: {headers_setter: {headers: []}}
service: {pipelines: {}}
service: {pipelines: {spans: {receivers: [otlp], exporters: [nop]}}}
service: {pipelines: {traces: {receivers: [], exporters: [nop]}}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [nop], processor: [batch]}}}
service: {telemetry: {metrics: {readers: [{}]}}}
service: {telemetry: {metrics: {readers: [{pull: {}}]}}}
service: {telemetry: {logs: {level: loud}}}
service: {workers: 0}
no_section: {}
"""
BOTH_ACCEPT = """
receivers: {otlp: {protocols: {grpc: , http: {endpoint: "[::1]:4318"}}}}
receivers: {otlp: {protocols: {grpc: {endpoint: /run/x.sock, transport: unix}}}}
receivers: {otlp: {protocols: {grpc: {}, http: {enabled: false, endpoint: none}}}}
receivers: {otlp: {protocols: {grpc: {endpoint: "${env:HOST:-localhost}:${env:PORT:-4317}"}}}}
receivers: {kafka: {brokers: "a:9092,b:9092"}}
receivers: {prometheus: {config: {scrape_configs: [{job_name: a, scrape_interval: 1m30s, relabel_configs: [{action: labeldrop, regex: a}]}]}}}
exporters: {otlp: {endpoint: "dns:///a:4317"}, otlp_grpc/2: {endpoint: "unix:///run/x.sock"}, otlp_grpc/3: {endpoint: "http://a:4317"}}
exporters: {otlp_http: {traces_endpoint: "https://a/v1/traces"}}
exporters: {otlp_grpc: {endpoint: "a:4317", sending_queue: {enabled: false, queue_size: 0}}}
exporters: {otlp_grpc: {endpoint: "a:4317", sending_queue: }, debug: , debug/2: {}}
exporters: {prometheus_remote_write: {endpoint: "http://a/w", remote_write_queue: {enabled: false, queue_size: 0}}}
exporters: {load_balancing: {resolver: {dns: {hostname: a, port: 4317}}, routing_key: service}}
exporters: {logging: {loglevel: debug}}
processors: {memory_limiter: {check_interval: 1s, limit_percentage: 80}}
processors: {attributes: {actions: [{key: a, action: INSERT, value: 1}, {pattern: b, action: delete}]}}
processors: {transform: {log_statements: [{context: log, statements: ['set(log.body, "a")']}]}, filter: }
processors: {transform: {log_statements: ['set(log.body, "a")']}, batch: {timeout: 1e9}}
processors: {k8s_attributes: {auth_type: none, extract: {metadata: [k8s.pod.name]}}}
connectors: {span_metrics: {dimensions: [{name: a, default: b}], histogram: {explicit: {buckets: [1ms, 1.5s]}}}}
extensions: {health_check: , pprof: , zpages: {endpoint: "localhost:55679"}}
extensions: {basicauth: {client_auth: {username: a, password: b}}}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: localhost, port: 8888}}}}]}}}
service::telemetry::metrics::level: none
"""


def merged(tree, more):
    for key, value in more.items():
        tree[key] = merged(tree[key], value) if isinstance(value, dict) and value and isinstance(tree.get(key), dict) else value
    return tree


def of_both(line, tmp_path):
    """(the schema's complaint, validate's errors) about the base with this in it."""
    tree = nested(merged(yaml.load(BASE, Loader), nested(yaml.load(line, Loader))))
    file = tmp_path / "case.yaml"
    file.write_text(json.dumps(tree))
    return complaint(tree), answers(file, tree)[0]


@pytest.mark.parametrize("line", BOTH_REFUSE.strip().splitlines())
def test_both_refuse(line, tmp_path):
    told, errors = of_both(line, tmp_path)
    assert told and errors, (told, errors)


@pytest.mark.parametrize("line", BOTH_ACCEPT.strip().splitlines())
def test_both_accept(line, tmp_path):
    assert of_both(line, tmp_path) == (None, [])


@pytest.mark.parametrize("value", ["${env:A}", "${A}", "${env:A:-5}", "${env:A:-${env:B:-x}}", "${file:a.yaml}", "${yaml:[a]}"])
def test_a_variable_may_stand_for_any_value(value):
    for file in OURS:
        tree = nested(yaml.load(file.read_text(), Loader))
        for path in places(tree):
            if path:
                assert complaint(changed(tree, path, value)) is None, (file.stem, path)


def test_each_option_of_each_component_is_in_the_schema():
    text = subprocess.run([OTELCD, "completion", "keys"], capture_output=True, text=True, check=True).stdout
    for key in text.splitlines():
        section, *rest = key.split(".")
        at = validator().schema["$defs"][f"{section}.{rest.pop(0)}"] if section != "service" else validator().schema["properties"]["service"]
        for part in rest:
            at = at["anyOf"][0]["properties"][part]
        assert at, key


def test_a_schema_says_what_a_key_is_and_what_it_is_without_it():
    batch = validator().schema["$defs"]["processors.batch"]["anyOf"][0]["properties"]
    assert batch["timeout"]["default"] == "200ms" and batch["timeout"]["description"]
    assert batch["send_batch_size"]["default"] == 8192
