#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Between Alertmanager's webhooks and those who want something else: a bridge without dependencies.

POST /print      prints a line for each alert and remembers the last hundred
GET  /received   those hundred, as JSON, oldest first
POST /dingtalk   sends the group as one message of a DingTalk robot
GET  /health     200

From the environment: BRIDGE_LISTEN (default 0.0.0.0:8060); DINGTALK_URL, the address that DingTalk shows for a robot,
with its access_token; DINGTALK_SECRET, where the robot's security setting is "signature".

Alertmanager comes again after a 5xx and gives up after a 4xx: what a later try cannot change is answered with 4xx.
"""

import base64
import collections
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time
import urllib.parse
import urllib.request

MOST_BYTES = 1 << 20  # of a webhook
MOST_DRAINED = 16 << 20
MOST_TEXT = 18_000  # bytes of a message; DingTalk takes 20000 with everything
ALERTS_SHOWN = 20
TIMEOUT = 10.0

received = collections.deque(maxlen=100)
lock = threading.Lock()


class Fault(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def alerts_of(body):
    try:
        alerts = json.loads(body)["alerts"]
        return [
            {
                "status": str(a["status"]),
                "labels": dict(a.get("labels") or {}),
                "annotations": dict(a.get("annotations") or {}),
                "startsAt": str(a.get("startsAt", "")),
            }
            for a in alerts
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise Fault(400, f"not a webhook of Alertmanager: {e!r}") from e


def line_of(alert):
    labels = " ".join(f"{k}={v}" for k, v in sorted(alert["labels"].items()) if k != "alertname")
    return f"{alert['status']} {alert['labels'].get('alertname', '?')} {labels}: {alert['annotations'].get('summary', '')}"


def take(body):
    for alert in alerts_of(body):
        with lock:
            received.append(alert)
            print(line_of(alert), flush=True)
    return {}


def markdown(alerts):
    """The message: a title for the list of chats, and the text below it."""
    firing = sum(a["status"] == "firing" for a in alerts)
    name = alerts[0]["labels"].get("alertname", "alert") if alerts else "alert"
    title = f"{name}: {firing} firing, {len(alerts) - firing} resolved"
    lines = [f"### {title}"]
    for a in alerts[:ALERTS_SHOWN]:
        where = ", ".join(f"{k}={v}" for k, v in sorted(a["labels"].items()) if k not in ("alertname", "severity", "notify"))
        lines.append(f"- **{a['status']}** {a['annotations'].get('summary', name)} ({where})")
        if a["status"] == "firing" and a["annotations"].get("description"):
            lines.append(f"  > {a['annotations']['description']}")
    if len(alerts) > ALERTS_SHOWN:
        lines.append(f"- and {len(alerts) - ALERTS_SHOWN} more")
    text = "\n".join(lines).encode()[:MOST_TEXT].decode(errors="ignore")
    return {"msgtype": "markdown", "markdown": {"title": title, "text": text}}


def signed(url, secret, now_ms):
    """DingTalk's signature: HMAC-SHA256 of the time and the secret, in the query."""
    if not secret:
        return url
    digest = hmac.new(secret.encode(), f"{now_ms}\n{secret}".encode(), hashlib.sha256).digest()
    query = urllib.parse.urlencode({"timestamp": now_ms, "sign": base64.b64encode(digest).decode()})
    return f"{url}{'&' if '?' in url else '?'}{query}"


def dingtalk(body):
    url = os.environ.get("DINGTALK_URL", "")
    if not url:
        raise Fault(400, "DINGTALK_URL is not set: the robot's address, as DingTalk shows it")
    message = json.dumps(markdown(alerts_of(body))).encode()
    to = signed(url, os.environ.get("DINGTALK_SECRET", ""), int(time.time() * 1000))
    request = urllib.request.Request(to, message, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            said = json.loads(answer.read(MOST_BYTES))
    except (OSError, ValueError) as e:
        raise Fault(502, f"DingTalk cannot be reached: {type(e).__name__}") from e
    if not isinstance(said, dict) or said.get("errcode") != 0:
        raise Fault(502, f"DingTalk says {said}")
    return {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT

    def do_GET(self):
        if self.path == "/received":
            with lock:
                self.answer(200, list(received))
        else:
            self.answer(200 if self.path == "/health" else 404, {})

    def do_POST(self):
        route = {"/print": take, "/dingtalk": dingtalk}.get(self.path)
        try:
            if route is None:
                raise Fault(404, "only /print and /dingtalk take webhooks")
            self.answer(200, route(self.body()))
        except Fault as f:
            print(f"{self.path}: {f}", file=sys.stderr, flush=True)
            self.close_connection = True
            self.answer(f.status, {"error": str(f)})

    def body(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            raise Fault(411, "a length is needed")
        if int(length) > MOST_BYTES:
            for _ in range(min(int(length), MOST_DRAINED) >> 16):  # else the sender is reset before it reads the answer
                self.rfile.read(1 << 16)
            raise Fault(413, f"more than {MOST_BYTES} bytes")
        return self.rfile.read(int(length))

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    host, _, port = os.environ.get("BRIDGE_LISTEN", "0.0.0.0:8060").rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    print(f"listening on {server.server_address[0]}:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
