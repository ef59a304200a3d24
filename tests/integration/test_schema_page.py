# SPDX-License-Identifier: Apache-2.0
"""The questions of docs/schema.md, asked with the sqlite3 shell: they run, and their answers are right."""
import os
import re
import sqlite3
import subprocess
import time

from harness import HERE, PATIENCE, GatewayTest, main

PAGE = os.path.join(HERE, "..", "..", "docs", "schema.md")
US = 1000000
HOUR = 3600


def iso(seconds, form="%Y-%m-%dT%H:%M:%S.000Z"):
    return time.strftime(form, time.gmtime(seconds))


class SchemaPage(GatewayTest):
    def setUp(self):
        super().setUp()
        _, boiler = self.file_source("boiler")
        boiler["sensors"][0]["name"] = "flow_temp"
        _, room = self.file_source("room")
        self.gateway_ = self.gateway([boiler, room])
        self.wait_for("the sensors", lambda: len(self.gateway_.rows("SELECT 1 FROM sensor_latest")) == 2)
        self.gateway_.stop()
        self.now = int(time.time())
        self.fill()

    def fill(self):
        """What is known of: a year of hours, three hours of readings, alerts in every state of delivery, a run."""
        db = sqlite3.connect(self.gateway_.database)
        for table in ("reading", "reading_minute", "reading_hour", "rollup_pending", "sensor_latest", "alert",
                      "alert_event", "ledger", "run"):
            db.execute(f"DELETE FROM {table}")
        db.execute("INSERT INTO sensor (name, unit, source, device, first_seen) VALUES ('attic/t', '°C', 'x', 'x', 0)")
        self.ids = dict(db.execute("SELECT name, id FROM sensor"))
        boiler, room = self.ids["boiler/flow_temp"], self.ids["room/t"]
        self.readings = [(self.now - 60 * i - 5, 20 + i % 50 / 2) for i in range(180)]
        db.executemany("INSERT INTO reading VALUES (?, ?, ?, 0)", [(t * US, boiler, v) for t, v in self.readings])
        db.executemany("INSERT INTO reading VALUES (?, ?, ?, ?)",
                       [((self.now - 600 - i) * US, room, 7 if i % 4 else None, 0 if i % 4 else 1) for i in range(40)])
        db.execute("INSERT INTO reading_minute SELECT time / 60000000 * 60000000 AS m, sensor_id, min(value), max(value),"
                   " sum(value), count(value), sum(value IS NULL) FROM reading GROUP BY m, sensor_id")
        db.execute("INSERT INTO sensor_latest SELECT sensor_id, max(time), value, quality FROM reading"
                   " GROUP BY sensor_id")
        hour = self.now // HOUR * HOUR
        self.hours = {hour - HOUR * i: i % 100 for i in range(24 * 400)}
        db.executemany("INSERT INTO reading_hour VALUES (?, ?, ?, ?, ?, 10, 0)",
                       [(boiler, h * US, v - 1, v + 1, v * 10) for h, v in self.hours.items()])
        self.fill_alerts(db, boiler, room)
        db.execute("INSERT INTO run (id, version, started_at, commits) VALUES (1, '0.1.0', 0, 5), (2, '0.1.0', 1, 9)")
        db.execute("INSERT INTO ledger VALUES (1, 'boiler', 'accepted', 5), (2, 'boiler', 'accepted', 180),"
                   " (2, 'boiler', 'committed', 178), (2, 'boiler', 'queue_full', 2)")
        db.commit()
        db.close()

    def fill_alerts(self, db, boiler, room):
        alerts = [(1, boiler, "hot", "warning", "cleared", 80, 75, 100, 160), (2, boiler, "hot", "critical", "raised", 90,
                  75, 300, None), (3, boiler, "hot", "warning", "cleared", 81, 75, 400, 420),
                  (4, room, "silent", "warning", "acknowledged", None, None, 500, None)]
        for ident, sensor, rule, severity, state, value, limit, raised, cleared in alerts:
            db.execute("INSERT INTO alert (id, sensor_id, rule, severity, state, value, limit_value, raised_at, changed_at,"
                       " cleared_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       (ident, sensor, rule, severity, state, value, limit, raised * US, raised * US,
                        cleared and cleared * US))
        events = [(1, "raised", 1, None, None), (1, "cleared", 2, None, None), (2, "raised", None, None, None),
                  (4, "raised", None, 9, 135)]
        for alert, state, published, failed, code in events:
            db.execute("INSERT INTO alert_event (alert_id, time, state, severity, published_at, failed_at, reason_code)"
                       " VALUES (?, 1, ?, 'warning', ?, ?, ?)", (alert, state, published, failed, code))

    def ask(self, sql):
        done = subprocess.run(["sqlite3", "-readonly", self.gateway_.database, sql], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), sql)
        return [line.split("|") for line in done.stdout.splitlines()]

    def check_now(self, rows):
        self.assertEqual([r[:4] for r in rows], [["attic/t", "", "°C", ""], ["boiler/flow_temp", "20.0", "°C", "good"],
                                                 ["room/t", "", "°C", "timeout"]])
        self.assertTrue(0 < float(rows[1][4]) < 300, rows)

    def check_last_ten(self, rows):
        self.assertEqual(rows, [[iso(t), str(float(v)), "good"] for t, v in self.readings[:10]])

    def check_silent(self, rows):
        self.assertEqual([r[0] for r in rows], ["attic/t", "room/t"])

    def check_active(self, rows):
        self.assertEqual([r[:6] for r in rows],
                         [["boiler/flow_temp", "hot", "critical", "90.0", "75.0", "°C"],
                          ["room/t", "silent", "warning", "", "", "°C"]])
        self.assertEqual(rows[0][6], "1970-01-01T00:05:00.000Z")

    def check_rules(self, rows):
        self.assertEqual(rows, [["hot", "3", "40.0"], ["silent", "1", ""]])

    def check_hours(self, rows):
        self.assertIn(len(rows), (24, 25))
        for hour, least, average, greatest in rows:
            value = next(v for h, v in self.hours.items() if iso(h, "%Y-%m-%dT%H:00Z") == hour)
            self.assertEqual((float(least), float(average), float(greatest)), (value - 1, value, value + 1))

    def check_days(self, rows):
        self.assertIn(len(rows), (365, 366))
        days = {}
        for hour, value in self.hours.items():
            day = iso(hour, "%Y-%m-%d")
            days[day] = max(days.get(day, 0), value + 1)
        for day, greatest in rows[1:]:  # the first one is cut by the hour
            self.assertEqual(float(greatest), days[day], day)

    def check_reliability(self, rows):
        self.assertIn(rows, [[["room/t", "40", "75.0"], ["boiler/flow_temp", str(n), "100.0"]] for n in (59, 60)])

    def check_outbox(self, rows):
        self.assertEqual([r[1:] for r in rows],
                         [["boiler/flow_temp", "hot", "raised", ""], ["room/t", "silent", "raised", "135"]])

    def check_losses(self, rows):
        self.assertEqual(rows, [["boiler", "accepted", "180"], ["boiler", "committed", "178"],
                                ["boiler", "queue_full", "2"]])

    def test_every_question_has_the_right_answer(self):
        checks = [("read now", self.check_now), ("last ten", self.check_last_ten), ("silent", self.check_silent),
                  ("wrong at this moment", self.check_active), ("each rule fired", self.check_rules),
                  ("each hour", self.check_hours), ("day's maximum", self.check_days),
                  ("reliable", self.check_reliability), ("not taken yet", self.check_outbox),
                  ("lost in this run", self.check_losses)]
        with open(PAGE, encoding="utf-8") as f:
            questions = re.findall(r"^([^\n]+)\n```sql\n(.*?)```", f.read(), re.M | re.S)
        for question, sql in questions:
            check = [c for words, c in checks if words in question]
            self.assertEqual(len(check), 1, f"no check, or more than one, belongs to: {question}")
            with self.subTest(question):
                check[0](self.ask(sql))
        self.assertEqual(len(questions), 10)


if __name__ == "__main__":
    main()
