# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow, too many, or mean harm keep nobody else out."""
import json
import select
import socket
import threading
import time
from urllib.parse import quote

from harness import PATIENCE, SANITIZE, main
from http_client import HttpTest

SEATS = 48  # gateway/http/seats.h
STREAMS = 12  # gateway/http/events.h
GET = "GET {} HTTP/1.1\r\nHost: localhost\r\n"


class Limits(HttpTest):
    def setUp(self):
        super().setUp()
        self.path_of_room, self.room = self.file_source("room", every="100ms")

    def connect(self, text="", source="127.0.0.1"):
        s = socket.create_connection(("127.0.0.1", self.port), PATIENCE, source_address=(source, 0))
        self.addCleanup(s.close)
        s.sendall(text.encode())
        return s

    @staticmethod
    def is_open(s):
        """The gateway has said nothing on it, and not closed it."""
        return not select.select([s], [], [], 0)[0]

    def trickle(self, clients):
        """One byte of a header that never ends, for each, as long as the test runs."""
        stop = threading.Event()

        def run():
            while not stop.wait(1):
                for s in clients:
                    try:
                        s.sendall(b"x")
                    except OSError:
                        pass  # cut off
        thread = threading.Thread(target=run)
        thread.start()

        def end():
            stop.set()
            thread.join()
        self.addCleanup(end)

    def test_sixty_that_trickle_keep_nobody_out(self):
        gateway = self.start([self.room])
        self.wait_for("a reading", lambda: self.client.ask("/api/v1/sensors/room%2Ft/readings")[0] == 200)
        before = gateway.memory()
        slow = [self.connect(GET.format("/") + "X-Slow: ") for _ in range(60)]
        self.trickle(slow)
        for path in ("/healthz", "/", "/api/v1/sensors", "/metrics"):
            began = time.monotonic()
            self.assertEqual(self.client.ask(path)[0], 200, path)
            self.assertLess(time.monotonic() - began, PATIENCE)
        # Those from elsewhere are not the ones that pay for it.
        other = self.connect(GET.format("/healthz"), source="127.0.0.2")
        more = [self.connect(GET.format("/") + "X-Slow: ") for _ in range(60)]
        self.wait_for("the oldest are cut off", lambda: not any(self.is_open(s) for s in slow))
        self.wait_for("at most one has a seat", lambda: sum(self.is_open(s) for s in more) < SEATS)
        other.sendall(b"\r\n")
        self.assertTrue(other.recv(100).startswith(b"HTTP/1.1 200"))
        if not SANITIZE:  # their allocators keep what is freed
            self.assertLess(gateway.memory() - before, 8e6)
        # And without others: a byte a second is no sign of life.
        last = self.connect(GET.format("/") + "X-Slow: ")
        self.trickle([last])
        self.wait_for("all are cut off", lambda: not any(self.is_open(s) for s in [*more, last]))
        gateway.stop()

    def test_an_answer_that_nobody_reads_gives_way(self):
        gateway = self.start([self.room])
        self.wait_for("a reading", lambda: self.client.ask("/api/v1/sensors/room%2Ft/readings")[0] == 200)
        # Many requests in one go, whose answers fill what the kernel keeps for the connection.
        text = (GET.format("/web/dygraph.min.js") + "\r\n") * 100
        deaf = [self.connect(text) for _ in range(60)]
        self.assertEqual(self.client.ask("/healthz")[0], 200)
        self.assertEqual(self.client.ask("/api/v1/sensors")[0], 200)
        for s in deaf:
            s.close()
        gateway.stop()

    def test_streams_have_a_limit_that_says_so(self):
        gateway = self.start([self.room])
        streams = [self.connect(GET.format("/api/v1/events") + "\r\n") for _ in range(STREAMS)]
        for s in streams:
            self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 200"))
        refused = self.connect(GET.format("/api/v1/events") + "Connection: close\r\n\r\n")
        with refused.makefile("rb") as f:
            head, _, body = f.read().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 503"), head)
        self.assertIn(b"\r\nRetry-After: ", head)
        self.assertIn("12", json.loads(body)["error"])
        # Streams last, whoever else comes, and what is left is for the others.
        for _ in range(60):
            self.connect(GET.format("/") + "X-Slow: ")
        self.assertEqual(self.client.ask("/healthz")[0], 200)
        self.write(self.path_of_room, 77.25)
        for s in streams:
            with s.makefile("rb") as f:
                self.assertTrue(any(b"77.25" in line for line in f))
        streams.pop().close()
        self.wait_for("a place", lambda: self.connect(GET.format("/api/v1/events") + "\r\n").recv(100).startswith(b"HTTP/1.1 200"))
        gateway.stop()  # with the streams open


if __name__ == "__main__":
    main()
