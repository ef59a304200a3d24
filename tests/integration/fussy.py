# SPDX-License-Identifier: Apache-2.0
"""A front of a broker that hangs up without a word on a PUBLISH above its limit, as some brokers and proxies do."""
import socket
import threading

PUBLISH = 3


class Fussy:
    def __init__(self, port, limit):
        self.port, self.limit, self.hung_up = port, limit, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            broker = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self.outward, args=(client, broker), daemon=True).start()
            threading.Thread(target=self.inward, args=(broker, client), daemon=True).start()

    def outward(self, client, broker):
        """Packet by packet."""
        with client, broker, client.makefile("rb") as stream:
            while packet := self.read_packet(stream):
                if packet[0] >> 4 == PUBLISH and len(packet) > self.limit:
                    self.hung_up += 1
                    break
                broker.sendall(packet)
            for s in (client, broker):
                self.shut(s)

    @staticmethod
    def read_packet(stream):
        head, length, shift = stream.read(1), 0, 0
        while head:
            byte = stream.read(1)
            if not byte:
                return b""
            head += byte
            length |= (byte[0] & 127) << shift
            shift += 7
            if byte[0] < 128:
                rest = stream.read(length)
                return head + rest if len(rest) == length else b""
        return b""

    def inward(self, broker, client):
        try:
            while data := broker.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        self.shut(client)

    @staticmethod
    def shut(s):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
