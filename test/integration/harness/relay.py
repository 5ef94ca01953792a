# SPDX-License-Identifier: Apache-2.0
"""What stands between a client and its server: a front that ends TLS, and a proxy that opens tunnels. Neither looks at what it passes on."""

import base64
import socket
import socketserver
import ssl
import threading

from .limits import PATIENCE


def end_both_ways(end):
    """Not SSLSocket.shutdown(): that takes the TLS layer off first, and who still reads would take ciphertext for text."""
    try:
        if isinstance(end, ssl.SSLSocket):
            socket.socket.shutdown(end, socket.SHUT_RDWR)
        else:
            end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def pump(source, sink, mute):
    try:
        while data := source.recv(65536):
            if not mute.is_set():
                sink.sendall(data)
    except (OSError, ValueError):
        pass
    for end in (source, sink):
        end_both_ways(end)


class Relay(socketserver.ThreadingTCPServer):
    """Connections come in on `port` of the loopback; `open_peer` says where each goes on. While `mute` is set what comes back is lost."""

    allow_reuse_address = daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), None)
        self.port, self.pairs, self.mute = self.server_address[1], [], threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        self.cut()

    def finish_request(self, request, _):
        request.settimeout(PATIENCE)
        try:
            near, far = self.open_peer(request)
        except (OSError, ValueError):
            return
        if far is None:
            near.close()
            return
        near.settimeout(None)
        self.pairs.append((near, far))
        back = threading.Thread(target=pump, args=(far, near, self.mute), daemon=True)
        back.start()
        pump(near, far, threading.Event())
        back.join()
        near.close()
        far.close()

    def handle_error(self, *_):
        pass

    def cut(self):
        """End all that is open."""
        for pair in self.pairs:
            for end in pair:
                end_both_ways(end)
        self.pairs.clear()


class TlsFront(Relay):
    """Ends TLS in front of a server in plain text on `to`. `alpn`: what it chooses from, the best first; `chosen`: what it has."""

    def __init__(self, to, certificate, alpn):
        self.to, self.chosen = to, []
        self.certificate = certificate
        self.choose(alpn)
        super().__init__()

    def choose(self, alpn):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*self.certificate)
        if alpn:
            self.context.set_alpn_protocols(alpn)

    def open_peer(self, request):
        near = self.context.wrap_socket(request, server_side=True)
        self.chosen.append(near.selected_alpn_protocol())
        return near, socket.create_connection(("127.0.0.1", self.to), PATIENCE)


class TunnelProxy(Relay):
    """Answers CONNECT. `names`: port of the loopback behind each host:port that it knows; others are 502. `answer`: said in place of
    200 to everybody; `user`: "name:password" that has to be shown. `asked`: host:port of each that asked; `heads`: the
    headers of each."""

    def __init__(self, names, user=None, answer=None):
        self.names, self.user, self.answer, self.asked, self.heads = names, user, answer, [], []
        super().__init__()

    def open_peer(self, request):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = request.recv(1)
            if not byte:
                raise ValueError("no head")
            head += byte
        lines = head.decode().split("\r\n")
        method, name, _ = lines[0].split(" ")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if line)}
        assert method == "CONNECT" and headers["host"] == name, head
        self.asked.append(name)
        self.heads.append(lines[1:])
        wanted = self.user and "Basic " + base64.b64encode(self.user.encode()).decode()
        if self.answer is not None:
            request.sendall(self.answer)
        elif wanted and headers.get("proxy-authorization") != wanted:
            request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
        elif name not in self.names:
            request.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        else:
            far = socket.create_connection(("127.0.0.1", self.names[name]), PATIENCE)
            request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            return request, far
        return request, None
