# SPDX-License-Identifier: Apache-2.0
"""Questions on the command line: the answers are those that plain SQL gives."""
import csv
import io
import json
import os
import sqlite3
import subprocess

from harness import PATIENCE, GatewayTest, main
from processes import SENSORGW, environment

AGGREGATES = {"avg": "avg(value)", "min": "min(value)", "max": "max(value)", "count": "count(value)",
              "last": "(SELECT value FROM reading l WHERE l.sensor_id = r.sensor_id AND l.value IS NOT NULL AND"
                      " l.time / :span = r.time / :span AND l.time < :until ORDER BY time DESC LIMIT 1)"}


class History(GatewayTest):
    def sensorgw(self, *arguments, status=0):
        done = subprocess.run([SENSORGW, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              cwd=self.folder, env=environment(), check=False)
        self.assertEqual(done.returncode, status, (arguments, done.stdout, done.stderr))
        return done.stdout if status == 0 else done.stderr

    def filled(self):
        """A gateway that has stopped, with five seconds of three sensors, one of which was away for a while."""
        sources = []
        for name in ("boiler", "room", "yard"):
            path, source = self.file_source(name, "20", every="30ms")
            sources.append((path, source))
        gateway = self.gateway([s for _, s in sources], [{"name": "hot", "sensor": "room/*", "high": {"warning": 75}}])
        for value in (20, 21.5, 80, "nonsense", 20, -3):
            self.write(sources[1][0], value)
            expected = (None, "invalid") if value == "nonsense" else (value, "good")
            self.wait_for(f"{value}", lambda e=expected: gateway.latest("room/t") == e)
            count = gateway.count()
            self.wait_for("more readings", lambda c=count: gateway.count() > c + 60)
        gateway.stop()
        return gateway

    def by_sql(self, gateway, sensor, span_us, since, until, columns):
        names = ", ".join(AGGREGATES[c] for c in columns)
        sql = (f"SELECT time / :span * :span, {names} FROM reading r WHERE sensor_id ="
               " (SELECT id FROM sensor WHERE name = :sensor) AND value IS NOT NULL AND time >= :since AND time < :until"
               " GROUP BY time / :span ORDER BY 1")
        db = self.open_database(gateway)
        return db.execute(sql, {"span": span_us, "sensor": sensor, "since": since, "until": until}).fetchall()

    def open_database(self, gateway):
        db = sqlite3.connect(f"file:{gateway.database}?mode=ro", uri=True)
        self.addCleanup(db.close)
        return db

    def check_that_aggregates_are_what_sql_gives(self, gateway):
        first, last = gateway.rows("SELECT min(time), max(time) FROM reading")[0]
        since, until = first // 1000000 + 1, last // 1000000 + 1
        iso = [gateway.value("SELECT strftime('%Y-%m-%dT%H:%M:%SZ', ?, 'unixepoch')", t) for t in (since, until)]
        for span, seconds in (("1s", 1), ("2s", 2), ("1m", 60), ("1h", 3600)):
            for columns in (["avg", "min", "max", "last", "count"], ["last", "avg"], ["count"]):
                expected = self.by_sql(gateway, "room/t", seconds * 1000000, since * 1000000, until * 1000000, columns)
                options = ["--since", iso[0], "--until", iso[1], "--every", span, "--agg", ",".join(columns)]
                table = list(csv.reader(io.StringIO(gateway.cli("history", "room/t", "--csv", *options))))
                self.assertEqual(table[0], ["time", *columns])
                self.assertEqual(len(table) - 1, len(expected))
                for got, row in zip(table[1:], expected):
                    for value, wanted in zip(got[1:], row[1:]):
                        self.assertAlmostEqual(float(value), wanted, places=9)
                        self.assertEqual(float(value), float(f"{float(value):.15g}"))  # no noise of the division
                rows = json.loads(gateway.cli("history", "room/t", "--json", *options))
                self.assertEqual([list(r) for r in rows], [["time", *columns]] * len(expected))

    def check_that_each_reading_is_what_sql_gives(self, gateway):
        expected = gateway.rows("SELECT time, sensor, value, quality FROM readings ORDER BY sensor, time_us")
        rows = json.loads(gateway.cli("history", "*/t", "--json", "--since", "10m"))
        self.assertEqual([(r["time"], r["sensor"], r["value"], r["quality"]) for r in rows], expected)
        rows = json.loads(gateway.cli("history", "yard/t", "room/*", "--json", "--since", "10m", "--every", "raw"))
        self.assertEqual({r["sensor"] for r in rows}, {"yard/t", "room/t"})
        self.assertNotIn("sensor", json.loads(gateway.cli("history", "yard/t", "--json"))[0])

    def check_that_long_times_are_answered_by_minutes_and_hours(self, gateway):
        for since, seconds in (("12h", 60), ("30d", 3600)):
            row = json.loads(gateway.cli("history", "room/t", "--json", "--since", since))[0]
            self.assertEqual(list(row), ["time", "avg", "min", "max", "count"])
            self.assertTrue(row["time"].endswith("00.000Z" if seconds == 60 else "00:00.000Z"), row)

    def check_that_sensors_are_sorted(self, gateway):
        self.assertEqual([r["sensor"] for r in json.loads(gateway.cli("sensors", "--json"))],
                         ["boiler/t", "room/t", "yard/t"])
        self.assertEqual(json.loads(gateway.cli("sensors", "--json", "--sort", "value"))[0]["sensor"], "room/t")
        self.assertEqual(json.loads(gateway.cli("sensors", "--json", "--sort=-value"))[2]["sensor"], "room/t")
        self.assertIn("age, quality", gateway.cli("sensors", "--sort", "colour", status=2))

    def check_that_alerts_are_found_by_what_they_are(self, gateway):
        for options, found in (([], 1), (["--rule", "h*"], 1), (["--rule", "x*"], 0), (["--sensor", "room/*"], 1),
                               (["--sensor", "yard/t"], 0), (["--state", "cleared"], 1), (["--state", "raised"], 0),
                               (["--active"], 0), (["--since", "1h"], 1), (["--until", "1h"], 0),
                               (["--severity", "warning"], 1), (["--severity", "critical"], 0)):
            self.assertEqual(len(json.loads(gateway.cli("alerts", "--json", *options))), found, options)
        self.assertIn("No alert of this kind.", gateway.cli("alerts", "--active"))
        self.assertIn("--state takes one of", gateway.cli("alerts", "--state", "up", status=2))

    def test_answers(self):
        gateway = self.filled()
        self.check_that_aggregates_are_what_sql_gives(gateway)
        self.check_that_each_reading_is_what_sql_gives(gateway)
        self.check_that_long_times_are_answered_by_minutes_and_hours(gateway)
        self.check_that_sensors_are_sorted(gateway)
        self.check_that_alerts_are_found_by_what_they_are(gateway)

    def test_mistakes_get_clear_answers(self):
        path = self.path("none.db")
        for command in (["sensors"], ["history", "x"], ["alerts"], ["export"], ["backup", "x.db"], ["verify"]):
            self.assertIn("does not exist", self.sensorgw(*command, "--database", path, status=1), command)
        self.write(path, "this is no database\n" * 100)
        commands = (["sensors"], ["history", "x"], ["alerts"], ["export"], ["backup", "x.db"], ["verify"])
        for command in commands:
            said = self.sensorgw(*command, "--database", path, status=1)
            self.assertIn(f"sensorgw: {path} is no database of sensorgw (no SQLite file)\n", said, command)
            self.assertNotIn("SELECT", said, command)
        other = self.path("other.db")
        db = sqlite3.connect(other)
        db.execute("CREATE TABLE photos (name)")
        db.close()
        for command in commands:
            said = self.sensorgw(*command, "--database", other, status=1)
            self.assertIn(f"{other} is no database of sensorgw (a SQLite file of another program)\n", said, command)
        self.assertEqual(sorted(os.listdir(self.folder)), ["none.db", "other.db"])
        for wrong in (["--since", "later"], ["--every", "5"], ["--agg", "avg,sum"], ["--agg", ""],
                      ["--since", "1h", "--until", "2h"], ["--every", "raw", "--agg", "avg"],
                      ["--csv", "--json"]):
            self.sensorgw("history", "x", "--database", path, *wrong, status=2)
        for command in (["history", "x"], ["export"]):
            self.assertIn("--since lies in the future", self.sensorgw(
                *command, "--since", "2999-01-01", "--database", path, status=2))
        self.assertIn("must lie before", self.sensorgw("alerts", "-s", "1m", "-u", "1h", "--database", path, status=2))

    def test_an_unknown_sensor_gets_a_suggestion(self):
        _, source = self.file_source()
        gateway = self.gateway([source])
        self.wait_for("a value", lambda: gateway.latest("room/t"))
        self.assertIn("did you mean 'room/t'?", gateway.cli("history", "roam/t", status=1))
        self.assertIn("did you mean 'room/t'?", gateway.cli("sensors", "room/x", status=1))
        self.assertIn("named like 'x*'", gateway.cli("history", "x*", status=1))
        gateway.stop()


if __name__ == "__main__":
    main()
