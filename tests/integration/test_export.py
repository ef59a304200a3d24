# SPDX-License-Identifier: Apache-2.0
"""Exports while the gateway is under load: complete, and no burden to it."""
import csv
import io
import json
import os
import signal
import sqlite3
import subprocess

from copies import CopyTest
from harness import PATIENCE, main
from processes import SENSORGW, environment


class Export(CopyTest):
    def test_rows_are_those_that_sql_gives(self):
        _, gateway = self.load()
        self.wait_for("alerts, and readings of all sources", lambda: gateway.rows("SELECT 1 FROM alert") and gateway.value(
            "SELECT count(DISTINCT source) FROM sensor") == 3)
        before = gateway.count()
        out, _ = self.sensorgw(gateway, "export")
        self.assertGreaterEqual(out.count("\r\n"), before + 1)
        gateway.stop()
        sql = gateway.rows("SELECT time, sensor, value, unit, quality FROM readings ORDER BY time_us, sensor")
        out, _ = self.sensorgw(gateway, "export", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(out, newline="")))
        self.assertEqual(len(rows), len(sql))
        got = sorted((r["time"][:23] + "Z", r["sensor"], float(r["value"]) if r["value"] else None, r["unit"],
                      r["quality"]) for r in rows)
        self.assertEqual(got, sorted(sql))
        _, told = self.sensorgw(gateway, "export", "*/seq", "-o", self.path("some.jsonl"))
        with open(self.path("some.jsonl"), encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        wanted = [row for row in sql if row[1].endswith("/seq")]
        self.assertTrue(wanted)
        self.assertEqual(len(lines), len(wanted))
        self.assertIn(f"some.jsonl: {len(wanted)} readings", told)
        self.assertEqual({(r["sensor"], r["value"]) for r in lines}, {(r[1], r[2]) for r in wanted})

    def test_a_span_of_the_database_is_a_database(self):
        _, gateway = self.load()
        self.wait_for("three seconds", lambda: gateway.value("SELECT max(time) - min(time) > 3000000 FROM reading"))
        first, last = gateway.rows("SELECT min(time), max(time) FROM reading")[0]
        middle = (first + last) // 2 // 1000000

        def counts():
            """Of readings in the span, and of sensors: a busy machine may store some of them late."""
            return gateway.rows("SELECT (SELECT count(*) FROM reading WHERE time < ?), (SELECT count(*) FROM sensor)",
                                middle * 1000000)[0]
        before = counts()
        _, told = self.sensorgw(gateway, "export", "-o", self.path("half.db"), "--until",
                                gateway.value("SELECT strftime('%Y-%m-%dT%H:%M:%SZ', ?, 'unixepoch')", middle))
        after = counts()
        gateway.stop()
        self.check_database(self.path("half.db"))
        db = self.open(self.path("half.db"))
        readings, is_older = db.execute("SELECT count(*), max(time) < ? FROM reading", (middle * 1000000,)).fetchone()
        self.assertTrue(before[0] <= readings <= after[0] and is_older, (before, readings, after))
        self.assertIn(f"half.db: {readings} readings", told)
        out = subprocess.run([SENSORGW, "sensors", "--json", "--database", self.path("half.db")], capture_output=True,
                             check=True, env=environment()).stdout
        self.assertTrue(before[1] <= len(json.loads(out)) <= after[1], (before, out, after))

    def test_what_is_interrupted_leaves_nothing(self):
        gateway = self.big_database()
        for name, arguments in (("x.csv", ["export", "-o"]), ("x.db", ["export", "-o"]), ("y.db", ["backup"])):
            for _ in range(5):
                status, err = self.interrupt(gateway, self.path(name), arguments)
                self.no_parts()
                if status != 0:
                    break
                os.unlink(self.path(name))  # done before the signal came
            self.assertEqual(status, -signal.SIGINT, err)
            self.assertIn(b"interrupted", err)
            self.assertFalse(os.path.exists(self.path(name)))

    def interrupt(self, gateway, path, arguments):
        """In the middle, unless it is quicker: its status, and what it says."""
        process = subprocess.Popen([SENSORGW, arguments[0], "--database", gateway.database, *arguments[1:], path],
                                   stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
        self.wait_for("it has begun", lambda: process.poll() is not None or [
            n for n in os.listdir(self.folder) if ".part-" in n])
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        return process.returncode, err

    def test_a_reader_that_does_not_read_holds_up_nothing(self):
        _, gateway = self.load()
        self.wait_for("readings", lambda: gateway.count() > 12000)
        process = subprocess.Popen([SENSORGW, "export", "--database", gateway.database], stdout=subprocess.PIPE,
                                   env=environment())
        process.stdout.read(100)  # and no more: the pipe is full, the export waits
        before = gateway.count()
        self.wait_for("it writes on", lambda: gateway.count() > before + 2000)
        db = sqlite3.connect(gateway.database, timeout=PATIENCE)
        busy, pages, done = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        db.close()
        self.assertEqual((busy, pages), (0, done))  # nobody holds an old state
        process.stdout.close()
        process.kill()
        process.wait(PATIENCE)
        gateway.stop()

    def test_files_are_not_replaced_unless_told_so(self):
        _, source = self.file_source()
        gateway = self.gateway([source])
        self.wait_for("a value", lambda: gateway.latest("room/t"))
        self.write(self.path("old"), "precious")
        for arguments in (["export", "-f", "csv", "-o"], ["export", "-f", "db", "-o"], ["backup"]):
            _, err = self.sensorgw(gateway, *arguments, self.path("old"), status=1)
            self.assertIn("exists already: --force", err)
            _, err = self.sensorgw(gateway, *arguments, gateway.database, "--force", status=1)
            self.assertIn("is the database itself", err)
            _, err = self.sensorgw(gateway, *arguments, self.folder, "--force", status=1)
            self.assertIn("is a folder", err)
            _, err = self.sensorgw(gateway, *arguments, self.path("no/folder/x"), status=1)
            self.assertIn("No such file or directory", err)
        with open(self.path("old"), encoding="utf-8") as f:
            self.assertEqual(f.read(), "precious\n")
        self.sensorgw(gateway, "backup", self.path("old"), "--force")
        self.check_database(self.path("old"))
        for name, pattern, status, why in (("x.csv", "nosuch*", 1, "no sensor is named like 'nosuch*'"),
                                           ("x.csv", "room/u", 1, "did you mean 'room/t'?"),
                                           ("x.xlsx", "room/*", 2, "'.xlsx': csv, json")):
            _, err = self.sensorgw(gateway, "export", pattern, "-o", self.path(name), status=status)
            self.assertIn(why, err)
            self.assertFalse(os.path.exists(self.path(name)))
        for name, begin in (("x.txt", "time,"), ("report-31.01.2026", "time,"), ("X.JSONL", '{"')):
            self.sensorgw(gateway, "export", "-o", self.path(name))
            with open(self.path(name), encoding="utf-8") as f:
                self.assertTrue(f.read().startswith(begin), name)
        _, err = self.sensorgw(gateway, "export", "-f", "db", status=2)
        self.assertIn("-o", err)
        gateway.stop()
        self.no_parts()


if __name__ == "__main__":
    main()
