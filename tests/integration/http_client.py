# SPDX-License-Identifier: Apache-2.0
"""A client of the HTTP interface, and the base class of the tests of a gateway that has one."""
import json
import urllib.error
import urllib.request

from harness import PATIENCE, GatewayTest, free_port


class Client:
    def __init__(self, port, token=None):
        self.base, self.token = f"http://127.0.0.1:{port}", token

    def ask(self, path, body=None, **headers):
        """(status, type, body as bytes)"""
        request = urllib.request.Request(self.base + path, data=None if body is None else json.dumps(body).encode())
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for key, value in headers.items():
            request.add_header(key.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as r:
                return r.status, r.headers["Content-Type"], r.read()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.headers["Content-Type"], e.read()


class HttpTest(GatewayTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()

    def start(self, sources, rules=(), **sections):
        return self.gateway(sources, rules, http={"listen": f"127.0.0.1:{self.port}"}, **sections)

    def gateway(self, sources, rules=(), **sections):
        http = sections.pop("http")
        gateway = super().gateway(sources, rules, start=False, **sections)
        with open(gateway.config_path, encoding="utf-8") as f:
            text = f.read().replace('http: off\n', f"http: {json.dumps(http)}\n")
        with open(gateway.config_path, "w", encoding="utf-8") as f:
            f.write(text)
        gateway.start()
        self.client = Client(self.port)
        self.wait_for("the server", self.serves)
        return gateway

    def serves(self):
        try:
            return self.client.ask("/healthz")[0] in (200, 401, 503)
        except OSError:
            return False
