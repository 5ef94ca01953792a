# SPDX-License-Identifier: Apache-2.0
"""A peer of otlp_grpc that keeps HTTP/2 by the frame (hyper-h2), so that a test can say when it leaves, refuses, shrinks a window or
falls silent."""

import socket
import struct
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from .otlp import SIGNALS
from .otlp_peer import Call, Peer


class Connection:
    """One connection of a client, served by a thread of its own. `number` counts from 1."""

    def __init__(self, peer, sock, number):
        self.peer, self.socket, self.number = peer, sock, number
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.bodies, self.paths, self.whole, self.answered = {}, {}, 0, 0
        self.last = None  # the stream that its GOAWAY named
        self.frozen = threading.Event()  # reads no more and says no more

    def serve(self):
        self.h2.initiate_connection()
        self.flush()
        while data := self.socket.recv(1 << 16):
            for event in self.h2.receive_data(data):
                self.take(event)
            self.flush()
            if self.frozen.is_set():
                self.peer.closed.wait()

    def flush(self):
        if not self.frozen.is_set():
            self.socket.sendall(self.h2.data_to_send())

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.bodies[event.stream_id] = b""
            self.paths[event.stream_id] = dict(event.headers)[":path"]
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
            if self.peer.gives_window:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if isinstance(event, h2.events.StreamEnded):
            self.whole += 1
            self.peer.note(self.call(event.stream_id), False)
            self.peer.on_request(self, event.stream_id)
        else:
            self.peer.on_event(self, event)

    def call(self, stream):
        body = self.bodies[stream]
        assert body[0] == 0 and len(body) == 5 + struct.unpack(">I", body[1:5])[0], "one whole message, not compressed"
        signal = next(s for s in SIGNALS.values() if s.rpc == self.paths[stream])
        return Call(signal, signal.request.FromString(body[5:]), {}, body[5:], len(body) - 5, self.paths[stream])

    # --- what a test may do ---

    def answer(self, stream):
        self.answered += 1
        self.h2.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        self.h2.send_data(stream, bytes(5))
        self.h2.send_headers(stream, [("grpc-status", "0")], end_stream=True)
        self.peer.note(self.call(stream), True)
        self.flush()

    def refuse(self, stream, code=h2.errors.ErrorCodes.REFUSED_STREAM):
        self.h2.reset_stream(stream, code)
        self.flush()

    def leave(self, last, code=0):
        """GOAWAY; the connection stays. hyper-h2 takes nothing any more after its own: so by hand."""
        self.flush()
        self.last = last
        self.socket.sendall(b"\0\0\x08\x07\0\0\0\0\0" + struct.pack(">II", last, code))

    def set_window(self, n):
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: n})
        self.flush()

    def half_close(self):
        self.flush()
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class H2Peer(Peer):
    """on_request(connection, stream) when a request is whole: it is answered; on_event(connection, event): any other event."""

    exporter = "otlp_grpc"

    def __init__(self, on_request=Connection.answer, on_event=lambda connection, event: None, host="127.0.0.1", port=0):
        super().__init__()
        self.on_request, self.on_event, self.gives_window = on_request, on_event, True
        self.listener = socket.create_server((host, port))
        self.port = self.listener.getsockname()[1]
        self.endpoint = f"{host}:{self.port}"
        self.connections, self.closed = [], threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock, len(self.connections) + 1)
            with self.changed:
                self.connections.append(connection)
                self.changed.notify_all()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.serve()
        except OSError:
            pass
        except Exception as e:  # a client that breaks the rules, or a test that does
            self.errors.append(e)
        finally:
            connection.socket.close()

    def close(self):
        self.closed.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # whom accept() would still let in
        except OSError:
            pass
        self.listener.close()
        for connection in list(self.connections):
            connection.close()
        assert not self.errors, self.errors
