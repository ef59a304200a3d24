# SPDX-License-Identifier: Apache-2.0
"""sensorgw replay: the rules over readings of the past, from a file and from the gateway's own database."""
import json
import subprocess

from harness import PATIENCE, GatewayTest, main
from processes import SENSORGW, environment

CONFIG = """storage: {path: %s}
sources: [{name: d, driver: file, sensors: [{name: t, path: /x, unit: °C}]}]
rules:
  - {name: hot, sensor: d/t, high: {warning: 75, critical: 85}, hysteresis: 2, for: 30s}
  - {name: silent, sensor: "*", stale: 60s}
"""
DATA = """time,sensor,value,unit,quality
2026-01-01T00:00:00.000Z,d/t,80,°C,good
2026-01-01T00:00:30.000Z,d/t,81,°C,good
2026-01-01T00:00:40.000Z,"d/t",86.5,°C,good
2026-01-01T00:00:50.000Z,d/t,,°C,timeout
2026-01-01T00:03:00.000Z,d/t,20,°C,good
"""


class Replay(GatewayTest):
    def setUp(self):
        super().setUp()
        self.config = self.path("replay.yaml")
        self.write(self.config, CONFIG % self.path("none.db"))

    def replay(self, *arguments, stdin="", status=0, config=None):
        done = subprocess.run([SENSORGW, "-c", config or self.config, "replay", *arguments], input=stdin, text=True,
                              capture_output=True, timeout=PATIENCE, env=environment(), check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def states(self, *arguments, stdin=DATA):
        return [(a["time"][11:19], a["rule"], a["state"], a["severity"], a["value"])
                for a in json.loads(self.replay("-", "--json", *arguments, stdin=stdin)[0])]

    def test_a_file_gives_its_transitions_and_a_summary(self):
        self.write(self.path("data.csv"), DATA)
        out, said = self.replay(self.path("data.csv"))
        rows = [line.split() for line in out.splitlines()]
        self.assertEqual(rows[0], ["TIME", "STATE", "SEVERITY", "SENSOR", "RULE", "VALUE", "LIMIT", "REASON"])
        self.assertEqual(rows[1], ["2026-01-01T00:00:30.000Z", "raised", "warning", "d/t", "hot", "81", "75", "high"])
        self.assertEqual([r[1] for r in rows[1:]], ["raised", "escalated", "raised", "cleared", "cleared"])
        self.assertIn("5 readings from 2026-01-01T00:00:00Z to 2026-01-01T00:03:00Z: 2 raised, 1 escalated, 2 cleared",
                      said)

    def test_limits_can_be_tried_out(self):
        self.assertEqual(self.states(), [
            ("00:00:30", "hot", "raised", "warning", 81), ("00:01:10", "hot", "escalated", "critical", 86.5),
            ("00:01:40", "silent", "raised", "warning", None), ("00:03:00", "hot", "cleared", "critical", 20),
            ("00:03:00", "silent", "cleared", "warning", 20)])
        self.assertEqual(self.states("--set", "hot.high.warning=85", "--set", "hot.high.critical=99", "--set",
                                     "hot.for=0s", "--set", "silent.stale=1h"), [
            ("00:00:40", "hot", "raised", "warning", 86.5), ("00:03:00", "hot", "cleared", "warning", 20)])
        self.assertEqual(self.states("--until", "2026-01-01T00:00:35Z"), [("00:00:30", "hot", "raised", "warning", 81)])

    def test_bad_input_is_told_with_its_place(self):
        for stdin, arguments, why in (
                ("", (), "the file is empty"),
                ("when,value\n", (), "standard input:1: the title line names no column time"),
                ("time,val\n", (), "names no column value"),
                ("time,value\n", (), "say of which one it is with --sensor"),
                ("time,value\nsoon,1\n", ("--sensor", "d/t"), "standard input:2: no time: 'soon'"),
                ("time,value\n2026-01-01,1x\n", ("--sensor", "d/t"), "standard input:2: no number: '1x'"),
                ("time,value,quality\n2026-01-01,1,fine\n", ("--sensor", "d/t"), "no quality: 'fine'"),
                ("time;sensor;value\n", (), "standard input:1: the cells are not separated by commas"),
                ("time,value,sensor\n2026-01-01,1\n", (), "standard input:2: the line is too short"),
                ("time,sensor,value\n2026-01-01,d/t,\n2026-01-02,d/t\n", (),
                 "standard input:3: the line is too short: it does not reach the column 'value'"),
                ("time,value,sensor\n2026-01-01,1,a#b\n", (), "standard input:2: holds '+' or '#'")):
            self.assertIn(why, self.replay("-", *arguments, stdin=stdin, status=1)[1])
        for change, why in (("hot.high.warning=90", "warning must be less than critical"), ("hot.for=soon", "a time such"),
                            ("cold.for=1s", "no such rule"), ("hot.colour=1", "no key colour"), ("hot.for", "RULE.KEY"),
                            ("silent.for=1s", "the rule has no such key"), ("hot.hysteresis=x", "a number")):
            self.assertIn(why, self.replay("-", "--set", change, stdin=DATA, status=2)[1])
        self.assertIn("cannot read /nope", self.replay("/nope", status=1)[1])
        self.replay(status=2)
        self.assertIn("must lie before", self.replay("/nope", "-s", "2026-01-02", "-u", "2026-01-01", status=2)[1])

    def test_readings_out_of_order_are_counted(self):
        lines = DATA.splitlines(True)
        data = "".join([lines[0], lines[2], lines[3], lines[1].replace("t,80", "t,20")])
        self.assertIn("1 reading was older than one before", self.replay("-", stdin=data)[1])
        # Cleared when it was judged, not at its own time, before the alert.
        self.assertEqual([s[:3] for s in self.states("--set", "hot.for=0s", stdin=data)], [
            ("00:00:30", "hot", "raised"), ("00:00:40", "hot", "escalated"), ("00:00:40", "hot", "cleared")])

    def test_rates_are_those_of_the_readings_own_times(self):
        config = self.path("rate.yaml")
        self.write(config, f"""http: off
storage: {{path: {self.path("none.db")}}}
sources: [{{name: d, driver: file, sensors: [{{name: a, path: /x}}, {{name: b, path: /x}}]}}]
rules: [{{name: jump, sensor: d/b, rate: {{warning: 5}}, per: 1s}}]
""")
        data = "time,sensor,value\n2026-01-01T01:00:00Z,d/a,1\n" + "".join(
            f"2026-01-01T00:00:{i:02}Z,d/b,{i * 10}\n" for i in range(4))  # a file of each sensor, one after the other
        self.assertIn("raised", self.replay("-", stdin=data, config=config)[0])

    def test_a_sensor_that_the_configuration_does_not_know_is_mentioned_once(self):
        text = DATA.replace(',d/t,8', ',d/x,8')
        said = self.replay("-", stdin=text)[1]
        self.assertEqual(said.count("d/x: the configuration names no such sensor"), 1)
        self.assertNotIn("d/t:", said)

    def test_the_gateway_s_own_history_gives_the_alerts_that_it_gave(self):
        path, source = self.file_source(value="20")
        gateway = self.gateway([source], [
            {"name": "hot", "sensor": "room/t", "high": {"warning": 75, "critical": 85}, "hysteresis": 2},
            {"name": "sum", "expression": "room/t * 2 > 165", "severity": "critical"}])
        for value in (80, 74, 90, 74, 60, 78, 20):
            self.write(path, str(value))
            self.wait_for(f"{value}", lambda v=value: gateway.latest("room/t") == (v, "good"))
        gateway.stop()
        before = self.digest(gateway)
        out, said = self.replay("--from-db", "--json", config=gateway.config_path)
        replayed = [(a["time"], a["rule"], a["state"], a["severity"], a["value"], a["limit"]) for a in json.loads(out)]
        happened = gateway.rows("SELECT strftime('%Y-%m-%dT%H:%M:%S', e.time / 1000000, 'unixepoch') || "
                                "printf('.%03dZ', e.time / 1000 % 1000), a.rule, e.state, e.severity, e.value, e.limit_value FROM alert_event e "
                                "JOIN alert a ON a.id = e.alert_id ORDER BY e.seq")
        self.assertEqual([e[2] for e in happened if e[1] == "hot"], ["raised", "escalated", "cleared", "raised", "cleared"])
        self.assertEqual(replayed, happened)
        self.assertIn(f"{gateway.count()} readings from", said)
        self.assertEqual(self.digest(gateway), before)  # nothing was written

    def digest(self, gateway):
        return gateway.rows("SELECT (SELECT count(*) FROM alert), (SELECT count(*) FROM alert_event),"
                            " (SELECT count(*) FROM run), (SELECT count(*) FROM reading)")


if __name__ == "__main__":
    main()
