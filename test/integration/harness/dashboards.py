# SPDX-License-Identifier: Apache-2.0
"""The Grafana dashboards and the alert rules of contrib/docker, and the PromQL in them."""

import json
import re

from .limits import ROOT

STACK = ROOT / "contrib/docker"
FILES = sorted((STACK / "grafana/dashboards").glob("*.json"))
RULES = sorted((STACK / "rules").glob("*.yml"))
OWN_NAME = re.compile(r"\b(?:otelcd|otelcol|prometheus_remote_storage)_[a-z0-9_]+\b(?!_?\()")


def load(file):
    return json.loads(file.read_text())


def panels(dashboard):
    return [p for p in dashboard["panels"] if p["type"] != "row"]


def filled(expression, interval="5m"):
    """As Grafana sends it when every variable says All."""
    return re.sub(r"\$(env|service|instance)\b", ".*", expression.replace("$__rate_interval", interval))


def expressions(dashboard):
    """(panel's title, PromQL), variables and annotations too."""
    found = [(p["title"], t["expr"]) for p in panels(dashboard) for t in p["targets"]]
    found += [("annotation " + a["name"], a["expr"]) for a in dashboard["annotations"]["list"]]
    for v in dashboard["templating"]["list"]:
        if v["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", v["definition"]).groups()
            found.append(("variable " + v["name"], f"group by ({label}) ({selector})"))
    return found


def own_names():
    """Names of otelcd's own metrics that dashboards and rules ask for."""
    text = "".join(f.read_text() for f in [*FILES, *RULES])
    return {re.sub(r"_bucket$", "", n) for n in OWN_NAME.findall(text)}
