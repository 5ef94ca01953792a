# SPDX-License-Identifier: Apache-2.0
"""docs/quickstart.md, typed from top to bottom: "By hand" as it is on ports that are free, "With containers" without them."""

import os
import re
import subprocess

from harness.limits import OTELCD, PATIENCE, ROOT, SANITIZED, free_port, tool

PAGE = (ROOT / "docs/quickstart.md").read_text()


def commands(heading):
    """The indented lines of a section, as one script."""
    section = re.search(rf"(?ms)^## {heading}\n(.*?)(?=^## |\Z)", PAGE)[1]
    return "".join(line[4:] + "\n" for line in section.splitlines() if line.startswith("    "))


def test_what_is_to_be_typed_by_hand_works(tmp_path):
    script = commands("By hand")
    ports = {p: str(free_port()) for p in ("4317", "4318", "8888", "9090")}
    config = (ROOT / "config/otelcd.yaml").read_text()
    for port, free in ports.items():
        script = script.replace(f"localhost:{port}", f"localhost:{free}")
        config = config.replace(f"localhost:{port}", f"localhost:{free}")
    (tmp_path / "otelcd.yaml").write_text(config)
    # The endpoint of otelcd's own metrics is no line of that file.
    telemetry = f"--set 'service::telemetry::metrics::readers=[{{pull: {{exporter: {{prometheus: {{port: {ports['8888']}}}}}}}}}]'"
    for pattern, here in (
        (r"(?m)^make$", f"make -C {ROOT}" if not SANITIZED else "true"),
        (r"build/otelcd healthcheck", f"build/otelcd healthcheck --endpoint localhost:{ports['8888']}"),
        (r"--set ", telemetry + " --set "),
        (r"build/otelcd", OTELCD),
        (r"config/otelcd.yaml", "otelcd.yaml"),
        (r"(?m)^prometheus ", tool("prometheus") + " "),
    ):
        script, n = re.subn(pattern, lambda _: here, script)
        assert n, pattern
    script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + script
    ran = subprocess.run(
        ["timeout", "--kill-after=5", str(int(3 * PATIENCE)), "bash", "-m", "-e", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MODE")},
        capture_output=True,
        text=True,
    )
    log = (tmp_path / "otelcd.log").read_text() if (tmp_path / "otelcd.log").exists() else ""
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}\n{log}"
    seen = ('orders_total{job="shop"', "Name           : GET /cart", "Body: Str(the cart is empty)")
    for line in (*seen, 'otelcd_pipeline_delivered_items{pipeline="metrics"} 1'):
        assert line in ran.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["otelcd.yaml"]


def test_the_targets_and_files_that_it_names_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"(?m)^ *(?:\w+=\S+ )*make (\S+)", commands("With containers"))
    assert len(targets) == 8
    phony = re.search(r"(?ms)^\.PHONY:(.*?)\n\.", makefile)[1].split()
    assert set(targets) <= set(phony)
    for path in re.findall(r"`((?:contrib|config|man|docs)/[\w./-]*)`", PAGE):
        assert (ROOT / path).exists(), path


def test_its_addresses_are_those_of_the_compose_file():
    compose = (ROOT / "contrib/docker/compose.yaml").read_text()
    published = set(re.findall(r'"127\.0\.0\.1:(\d+):', compose))
    table = PAGE[: PAGE.index("All of it listens")]
    assert set(re.findall(r"localhost:(\d+)", table)) == published - {"4317", "4318"}
