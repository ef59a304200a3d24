# SPDX-License-Identifier: Apache-2.0
"""The field tools and a gateway that polls the same line; setting sensors; two sources on one port."""
import json
import os
import re
import subprocess
import time
from pathlib import Path

from harness import PATIENCE, GatewayTest, free_port, main
from processes import SENSORGW, environment


class Control(GatewayTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator("--rtu", self.path("bus"), "--tcp", "0")
        self.port = self.sim.served["rtu"]

    def bus(self, name, unit, sensors, **source):
        return {"name": name, "driver": "modbus", "port": self.port, "timeout": "200ms", "every": "100ms", **source,
                "devices": [{"name": f"{name}{unit}", "unit_id": unit, "sensors": sensors}]}

    def tool(self, gateway, *arguments, status=0):
        done = subprocess.run([SENSORGW, "-c", gateway.config_path, *arguments], capture_output=True, text=True,
                              timeout=PATIENCE, env=environment(), check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    @staticmethod
    def either(gateway, *arguments):
        """As tool(), however it ends."""
        done = subprocess.run([SENSORGW, "-c", gateway.config_path, *arguments], capture_output=True, text=True,
                              timeout=PATIENCE, env=environment(), check=False)
        return done.stdout + done.stderr

    def good(self, gateway, *sensors):
        for sensor in sensors:
            self.wait_for(sensor, lambda s=sensor: (gateway.latest(s) or (0, ""))[1] == "good")

    @staticmethod
    def threads(gateway):
        names = []
        for task in Path(f"/proc/{gateway.process.pid}/task").iterdir():
            try:
                names.append((task / "comm").read_text(encoding="ascii").strip())
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended meanwhile
        return names

    def test_two_sources_on_one_port_share_it(self):
        gateway = self.gateway([self.bus("a", 1, [{"name": "x", "holding": 1000}]),
                                self.bus("b", 2, [{"name": "x", "holding": 1001}])])
        for sensor, value in (("a1/x", 1000), ("b2/x", 1001)):
            self.wait_for(sensor, lambda s=sensor, v=value: gateway.latest(s) == (v, "good"))
        threads = self.threads(gateway)
        self.assertIn("a", threads)
        self.assertNotIn("b", threads)
        summary = gateway.stop()
        self.assertGreater(summary["sources"]["b"]["committed"], 0)
        self.check_books(gateway, summary)

    def test_a_port_by_another_name_is_the_same_port(self):
        os.symlink(self.port, self.path("by-id"))
        gateway = self.gateway([self.bus("a", 1, [{"name": "x", "holding": 1000}]),
                                self.bus("b", 2, [{"name": "x", "holding": 1001}], port=self.path("by-id"))])
        self.good(gateway, "a1/x", "b2/x")
        gateway.stop()

    def test_reading_and_scanning_a_line_that_is_polled(self):
        # Nothing but the unit that there is not is to time out: a busy machine is no mute device.
        gateway = self.gateway([self.bus("a", 1, [{"name": "x", "holding": 1000}], timeout="4s")])
        self.good(gateway, "a1/x")
        for unit in ("1", "3"):  # one that is polled, and one that is not
            out = self.tool(gateway, "read", self.port, f"{unit}:holding:1005", "-n", "3", "--json", "-b", "19200")
            said, out = out[out.index("The gateway"):], out[:out.index("The gateway")]
            self.assertEqual(said, f'The gateway polls {self.port} as "a": going through it, at its speed 9600 and '
                                   'parity even; the settings given here do not count.\n')
            self.assertEqual(json.loads(out), [{"address": a, "value": a} for a in range(1005, 1008)])
        stranger = subprocess.run([SENSORGW, "read", self.port, "1:holding:1005"], capture_output=True, text=True,
                                  timeout=PATIENCE, cwd=self.folder, env=environment(), check=False)
        self.assertEqual(stranger.returncode, 1, stranger)
        self.assertRegex(stranger.stderr, r"in use by process \d+ \(sensorgw\)\n.*with -c FILE")
        out = self.tool(gateway, "scan", self.port, "--units", "1-4")
        self.assertIn('polls %s as "a"' % self.port, out)
        for unit in (1, 2, 3):
            self.assertIn(f"unit_id: {unit}\n", out)
        self.assertNotIn("unit_id: 4", out)
        self.assertIn("parity: even", out)
        self.assertIn("does not answer", self.tool(gateway, "read", self.port, "9:holding:0", status=1))
        # No late answer of it can pass for another's: it is left alone for a while.
        self.assertIn("owes an answer", self.tool(gateway, "read", self.port, "9:holding:1", status=1))
        gateway.stop()
        # Without a gateway the same tools take the line themselves.
        self.tool(gateway, "read", self.port, "1:holding:1005", "-t", "10s")

    def test_monitor_shows_values_units_and_frames(self):
        gateway = self.gateway([self.bus("a", 1, [{"name": "x", "holding": 1000, "unit": "kW"}]),
                                self.bus("b", 77, [{"name": "y", "holding": 1}]), self.file_source()[1]])
        self.good(gateway, "a1/x")
        self.wait_for("the mute one", lambda: (gateway.latest("b77/y") or (0, ""))[1] == "timeout")

        def monitor(*options):
            return self.tool(gateway, "monitor", "--once", *options)
        shown = r"(?s)a1/x +1000 +kW +good +0 s +a\n.*b77/y +- +timeout .*LINE.*\na +1 +good "
        out = self.wait_for("a value of just now", lambda: re.search(shown, o := monitor()) and o)
        units = {line.split()[1]: line.split() for line in out.split("LINE", 1)[1].splitlines()[1:3]}
        self.assertEqual(units["1"][:3], ["a", "1", "good"])
        self.assertEqual(units["77"][2], "timeout")
        self.assertGreater(int(units["77"][-3]), 0)
        self.assertEqual(units["77"][-2:], ["0", "0"])
        self.assertNotIn("b77/y", monitor("a1/*").split("LINE")[0])
        frames = ("->  01 03 03 E8 00 01 04 7A", "<-  01 03 02 03 E8 B8 FA")  # b shares a's line
        self.wait_for("a request and its answer", lambda: (o := monitor("--hex", "b")) and all(f in o for f in frames))
        # What is left of the last look is not shown as live.
        self.wait_for("frames are kept", lambda: gateway.control("frames\ta\t0"))
        begun = time.time()
        shown = [line.split()[0] for line in monitor("--hex", "a").splitlines()]
        for clock in shown:
            day = time.strftime("%Y-%m-%d ", time.localtime(begun))
            at = time.mktime(time.strptime(day + clock[:8], "%Y-%m-%d %H:%M:%S")) + float(clock[8:])
            self.assertLess((at - begun + 0.01) % 86400, 43200, (shown, begun))
        self.assertIn('no source "z"', self.tool(gateway, "monitor", "--hex", "z", status=2))
        self.assertRegex(self.tool(gateway, "monitor", "--hex", "room", status=2),
                         'file driver .*no frames; these sources do: a, b\n')
        gateway.stop()
        self.assertIn("no gateway runs", self.tool(gateway, "monitor", "--once", status=1))

    SETTABLE = [{"name": "plain", "holding": 10},
                {"name": "temp", "holding": 20, "type": "int16", "scale": 0.1, "min": -20, "max": 90,
                 "invalid": -100, "writable": True},
                {"name": "ratio", "holding": 30, "type": "float32", "order": "CDAB", "writable": True},
                {"name": "big", "holding": 40, "type": "uint32", "writable": True},
                {"name": "single", "holding": 50, "writable": True, "write_with": "multiple"},
                {"name": "relay", "coil": 3, "writable": True},
                {"name": "relays", "coil": 4, "writable": True, "write_with": "multiple"}]

    def read_json(self, gateway, place, count):
        out = self.tool(gateway, "read", self.port, place, "-n", str(count), "--json")
        return [x["value"] for x in json.loads(out[:out.index("The gateway")])]

    def test_monitor_lists_what_a_unit_refuses(self):
        port = free_port()
        self.run_python("pymodbus_slave.py", "tcp", str(port))  # has 900 registers
        source = self.bus("a", 1, [{"name": "x", "holding": 5}, {"name": "gone", "holding": 950}])
        source.pop("port")
        gateway = self.gateway([{**source, "address": f"127.0.0.1:{port}"}])
        self.good(gateway, "a1/x")
        self.wait_for("it is found", lambda: gateway.control("isolated"))
        out = self.tool(gateway, "monitor", "--once")
        self.assertRegex(out, r"a1/gone +a +1 +holding 950 +illegal data address +\d+ s\n")
        self.assertIn("asked for again once an hour", out)
        gateway.stop()

    def test_setting_sensors(self):
        # Nothing is to time out by chance: a busy machine is no mute device.
        gateway = self.gateway([self.bus("a", 1, self.SETTABLE, every="1m", timeout="10s")])
        self.good(gateway, "a1/plain")
        for sensor, value in (("temp", "-12.5"), ("ratio", "3.25"), ("big", "100000"), ("single", "7"),
                              ("relay", "1"), ("relays", "1")):
            out = self.tool(gateway, "write", "--", f"a1/{sensor}", value)
            self.assertEqual(out, f"a1/{sensor} is {value} now\n")
            # What was read back is a reading, long before the next poll.
            self.wait_for(sensor, lambda s=sensor, v=value: gateway.latest(f"a1/{s}") == (float(v), "good"))
        self.assertEqual(self.read_json(gateway, "1:holding:20", 1), [0x10000 - 125])
        self.assertEqual(self.read_json(gateway, "1:holding:30", 2), [0, 0x4050])
        self.assertEqual(self.read_json(gateway, "1:holding:40", 2), [1, 34464])
        self.assertEqual(self.read_json(gateway, "1:holding:50", 1), [7])
        self.assertEqual(self.read_json(gateway, "1:coil:3", 2), [1, 1])
        for sensor, value, why in (("a1/plain", "1", "writable: true"), ("a1/nothing", "1", "no such sensor"),
                                   ("a1/plan", "1", "did you mean 'a1/plain'?"),
                                   ("a1/single", "65536", "does not fit into uint16"),
                                   ("a1/relay", "2", "does not fit into bool")):
            self.tool(gateway, "write", sensor, value, status=1)
            self.wait_for("a second between writes", lambda s=sensor, v=value, w=why: w in self.tool(
                gateway, "write", s, v, status=1))
        self.wait_for("min and max", lambda: "90.5 is outside min and max: -20 to 90" in self.tool(
            gateway, "write", "a1/temp", "90.5", status=1))
        self.wait_for("invalid", lambda: 'values that mean "none"' in self.tool(
            gateway, "write", "--", "a1/temp", "-10", status=1))
        self.assertEqual(self.read_json(gateway, "1:holding:20", 1), [0x10000 - 125])
        self.assertIn("nor on, off", self.tool(gateway, "write", "a1/temp", "warm", status=2))
        self.wait_for("a word as over MQTT",
                      lambda: self.either(gateway, "write", "a1/relay", "off") == "a1/relay is 0 now\n")
        self.wait_for("what was set is in the database", lambda: gateway.rows(
            "SELECT value, read_back, origin, error FROM write_event WHERE sensor = 'a1/ratio'")
            == [(3.25, 3.25, "control", None)])
        self.wait_for("so is what was refused", lambda: ("there is no such sensor",) in gateway.rows(
            "SELECT error FROM writes WHERE sensor = 'a1/nothing'"))
        self.assertRegex(gateway.cli("writes", "a1/relays"), r"a1/relays +1 +1 +control +done\n")
        self.assertIn("there is no such sensor", gateway.cli("writes", "--failed", "a1/nothing"))  # of many, not all are noted
        self.assertEqual(json.loads(gateway.cli("writes", "--json", "a1/big"))[0]["read_back"], 100000)
        self.check_books(gateway, gateway.stop())

    def test_setting_sensors_over_mqtt(self):
        broker = self.broker()
        asked = "sensorgw/test/write/a1/"
        # A retained request, there before the gateway: refused, lest it be carried out at every connect.
        broker.publish(asked + "single", "9", retain=True)
        answers = self.subscribe(broker, asked + "+/result", "sensorgw/test/status")
        gateway = self.gateway([self.bus("a", 1, self.SETTABLE, timeout="10s")], broker=broker)
        self.good(gateway, "a1/plain")

        def answer(sensor, count):
            found = [json.loads(p) for t, p in answers.messages if t == f"{asked}{sensor}/result"]
            return found[count - 1] if len(found) >= count else None

        self.wait_for("the refusal", lambda: answer("single", 1))
        self.assertIn("retained", answer("single", 1)["error"])
        broker.publish(asked + "temp", '{"value": 42.5, "id": "x1"}')
        self.wait_for("the answer", lambda: answer("temp", 1))
        self.assertEqual({k: answer("temp", 1)[k] for k in ("ok", "value", "id")}, {"ok": True, "value": 42.5, "id": "x1"})
        broker.publish(asked + "relay", "on")
        self.wait_for("the relay", lambda: answer("relay", 1))
        broker.publish(asked + "plain", "1")
        self.wait_for("the other refusal", lambda: answer("plain", 1))
        self.assertEqual([answer("plain", 1)["ok"], answer("plain", 1)["value"]], [False, None])
        self.assertIn("writable: true", answer("plain", 1)["error"])
        broker.publish(asked + "ratio", "warm")
        self.wait_for("what came is in the log", lambda: "a1/ratio not set (mqtt): it is neither a number nor JSON: 'warm'"
                      in gateway.process.output())
        self.assertEqual(self.read_json(gateway, "1:holding:20", 1), [425])
        self.assertEqual(self.read_json(gateway, "1:coil:3", 1), [1])
        self.assertNotEqual(self.read_json(gateway, "1:holding:50", 1), [9])
        self.wait_for("all of them are in the database", lambda: gateway.rows(
            "SELECT sensor, value, read_back, request, error IS NULL FROM write_event WHERE origin = 'mqtt' ORDER BY seq")
            == [("a1/single", 9, None, None, 0), ("a1/temp", 42.5, 42.5, "x1", 1), ("a1/relay", 1, 1, None, 1),
                ("a1/plain", 1, None, None, 0), ("a1/ratio", None, None, None, 0)])
        # What is asked while it is away is not carried out when it returns.
        self.check_books(gateway, gateway.stop())
        broker.publish(asked + "temp", "50")
        gateway.start()
        self.wait_for("online again", lambda: [p for t, p in answers.messages if t.endswith("status")].count("online") > 1)

        def later():  # one that comes before it has subscribed is lost
            broker.publish(asked + "big", "5")
            return answer("big", 1)
        self.wait_for("a later one", later)
        self.assertIsNone(answer("temp", 2))
        gateway.stop()
        self.check_database(gateway.database)

    def test_a_device_that_does_not_take_the_value(self):
        gateway = self.gateway([self.bus("a", 1, self.SETTABLE)])
        self.good(gateway, "a1/plain")
        self.sim.command("fault unit1=exception:4")
        self.sim.ask("status")
        self.wait_for("a refusal", lambda: "device failure (exception 4)" in self.tool(
            gateway, "write", "a1/temp", "20", status=1))
        self.sim.command("fault unit1=mute")
        self.sim.ask("status")
        self.wait_for("no answer", lambda: "owes an answer" in self.tool(gateway, "write", "a1/temp", "20", status=1))
        gateway.stop()

    def test_a_socket_that_a_killed_gateway_left(self):
        gateway = self.gateway([self.bus("a", 1, [{"name": "x", "holding": 1000}])])
        path = gateway.database + ".control"
        self.wait_for("the socket", lambda: os.path.exists(path))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o660)
        gateway.kill()
        self.assertTrue(os.path.exists(path))
        self.assertIn("no gateway runs", self.tool(gateway, "monitor", "--once", status=1))
        gateway.start()
        self.wait_for("it answers", lambda: subprocess.run(
            [SENSORGW, "-c", gateway.config_path, "monitor", "--once"], capture_output=True, env=environment(),
            check=False).returncode == 0)
        gateway.stop()
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    main()
