# SPDX-License-Identifier: Apache-2.0
"""The software bill of materials of a static binary, as SPDX 2.3 in JSON: bill.py ARCH MAP LICENSES.

What is in the binary is what its linker says it took (the map); which package of Debian each archive is of, dpkg knows, or
the folder of another architecture's libraries. Their copyright files are copied to LICENSES: a binary is given away with them."""

import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def archives(text):
    """Paths of archives and objects outside the tree that gave something."""
    found = set(re.findall(r"^(/[^\s(]+\.[ao])(?:\(|\s|$)", text, re.M))
    found |= set(re.findall(r"^LOAD (/\S+\.[ao])$", text, re.M))
    return sorted({os.path.realpath(p) for p in found} - {p for p in found if p.startswith(f"{ROOT}/build/") and "/sysroot-" not in p})


def packages_here(paths):
    """{package: (version, source, copyright file)}"""
    found = {}
    for path in paths:
        owner = next((o for o in (path, path.removeprefix("/usr"), f"/usr{path}") if subprocess.run(["dpkg-query", "-S", o], capture_output=True).returncode == 0), None)
        assert owner is not None, f"{path} is of no package: what is in the binary?"
        package = subprocess.run(["dpkg-query", "-S", owner], capture_output=True, text=True).stdout.split(": ")[0]
        fields = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\t${Version}\t${source:Package}", package], capture_output=True, text=True, check=True)
        name, version, source = fields.stdout.split("\t")
        found[name] = (version, source, pathlib.Path(f"/usr/share/doc/{name}/copyright"))
    return found


def packages_there(paths, root):
    """The same of a folder of unpacked packages: the name of a library's package is that of its documents."""
    known = {}
    for about in (root / ".packages").iterdir():
        fields = dict(line.split(": ", 1) for line in about.read_text().splitlines() if ": " in line)
        known[fields["Package"]] = (fields["Version"], fields.get("Source", fields["Package"]).split()[0], root / "usr/share/doc" / fields["Package"] / "copyright")
    return {p: known[p] for p in {owner_there(path, known) for path in paths}}


def owner_there(path, known):
    """Debian names a -dev package after its library, with few exceptions."""
    name = pathlib.Path(path).name
    if "/gcc" in path:
        return next(p for p in known if re.fullmatch(r"libstdc\+\+-\d+-dev" if "++" in name else r"libgcc-\d+-dev", p))
    for pattern, package in (
        (r"lib(ssl|crypto)\.a", "libssl-dev"), (r"libz\.a", "zlib1g-dev"), (r"libyaml\.a", "libyaml-dev"), (r"libuv_a\.a", "libuv1-dev"),
        (r"libnettle\.a", "nettle-dev"), (r"libcrypt\.a", "libcrypt-dev"), (r"lib(c|m|pthread|dl|rt|util)(-[\d.]+)?\.a|libmvec\.a|.*crt\d?\.o|crt[1in]\.o", "libc6-dev"),
    ):  # fmt: skip
        if re.fullmatch(pattern, name):
            return package
    return name.removesuffix(".a") + "-dev"


def main(arch, map_file, licenses):
    paths = archives(pathlib.Path(map_file).read_text())
    root = ROOT / f"build/sysroot-{arch}"
    there = [p for p in paths if p.startswith(str(root))]
    # A cross compiler's own files belong to its packages here.
    packages = {**packages_here([p for p in paths if p not in there]), **(packages_there(there, root) if there else {})}
    version = re.search(r'OTELCD_VERSION "(.*)"', (ROOT / "src/base/version.h").read_text())[1]
    made = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    pathlib.Path(licenses).mkdir(parents=True)
    entries = []
    for name, (of_version, source, text) in sorted(packages.items()):
        if text.exists():
            shutil.copyfile(text, pathlib.Path(licenses) / name)
        entries.append({
            "SPDXID": f"SPDXRef-{re.sub('[^A-Za-z0-9.-]', '-', name)}", "name": name, "versionInfo": of_version, "supplier": "Organization: Debian",
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": f"pkg:deb/debian/{source}@{of_version.replace('+', '%2B').replace(':', '%3A')}?arch={arch}&distro=bookworm"}],
        })  # fmt: skip
    own = {"SPDXID": "SPDXRef-otelcd", "name": "otelcd", "versionInfo": version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
           "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION", "primaryPackagePurpose": "APPLICATION"}  # fmt: skip
    content = hashlib.sha256(json.dumps(entries).encode()).hexdigest()
    json.dump({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"otelcd-{version}-linux-{arch}",
        "documentNamespace": f"urn:otelcd:{version}:linux-{arch}:{content[:32]}", "creationInfo": {"created": made, "creators": ["Tool: contrib/package/bill.py"]},
        "documentDescribes": ["SPDXRef-otelcd"], "packages": [own, *entries],
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-otelcd"},
                          *({"spdxElementId": "SPDXRef-otelcd", "relationshipType": "STATIC_LINK", "relatedSpdxElement": e["SPDXID"]} for e in entries)],
    }, sys.stdout, indent=1)  # fmt: skip
    print()


main(*sys.argv[1:])
