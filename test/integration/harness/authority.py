# SPDX-License-Identifier: Apache-2.0
"""A CA of a test's own, and certificates of it."""

import subprocess

from .limits import PATIENCE


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=PATIENCE)


class Authority:
    def __init__(self, folder, name="test ca"):
        self.folder, self.cert, self.key = folder, folder / f"{name}.pem", folder / f"{name}.key"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *key, "-days", "30", "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert)

    def issue(self, name, days=20, file=None):
        """A certificate and its key, as two paths."""
        at = self.folder / (file or name)
        cert, key, request, san = (at.with_name(at.name + e) for e in (".pem", ".key", ".csr", ".san"))
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", *new, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        san.write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days",
                str(days), "-extfile", san, "-out", cert)
        return cert, key
