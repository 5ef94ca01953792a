# SPDX-License-Identifier: Apache-2.0
"""Which member the ring of the Go collector's loadbalancing exporter gives each of 3000 keys to, by that module's own file:
kept as test/data/load_balancing/ring.txt, to which test/unit/exporter/load_balancing/ring_test.c holds ours."""

import json
import pathlib
import shutil
import subprocess

from harness.limits import PATIENCE, ROOT, missing, tool

MODULE = "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/loadbalancingexporter@v0.158.0"
KEPT = ROOT / "test/data/load_balancing/ring.txt"
PROGRAM = """
package loadbalancingexporter

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestRing(t *testing.T) {
	members := []string{"[2001:db8::1]:4317", "gateway-a.example:4317", "gateway-b"}
	for i := 1; i <= 7; i++ {
		members = append(members, fmt.Sprintf("10.1.0.%d:4317", i))
	}
	place := map[string]string{}
	for i, m := range members {
		place[m] = string(rune('a' + i))
	}
	ring := newHashRing(members)
	out := strings.Join(members, " ") + "\\n"
	for _, key := range []func(i int) []byte{
		func(i int) []byte {
			id := sha256.Sum256([]byte(fmt.Sprintf("trace %d", i)))
			return id[:16]
		},
		func(i int) []byte { return []byte(fmt.Sprintf("service.name=service-%d|", i)) },
		func(i int) []byte { return []byte(fmt.Sprintf("service-%d", i)) },
	} {
		for i := 0; i < 1000; i++ {
			out += place[ring.endpointFor(key(i))]
		}
		out += "\\n"
	}
	if err := os.WriteFile("ring.txt", []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}
"""


def test_the_collectors_ring_gives_each_key_to_the_member_that_is_kept(request, tmp_path):
    ran = subprocess.run([tool("go"), "mod", "download", "-json", MODULE], cwd=tmp_path, capture_output=True, text=True, timeout=4 * PATIENCE)
    if ran.returncode != 0:
        missing("the loadbalancing exporter's module: " + ran.stdout + ran.stderr)
    source = pathlib.Path(json.loads(ran.stdout)["Dir"]) / "consistent_hashing.go"
    shutil.copyfile(source, tmp_path / source.name)
    (tmp_path / "ring_test.go").write_text(PROGRAM)
    subprocess.run([tool("go"), "test", source.name, "ring_test.go"], cwd=tmp_path, check=True, timeout=8 * PATIENCE)
    found = (tmp_path / "ring.txt").read_text()
    if request.config.getoption("--rewrite"):
        KEPT.write_text(found)
    assert found == KEPT.read_text()
