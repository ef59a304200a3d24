# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/openapi.json: each is valid, is answered by the running program, and so is the stream of events."""
from urllib.parse import quote, urlencode

from harness import main
from http_client import API, HttpTest, check

RULE = {"name": "overheat", "sensor": "boiler/flow_temp", "high": {"warning": 75}, "hysteresis": 2}
# In this order: what is shelved must be there, and is acknowledged before.
OPERATIONS = [(path, method, operation) for path, methods in API["paths"].items() for method, operation in methods.items()]


def request_of(path, operation):
    """Path with query, and body, from the examples of the operation's parameters."""
    query = {}
    for parameter in operation.get("parameters", []):
        example = parameter["example"]
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(example, safe=""))
        else:
            query[parameter["name"]] = str(example).lower() if isinstance(example, bool) else example
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    return "/api/v1" + path + (f"?{urlencode(query)}" if query else ""), body


class Examples(HttpTest):
    def plant(self):
        """A gateway in which the examples make sense, with an alert."""
        sim = self.simulator("--tcp", "0")
        self.write(self.path("token"), "s3cret")
        self.path_of_boiler, boiler = self.file_source("boiler", every="100ms")
        boiler["sensors"][0]["name"] = "flow_temp"
        bus = {"name": "plant", "driver": "modbus", "address": f"127.0.0.1:{sim.served['tcp']}", "every": "1s", "timeout": "10s",
               "devices": [{"name": "boiler", "unit_id": 1, "sensors": [
                   {"name": "setpoint", "holding": 20, "min": 0, "max": 90, "unit": "°C", "writable": True}]}]}
        gateway = self.gateway([boiler, bus], [RULE], http={"listen": f"127.0.0.1:{self.port}", "token_file": self.path("token")})
        self.client.token = "s3cret"
        self.write(self.path_of_boiler, 81.5)
        self.wait_for("an alert", lambda: self.described("/api/v1/alerts?active=true")["alerts"])
        self.wait_for("a set point", lambda: self.described("/api/v1/sensors/boiler%2Fsetpoint")["value"] is not None)
        return gateway

    def test_each_operation_has_an_example_that_works(self):
        gateway = self.plant()
        for path, method, operation in OPERATIONS:
            with self.subTest(f"{method} {path}"):
                kind, content = next(iter(operation["responses"]["200"]["content"].items()))
                asked, body = request_of(path, operation)
                self.assertEqual(body is not None, method == "post")
                if body is not None:
                    check(body, operation["requestBody"]["content"]["application/json"]["schema"])
                if kind == "text/event-stream":
                    self.assertEqual(next(self.events())[0], "hello")
                    continue
                check(content["example"], content["schema"])
                answer = self.described(asked, 200, body)
                self.assertLessEqual(set(content["example"]), set(answer), "the example has fields that are not there")
        gateway.stop()

    def test_events_are_as_described(self):
        gateway = self.plant()
        stream = self.events()
        self.assertEqual(next(stream)[0], "hello")
        self.write(self.path_of_boiler, 20)
        seen = set()
        for event, data in stream:
            if event == "alert":
                seen.add(data["state"])  # that it was raised may come late
            elif any(r["value"] == 20 for r in data):
                seen.add(20)
            if seen >= {20, "cleared"}:
                break
        gateway.stop()  # with the stream open


if __name__ == "__main__":
    main()
