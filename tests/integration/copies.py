# SPDX-License-Identifier: Apache-2.0
"""What the tests of exports and backups share."""
import os
import sqlite3
import subprocess

from harness import PATIENCE
from load import LoadTest
from processes import SENSORGW, environment


class CopyTest(LoadTest):
    def sensorgw(self, gateway, *arguments, status=0):
        done = subprocess.run([SENSORGW, *arguments, "--database", gateway.database], capture_output=True,
                              timeout=PATIENCE * 3, env=environment(), check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout.decode("utf-8"), done.stderr.decode("utf-8")

    def open(self, path):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.addCleanup(db.close)
        return db

    def check_copy(self, path):
        """Sound, of the right version, and every reading that its ledger counts is in it."""
        self.check_database(path)
        db = self.open(path)
        committed, = db.execute("SELECT sum(readings) FROM ledger WHERE what = 'committed'").fetchone()
        readings, = db.execute("SELECT count(*) FROM reading").fetchone()
        self.assertEqual(readings, committed)
        orphans, = db.execute("SELECT count(*) FROM reading WHERE sensor_id NOT IN (SELECT id FROM sensor)").fetchone()
        lost, = db.execute("SELECT count(*) FROM alert_event WHERE alert_id NOT IN (SELECT id FROM alert)").fetchone()
        late, = db.execute("SELECT count(*) FROM sensor_latest l WHERE NOT EXISTS (SELECT 1 FROM reading r"
                           " WHERE (r.time, r.sensor_id) = (l.time, l.sensor_id))").fetchone()
        self.assertEqual((orphans, lost, late), (0, 0, 0))
        return readings

    def no_parts(self):
        self.assertEqual([n for n in os.listdir(self.folder) if ".part-" in n], [])

    def big_database(self):
        """A stopped gateway's file with half a million readings."""
        _, source = self.file_source()
        gateway = self.gateway([source])
        self.wait_for("a value", lambda: gateway.latest("room/t"))
        gateway.stop()
        db = sqlite3.connect(gateway.database)
        db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000)"
                   " INSERT INTO reading SELECT 1600000000000000 + i * 1000, 1, i / 7.0, 0 FROM n")
        db.commit()
        db.close()
        return gateway
