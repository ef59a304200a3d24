# SPDX-License-Identifier: Apache-2.0
"""A client of the HTTP interface, and the base class of the tests of a gateway that has one."""
import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import jsonschema

from harness import PATIENCE, GatewayTest, free_port


API = json.loads((Path(__file__).resolve().parents[2] / "docs/openapi.json").read_text(encoding="utf-8"))


def operation_of(path, method="get"):
    """The operation of the description that a path is for: the one without {name} first."""
    path = path.split("?")[0].removeprefix("/api/v1")
    for template in sorted(API["paths"], key=lambda t: t.count("{")):
        parts, given = template.split("/"), path.split("/")
        if len(parts) == len(given) and all(p == g or p.startswith("{") for p, g in zip(parts, given)):
            if method in API["paths"][template]:
                return template, API["paths"][template][method]
    raise AssertionError(f"{method} {path} is not described")


def response_of(operation, status):
    """What the description says of that answer; a reference is followed."""
    response = operation["responses"][str(status)]
    return API["components"]["responses"][response["$ref"].rsplit("/", 1)[1]] if "$ref" in response else response


def check(value, schema):
    """Fails unless the value is what a schema of the description says."""
    jsonschema.Draft202012Validator({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema,
                                     "components": API["components"]}).validate(value)


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
        self.seen = set()  # (path, method) of what was asked for

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

    def answer(self, path, status, body):
        """(status, type, text). A gateway that is too busy, or was asked for a write too soon, says so, and is asked again."""
        def asked():
            answer = self.client.ask(path, body)
            return answer if answer[0] not in {429, 503} - {status} else None
        return self.wait_for(f"an answer to {path}", asked)

    def described(self, path, status=200, body=None):
        """Asks, and checks status, type and body against the description."""
        method = "get" if body is None else "post"
        got, kind, text = self.answer(path, status, body)
        self.assertEqual(got, status, text)
        return self.as_described(path, method, got, kind, text)

    def as_described(self, path, method, status, kind, text):
        template, operation = operation_of(path, method)
        self.assertIn(str(status), operation["responses"], f"{template}: {status} is not described")
        content = response_of(operation, status)["content"]
        self.assertIn(kind, content)
        answer = json.loads(text)
        check(answer, content[kind]["schema"])
        self.seen.add((template, method))
        return answer

    def events(self):
        """Yields (event, data) of the stream, which itself goes on for ever; each is as described."""
        request = urllib.request.Request(self.client.base + "/api/v1/events")
        if self.client.token:
            request.add_header("Authorization", f"Bearer {self.client.token}")
        schemas = API["paths"]["/events"]["get"]["x-events"]
        deadline = time.monotonic() + PATIENCE
        with urllib.request.urlopen(request, timeout=PATIENCE) as stream:
            self.assertEqual(stream.headers["Content-Type"], "text/event-stream")
            frame = []
            for line in stream:
                self.assertLess(time.monotonic(), deadline, "waited in vain for an event")
                if line != b"\n":
                    frame.append(line.decode())
                    continue
                if frame != [": beat\n"]:
                    self.assertEqual([part.split(": ")[0] for part in frame], ["event", "data"])
                    event, data = frame[0][7:-1], json.loads(frame[1][6:])
                    check(data, schemas[event])
                    yield event, data
                frame = []
