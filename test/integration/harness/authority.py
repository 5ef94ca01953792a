# SPDX-License-Identifier: Apache-2.0
"""A CA of a test's own, and certificates of it."""

import subprocess
import time

from .limits import PATIENCE

CONFIG = """
[ca]
default_ca = ours
[ours]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
[any]
commonName = supplied
"""


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=PATIENCE)


class Authority:
    def __init__(self, folder, name="test ca"):
        self.folder, self.cert, self.key = folder, folder / f"{name}.pem", folder / f"{name}.key"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *key, "-days", "30", "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert)

    def issue(self, name, days=20, file=None, seconds=None, begins=-60):
        """A certificate and its key, as two paths; it expires in `seconds`, if they are given, and begins so many from now."""
        at = self.folder / (file or name)
        cert, key, request, san = (at.with_name(at.name + e) for e in (".pem", ".key", ".csr", ".san"))
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", *new, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        san.write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
        if seconds is not None:
            self.sign_for(begins, seconds, request, san, cert)
            return cert, key
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days",
                str(days), "-extfile", san, "-out", cert)
        return cert, key

    def sign_for(self, begins, seconds, request, san, cert):
        config = self.folder / "ca.cnf"
        config.write_text(CONFIG.format(folder=self.folder))
        (self.folder / "index").touch()
        begin, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + t)) for t in (begins, seconds))
        openssl("ca", "-batch", "-notext", "-config", config, "-rand_serial", "-cert", self.cert, "-keyfile", self.key,
                "-in", request, "-extfile", san, "-out", cert, "-startdate", begin, "-enddate", end)


def pair(cert_and_key):
    return "cert_file: '{}', key_file: '{}'".format(*cert_and_key)
