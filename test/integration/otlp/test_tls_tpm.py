# SPDX-License-Identifier: Apache-2.0
"""Keys that never leave a TPM, which is swtpm here."""

import os
import shutil
import ssl
import subprocess
import time

import pytest
from harness.authority import Authority, openssl, pair
from harness.limits import OTELCD, PATIENCE
from test_tls_files import BODY, CONFIG, shake, trust, wait_reloads

PROVIDERS = ["-provider", "tpm2", "-provider", "default", "-propquery", "?provider=tpm2"]


class Tpm:
    def __init__(self, folder):
        self.folder, self.path = folder, folder / "tpm.sock"
        (folder / "tpm").mkdir()
        sockets = ["--server", f"type=unixio,path={self.path}", "--ctrl", f"type=unixio,path={self.path}.ctrl"]
        state = ["--tpmstate", f"dir={folder / 'tpm'}", "--flags", "not-need-init,startup-clear"]
        program = shutil.which("swtpm") or "/usr/bin/swtpm"
        self.process = subprocess.Popen([program, "socket", "--tpm2", *state, *sockets], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while not (self.path.exists() and (folder / "tpm.sock.ctrl").exists()):
            assert self.process.poll() is None and time.monotonic() < deadline, "swtpm does not start"
            time.sleep(0.01)

    def openssl(self, *args):
        env = dict(os.environ, TPM2OPENSSL_TCTI=f"swtpm:path={self.path}")
        subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=PATIENCE, env=env)

    def issue(self, ca, name, *options, sort="EC"):
        """A key that this TPM has made, and a certificate for it, as two paths."""
        key, request, san, cert = (self.folder / f"{name}{e}" for e in (".tss", ".tss.csr", ".san", ".tss.pem"))
        kind = ["-pkeyopt", "group:P-256"] if sort == "EC" else ["-pkeyopt", "bits:2048"]
        self.openssl("genpkey", *PROVIDERS[:4], "-algorithm", sort, *kind, *options, "-out", key)
        auth = ["-passin", "pass:" + options[-1].split(":")[1]] if options else []
        self.openssl("req", *PROVIDERS, *auth, "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        san.write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", request, "-CA", ca.cert, "-CAkey", ca.key, "-CAcreateserial", "-extfile", san, "-out", cert)
        return cert, key

    def block(self, cert_and_key, more=""):
        return f"{pair(cert_and_key)}, tpm: {{enabled: true, path: '{self.path}'{more}}}"

    def end(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def tpm(tmp_path):
    t = Tpm(tmp_path)
    yield t
    t.end()


def http_only(tls):
    return CONFIG.replace('      grpc: {{endpoint: "127.0.0.1:0", tls: {{{grpc}}}}}\n', "").format(http=tls)


def test_a_server_shows_a_certificate_whose_key_is_in_a_tpm(otelcd, ca, tpm):
    served = tpm.issue(ca, "localhost")
    assert b"TSS2 PRIVATE KEY" in served[1].read_bytes()
    d = otelcd(http_only(tpm.block(served)))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = trust(ca)
        context.minimum_version = context.maximum_version = version
        shake(d.http_port, context)


def test_such_a_server_asks_for_certificates_as_any_other(otelcd, ca, tpm):
    d = otelcd(http_only(tpm.block(tpm.issue(ca, "localhost")) + f", client_ca_file: '{ca.cert}'"), expect=["A TLS handshake with a client failed"])
    shake(d.http_port, trust(ca, ca.issue("agent")))
    with pytest.raises((ssl.SSLError, OSError)):
        shake(d.http_port, trust(ca))
    d.wait_log("A TLS handshake with a client failed")


def test_a_password_of_the_key_is_given_to_the_tpm(otelcd, ca, tpm):
    served = tpm.issue(ca, "localhost", "-pkeyopt", "user-auth:secret")
    d = otelcd(http_only(tpm.block(served, ", auth: secret")))
    shake(d.http_port, trust(ca))


def test_one_otelcd_shows_another_a_certificate_whose_key_is_in_a_tpm(otelcd, ca, tpm):
    client = tpm.issue(ca, "agent")
    server = pair(ca.issue("localhost"))
    gateway = otelcd(CONFIG.format(grpc=f"{server}, client_ca_file: '{ca.cert}'", http=server))
    agent = otelcd(
        f"""
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  otlp_grpc:
    endpoint: {gateway.grpc_address()}
    sending_queue: {{enabled: false}}
    tls: {{ca_file: '{ca.cert}', {tpm.block(client)}}}
service:
  pipelines:
    logs: {{receivers: [otlp], exporters: [otlp_grpc]}}
"""
    )
    assert agent.http("POST", "/v1/logs", BODY, {"Content-Type": "application/json"})[0] == 200
    assert gateway.ledger("pipeline", "logs")["received"] == 1


def test_a_new_key_of_the_tpm_is_taken_while_it_runs(otelcd, ca, tpm):
    cert, key = tpm.issue(ca, "localhost")
    d = otelcd(http_only(tpm.block((cert, key))))
    before = shake(d.http_port, trust(ca))
    new_cert, new_key = tpm.issue(ca, "localhost2")
    os.replace(new_key, key)
    os.replace(new_cert, cert)
    wait_reloads(d, 1)
    context = trust(ca)
    context.check_hostname = False
    assert shake(d.http_port, context) != before


def validate(text, folder, **more):
    file = folder / "c.yaml"
    file.write_text(text)
    env = {**os.environ, **more}
    r = subprocess.run([OTELCD, "validate", "--config", file], capture_output=True, text=True, timeout=PATIENCE, env=env)
    return r.returncode, r.stdout + r.stderr


def test_what_cannot_be_used_is_told_before_the_start(ca, tpm, tmp_path):
    served = tpm.issue(ca, "localhost", "-pkeyopt", "user-auth:secret")
    text = http_only(tpm.block(served, ", auth: secret"))
    assert validate(text, tmp_path) == (0, validate(text, tmp_path)[1])
    for was, instead, words in (
        ("tpm.sock", "none.sock", "cannot be opened"),
        (f"key_file: '{served[1]}'", f"key_file: '{ca.issue('other')[1]}'", "cannot be loaded into the TPM"),
        ("auth: secret", "auth: wrong", "is auth the key's password?"),
        (f", key_file: '{served[1]}'", "", "needs a key: write key_file"),
    ):
        code, said = validate(text.replace(was, instead), tmp_path)
        assert code != 0 and words in said, said


def test_a_key_of_rsa_in_the_tpm_is_refused(ca, tpm, tmp_path):
    code, said = validate(http_only(tpm.block(tpm.issue(ca, "localhost", sort="RSA"))), tmp_path)
    assert code != 0 and "is not of an elliptic curve" in said, said


def test_without_the_provider_the_package_is_named(ca, tpm, tmp_path):
    served = tpm.issue(ca, "localhost")
    code, said = validate(http_only(tpm.block(served)), tmp_path, OPENSSL_MODULES=str(tmp_path))
    assert code != 0 and "install the package tpm2-openssl" in said, said
