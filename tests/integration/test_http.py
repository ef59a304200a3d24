# SPDX-License-Identifier: Apache-2.0
"""The HTTP interface of the running program: every answer is what docs/openapi.json says."""
import http.client
import json
import os
import shutil
import subprocess
import threading
from urllib.parse import quote

from harness import GatewayTest, main
from http_client import API, HttpTest

ODD = "halle 1/Vorlauf Ü/T%1?"  # a name with all that must be encoded
RULE = {"name": "overheat", "sensor": "*", "high": {"warning": 75}, "hysteresis": 2}


class Http(HttpTest):
    def test_every_answer_is_as_described(self):
        sim = self.simulator("--tcp", "0")
        path, room = self.file_source("room", every="100ms")
        _, odd = self.file_source("halle 1", every="100ms")
        odd["sensors"][0]["name"] = ODD.split("/", 1)[1]
        bus = {"name": "plant", "driver": "modbus", "address": f"127.0.0.1:{sim.served['tcp']}", "every": "200ms",
               "devices": [{"name": "boiler", "unit_id": 1, "sensors": [{"name": "x", "holding": 1000}]}]}
        dead = {"name": "dead", "driver": "modbus", "address": "127.0.0.1:1", "every": "1s",
                "devices": [{"name": "gone", "unit_id": 1, "sensors": [{"name": "x", "holding": 0}]}]}
        rules = [RULE, {"name": "bad", "sensor": "room/*", "bad_for": "1h"},
                 {"name": "both", "expression": "room/t > 1000 and boiler/x < 0"},
                 {"name": "silent", "sensor": "gone/*", "stale": "1s", "severity": "critical"},
                 {"name": "jump", "sensor": "room/*", "rate": {"warning": 1e6}, "per": "1s"}]
        gateway = self.start([room, odd, bus, dead], rules)
        self.write(path, 80)

        def alerts():
            return {(a["sensor"], a["rule"]) for a in self.described("/api/v1/alerts?active=true")["alerts"]}

        def values():
            return {s["name"]: (s["value"], s["quality"]) for s in self.described("/api/v1/sensors")["sensors"]}
        self.wait_for("the alerts", lambda: alerts() == {
            ("room/t", "overheat"), ("boiler/x", "overheat"), ("gone/x", "silent")})
        self.wait_for("values of all", lambda: values() == {
            "room/t": (80, "good"), ODD: (20, "good"), "boiler/x": (1000, "good"), "gone/x": (None, "timeout")})
        self.wait_for("they are stored", lambda: None not in [gateway.latest(s) for s in (ODD, "room/t", "gone/x")])
        for name in (ODD, "room/t", "gone/x"):
            one = self.described("/api/v1/sensors/" + quote(name, safe=""))
            self.assertEqual(one["name"], name)
            self.described(f"/api/v1/sensors/{quote(name, safe='')}/readings")
            self.described(f"/api/v1/sensors/{quote(name, safe='')}/readings?since=7d&points=10")
        self.assertEqual({r["kind"] for r in self.described("/api/v1/sensors/room%2Ft")["rules"]}, {"level", "rate", "quality", "expression"})
        self.described("/api/v1/sensors/none", 404)
        self.described("/api/v1/sensors/%zz", 400)
        self.described("/api/v1/sensors/none/readings", 404)
        self.described("/api/v1/sensors/none/readings?points=1", 400)
        self.described("/api/v1/alerts?limit=0", 400)
        self.described("/api/v1/sparks")
        self.check_orders()
        self.described("/api/v1/sensors/boiler%2Fx/write", 403, {"value": 1})  # no token is configured
        sources = {s["name"]: s for s in self.described("/api/v1/sources")["sources"]}
        self.assertEqual(sources["dead"]["state"], "failed")
        self.assertEqual([u["unit"] for u in sources["plant"]["units"]], [1])
        self.assertGreater(sources["plant"]["units"][0]["round_trip"], 0)
        self.assertEqual(self.described("/api/v1/status")["gateway"], "test")
        described = {(path, method) for path in API["paths"] for method in API["paths"][path]}
        self.assertEqual(described - self.seen, {("/events", "get")})
        status, kind, text = self.client.ask("/api/v1/openapi.json")
        self.assertEqual((status, kind, json.loads(text)), (200, "application/json", API))
        self.check_books(gateway, gateway.stop())

    def check_orders(self):
        alert = {"sensor": "room/t", "rule": "overheat"}

        def state(what):
            return [a[what] for a in self.described("/api/v1/alerts?active=true&sensor=room/t")["alerts"]][0]
        self.described("/api/v1/alerts/acknowledge", 200, {**alert, "who": "Ada", "comment": "on my way"})
        self.wait_for("acknowledged", lambda: state("acknowledged_by") == "Ada")
        self.described("/api/v1/alerts/shelve", 200, {**alert, "for": "2h"})
        self.wait_for("shelved", lambda: state("shelved_until"))
        self.described("/api/v1/alerts/unshelve", 200, alert)
        self.wait_for("not shelved any more", lambda: not state("shelved_until"))
        for verb in ("acknowledge", "shelve", "unshelve"):
            self.described(f"/api/v1/alerts/{verb}", 400, {"sensor": "room/t"})
            self.described(f"/api/v1/alerts/{verb}", 400, [])
            self.described(f"/api/v1/alerts/{verb}", 404, {**alert, "rule": "no such rule", "for": "1h"})
        self.described("/api/v1/alerts/shelve", 400, {**alert, "for": "soon"})
        self.described("/api/v1/alerts/acknowledge", 413, {**alert, "comment": "x" * 5000})

    def test_metrics_please_prometheus(self):
        _, room = self.file_source("room")
        gateway = self.start([room], [RULE])
        text = self.client.ask("/metrics")[2].decode()
        promtool = shutil.which("promtool")
        if promtool:  # of the package prometheus; tests/gateway/test_http.c has checks of its own
            done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        gateway.stop()

    def test_without_a_token_it_listens_on_loopback_only(self):
        _, room = self.file_source("room")
        for address in ("0.0.0.0", "[::]", "192.0.2.1"):
            gateway = GatewayTest.gateway(self, [room], start=False, http={"listen": f"{address}:{self.port}"})
            for command in ("check", "run"):
                said = gateway.cli(command, status=78 if command == "run" else 1)
                self.assertIn(f"http.listen: '{address}:{self.port}' is reachable from other hosts and needs a token_file", said)
            self.assertFalse(os.path.exists(gateway.database))

    def test_elsewhere_than_on_loopback_a_token_is_needed(self):
        _, room = self.file_source("room")
        token = self.path("token")
        self.write(token, "s3cret")
        os.chmod(token, 0o600)
        gateway = self.gateway([room], http={"listen": f"0.0.0.0:{self.port}", "token_file": token})
        self.assertEqual(self.client.ask("/")[0], 200)
        for path in ("/api/v1/sensors", "/api/v1/events", "/metrics", "/api/v1/sensors/room%2Ft/readings"):
            self.assertEqual(self.client.ask(path)[0], 401)
        self.client.token = "s3cret"
        self.assertEqual(self.client.ask("/api/v1/sensors", Host="pi.lan")[0], 200)
        gateway.stop()

    def test_a_sensor_is_set_with_a_token_only(self):
        sim = self.simulator("--tcp", "0")
        self.write(self.path("token"), "s3cret")
        sensors = [{"name": "setpoint", "holding": 20, "min": 0, "max": 90, "writable": True}, {"name": "x", "holding": 1}]
        gateway = self.gateway(
            [{"name": "plant", "driver": "modbus", "address": f"127.0.0.1:{sim.served['tcp']}", "every": "100ms",
              "timeout": "10s", "devices": [{"name": "boiler", "unit_id": 1, "sensors": sensors}]}],
            http={"listen": f"127.0.0.1:{self.port}", "token_file": self.path("token")})
        path = "/api/v1/sensors/boiler%2Fsetpoint/write"
        self.described(path, 401, {"value": 60})
        self.client.token = "s3cret"
        self.described("/api/v1/sensors/boiler%2Fnone/write", 404, {"value": 60})
        self.described("/api/v1/sensors/boiler%2Fx/write", 403, {"value": 60})
        for body in ({"value": "60"}, {"valu": 60}, [60], {"value": True}):
            self.described(path, 400, body)
        self.assertEqual(self.described(path, 200, {"value": 60}), {"ok": True, "value": 60})

        def refused():  # unless a second has gone by since
            answer = self.client.ask(path, {"value": 60})
            return answer if answer[0] == 429 else None
        self.as_described(path, "post", *self.wait_for("twice within a second is refused", refused))
        self.wait_for("a second between writes", lambda: self.client.ask(path, {"value": 90.5})[0] == 400)
        self.wait_for("it is read", lambda: gateway.latest("boiler/setpoint") == (60, "good"))
        self.wait_for("it is noted", lambda: gateway.rows(
            "SELECT DISTINCT value, read_back, origin, error FROM write_event WHERE error IS NULL") == [(60, 60, "http", None)])
        status, _, _ = self.client.ask(path, {"value": 62}, Origin="http://evil.example")
        self.assertEqual(status, 403)
        # Asked for while it stops: an answer, or none, and a clean end.
        done = threading.Thread(target=self.keep_asking, args=(path,))
        done.start()
        summary = gateway.stop()
        done.join()
        self.check_books(gateway, summary)

    def keep_asking(self, path):
        try:
            while True:
                self.client.ask(path, {"value": 50})
        except (OSError, http.client.HTTPException):
            pass  # it has ended


if __name__ == "__main__":
    main()
