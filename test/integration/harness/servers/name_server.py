# SPDX-License-Identifier: Apache-2.0
"""A DNS server for one otelcd alone, which finds it in an /etc/resolv.conf in a mount namespace of its own."""

import os
import random
import socket
import struct
import subprocess
import threading

import pytest

MOUNT = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
TYPES = {"A": 1, "AAAA": 28, "SRV": 33, "MX": 15, "NS": 2}


def wire_name(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split(".")) + b"\0"


def data_of(kind, value):
    if kind == "SRV":
        host, port = value
        return struct.pack(">HHH", 0, 0, port) + wire_name(host)
    if kind in ("MX", "NS"):
        return (struct.pack(">H", 10) if kind == "MX" else b"") + wire_name(value)
    return socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, value)


class NameServer:
    """records: {(name, "A"): ["127.0.0.1"], (name, "SRV"): [("host", 9100)]}, which may change at any time. failing: it
    says that it cannot tell. silent: it says nothing. asked: names, by whoever asks."""

    def __init__(self, folder):
        self.records, self.failing, self.silent, self.asked = {}, False, False, set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        address = f"127.{random.randrange(64, 128)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        file = folder / "resolv.conf"
        file.write_text(f"nameserver {address}\n")
        user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
        self.command = ["unshare", *user, "--mount", "--propagation", "private", "sh", "-c", MOUNT, str(file)]
        try:
            self.socket.bind((address, 53))
        except PermissionError:
            self.socket.close()
            pytest.skip("this machine lets nobody serve names")
        if subprocess.run([*self.command, "true"], capture_output=True).returncode != 0:
            self.socket.close()
            pytest.skip("this machine lets nobody have names of its own")
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            question, peer = self.socket.recvfrom(512)
            if len(question) < 17:
                return
            answer = self._answer(question)
            if not self.silent:
                self.socket.sendto(answer, peer)

    def _answer(self, message):
        parts, at = [], 12
        while message[at]:
            parts.append(message[at + 1 : at + 1 + message[at]].decode())
            at += 1 + message[at]
        name = ".".join(parts)
        self.asked.add(name)
        kind = struct.unpack(">H", message[at + 1 : at + 3])[0]
        word = next((k for k, v in TYPES.items() if v == kind), None)
        found = [data_of(word, value) for value in self.records.get((name, word), [])]
        code = 2 if self.failing else 0 if any(n == name for n, _ in self.records) else 3
        found = [] if code else found
        answers = b"".join(struct.pack(">HHHIH", 0xC00C, kind, 1, 1, len(data)) + data for data in found)
        head = message[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(found), 0, 0)
        return head + message[12 : at + 5] + answers

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"end", self.socket.getsockname())
        self.thread.join()
        self.socket.close()
