# SPDX-License-Identifier: Apache-2.0
"""Packages of the program under test: what is in them, and that the same tree gives the same bytes. contrib/package/check.sh
(`make check-package`) installs them."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODE = pathlib.Path(os.environ.get("OTELCD", "build/release/otelcd")).parent.name

pytestmark = [
    pytest.mark.xdist_group("build"),
    pytest.mark.skipif(MODE != "release", reason="packages are made of the release build"),
]


def made(kind, out):
    done = subprocess.run([ROOT / f"contrib/package/{kind}.sh", MODE, out], capture_output=True, text=True, timeout=300, cwd="/")
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip())


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    if not shutil.which("dpkg-shlibdeps"):
        pytest.skip("dpkg-shlibdeps is not installed (dpkg-dev)")
    return made("deb", tmp_path_factory.mktemp("deb"))


def test_a_debian_package_holds_program_unit_pages_and_completions(deb, tmp_path):
    output("dpkg-deb", "-R", deb, tmp_path / "in")
    files = {str(p.relative_to(tmp_path / "in")) for p in (tmp_path / "in").rglob("*") if p.is_file()}
    for name in (
        "usr/bin/otelcd",
        "usr/lib/systemd/system/otelcd.service",
        "usr/share/man/man8/otelcd.8.gz",
        "usr/share/man/man5/otelcd.yaml.5.gz",
        "usr/share/bash-completion/completions/otelcd",
        "usr/share/otelcd/otelcd.schema.json",
        "usr/share/doc/otelcd/copyright",
        "etc/otelcd/otelcd.yaml",
    ):
        assert name in files
    unit = (tmp_path / "in/usr/lib/systemd/system/otelcd.service").read_text()
    assert "ExecStart=/usr/bin/otelcd --config /etc/otelcd/otelcd.yaml" in unit and "@" not in unit.replace("@system-service", "").replace("@privileged @resources", "")
    assert (tmp_path / "in/DEBIAN/conffiles").read_text() == "/etc/otelcd/otelcd.yaml\n"
    done = subprocess.run([tmp_path / "in/usr/bin/otelcd", "validate", "--config", tmp_path / "in/etc/otelcd/otelcd.yaml"], timeout=30)
    assert done.returncode == 0


def test_a_debian_package_asks_for_each_library_that_the_program_loads(deb, tmp_path):
    output("dpkg-deb", "-R", deb, tmp_path / "in")
    depends = output("dpkg-deb", "-f", deb, "Depends")
    needed = [line.split("[")[1].split("]")[0] for line in output("readelf", "-d", tmp_path / "in/usr/bin/otelcd").splitlines() if "(NEEDED)" in line]
    late = ROOT / "build" / MODE / "gen/late.S"  # what is loaded when something needs it
    if late.exists():
        needed += re.findall(r'\.asciz "(lib[^"]*\.so\.[^"]*)"', late.read_text())
    assert len(needed) > 10
    for library in needed:
        path = next(line.split()[-1] for line in output("/sbin/ldconfig", "-p").splitlines() if line.split()[:1] == [library])
        owners = [p for p in (path, os.path.realpath(path)) for p in (p, f"/usr{p}", p.removeprefix("/usr"))]
        found = [r.stdout.split(":")[0] for r in (subprocess.run(["dpkg", "-S", p], capture_output=True, text=True) for p in owners) if r.returncode == 0]
        assert found and found[0] in depends, (library, depends)


def test_the_scripts_of_a_debian_package_are_scripts_of_sh(deb, tmp_path):
    output("dpkg-deb", "-e", deb, tmp_path / "control")
    for name in ("postinst", "prerm", "postrm"):
        assert subprocess.run(["dash", "-n", tmp_path / "control" / name], timeout=30).returncode == 0
        assert (tmp_path / "control" / name).stat().st_mode & 0o111


def test_the_same_tree_gives_the_same_debian_package(deb, tmp_path):
    assert made("deb", tmp_path).read_bytes() == deb.read_bytes()


def compiled_in(tree):
    """Objects of C and C++, with assertions, as for a package; what protoc-c makes is taken as it is here."""
    for name in ("src", "proto", "contrib"):
        shutil.copytree(ROOT / name, tree / name)
    shutil.copy(ROOT / "Makefile", tree)
    shutil.copytree(ROOT / "build" / MODE / "gen", tree / "build/package/gen", ignore=shutil.ignore_patterns("*.o", "*.d"))
    (tree / "build/package/gen/.done").touch()
    objects = [tree / "build/package/src" / name for name in ("queue/sender.o", "codec/re2_shim.o")]
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))} | {"CCACHE_DISABLE": "1"}
    done = subprocess.run(["make", "-s", "MODE=package", *(o.relative_to(tree) for o in objects)], cwd=tree, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return [o.read_bytes() for o in objects]


def test_what_a_package_is_made_of_is_the_same_wherever_it_is_compiled(tmp_path):
    """`make check-reproducible` builds all of it twice."""
    here, there = compiled_in(tmp_path / "here"), compiled_in(tmp_path / "somewhere/else")
    assert [o == there[i] for i, o in enumerate(here)] == [True, True]
    assert not any(str(tmp_path).encode() in o for o in here)


def test_an_rpm_holds_the_same_files_and_keeps_a_configuration(tmp_path):
    if not shutil.which("rpmbuild"):
        pytest.skip("rpmbuild is not installed (rpm)")
    first = made("rpm", tmp_path / "a")
    files = output("rpm", "-qpl", first).split()
    assert {"/usr/bin/otelcd", "/usr/lib/systemd/system/otelcd.service", "/etc/otelcd/otelcd.yaml"} <= set(files)
    assert output("rpm", "-qp", "--configfiles", first).split() == ["/etc/otelcd/otelcd.yaml"]
    assert "systemctl try-restart" in output("rpm", "-qp", "--scripts", first)
    assert made("rpm", tmp_path / "b").read_bytes() == first.read_bytes()
