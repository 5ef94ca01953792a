# SPDX-License-Identifier: Apache-2.0
"""What comes after an alert: Alertmanager, the stack's bridge, a DingTalk and a mail server that only listen."""

import http.server
import json
import os
import re
import socketserver
import subprocess
import threading
import time
import urllib.error
import urllib.request

from .dashboards import STACK
from .limits import PATIENCE, free_port, missing, tool


def wait(met, what):
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Process:
    """A program with its output in a file; ready when a pattern is in it."""

    def __init__(self, folder, name, command, ready, env=None):
        self.log = folder / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=env)
        wait(lambda: re.search(ready, self.text()) or self.process.poll() is not None, self.text())
        found = re.search(ready, self.text())
        assert found, self.text()
        self.address = found[1]

    def text(self):
        return self.log.read_text()

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Bridge(Process):
    def __init__(self, folder, **env):
        env = {"BRIDGE_LISTEN": "127.0.0.1:0", **env}
        super().__init__(folder, "bridge", ["/usr/bin/python3", str(STACK / "bridge/bridge.py")], r"listening on (\S+)", env)

    def received(self):
        with urllib.request.urlopen(f"http://{self.address}/received", timeout=PATIENCE) as answer:
            return json.load(answer)

    def post(self, path, body, headers=None):
        """(status, body)"""
        request = urllib.request.Request(f"http://{self.address}{path}", body, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)


class Alertmanager(Process):
    """The stack's alertmanager.yml on this machine, in a hurry."""

    def __init__(self, folder, bridge, mail):
        program = tool("prometheus-alertmanager")
        if not os.path.exists("/usr/share/prometheus/alertmanager/default.tmpl"):
            missing("Debian's prometheus-alertmanager is unpacked, but it needs its files in /usr/share: install it")
        text = (STACK / "alertmanager.yml").read_text()
        text = text.replace("bridge:8060", bridge).replace("mail:1025", mail)
        text = re.sub(r"group_wait: \w+", "group_wait: 100ms", text)
        text = re.sub(r"group_interval: \w+", "group_interval: 500ms", text)
        (folder / "alertmanager.yml").write_text(text)
        port = free_port()  # it does not tell which port it took
        command = [
            program,
            "--config.file=alertmanager.yml",
            "--storage.path=alertmanager",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        super().__init__(folder, "alertmanager", command, r"[Ll]istening.*?address=(127\S+)")

    def post(self, *alerts):
        request = urllib.request.Request(
            f"http://{self.address}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=PATIENCE).close()


class DingTalk:
    """Remembers (path with query, JSON); answers what `says` is."""

    def __init__(self):
        self.messages, self.says = [], {"errcode": 0, "errmsg": "ok"}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.messages.append((self.path, json.loads(body)))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(outer.says).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/robot/send?access_token=t"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Mail:
    """An SMTP server that keeps the text of each message."""

    def __init__(self):
        self.messages = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 mail\r\n")
                for line in self.rfile:
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        outer.messages.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                    self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
