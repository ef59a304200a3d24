# SPDX-License-Identifier: Apache-2.0
"""Looking into the database with the sqlite3 shell, while the gateway writes and after it has stopped."""
import subprocess

from harness import PATIENCE, main
from load import LoadTest


class SqliteLive(LoadTest):
    def shell(self, gateway, sql, *options):
        done = subprocess.run(["sqlite3", *options, gateway.database, sql], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def look(self, gateway, *options):
        latest = self.shell(gateway, "SELECT sensor, value, unit, quality, time, age_s FROM latest", *options)
        self.assertIn("plant/r1000|1000", "\n".join(latest))
        row = self.shell(gateway, "SELECT time, quality FROM readings WHERE sensor = 'plant/r1000' LIMIT 1", *options)[0]
        self.assertRegex(row, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\|good$")
        self.shell(gateway, "SELECT * FROM active_alerts", *options)
        self.assertEqual(self.shell(gateway, "PRAGMA quick_check", *options), ["ok"])
        return int(self.shell(gateway, "SELECT count(*) FROM reading", *options)[0])

    def test_the_shell_reads_while_the_gateway_writes(self):
        _, gateway = self.load()
        self.wait_for("readings", lambda: gateway.count() > 1000 and gateway.latest("plant/r1000"))
        before = 0
        for options in (["-readonly"], []) * 5:
            rows = self.look(gateway, *options)
            self.assertGreaterEqual(rows, before)
            before = rows
        self.wait_for("it writes on", lambda: gateway.count() > before)
        summary = gateway.stop()
        self.check_books(gateway, summary)
        self.assertEqual(self.look(gateway, "-readonly"), summary["committed"])

    def test_a_reader_that_holds_on_does_not_stop_the_gateway(self):
        _, gateway = self.load()
        self.wait_for("readings", lambda: gateway.count() > 100)
        shell = subprocess.Popen(["sqlite3", "-readonly", gateway.database], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.stdout.close)
        self.addCleanup(shell.stdin.close)
        self.addCleanup(shell.kill)

        def ask(sql):
            shell.stdin.write(sql + "\n")
            shell.stdin.flush()
            return shell.stdout.readline().strip()
        held = ask("BEGIN; SELECT count(*) FROM reading;")
        self.wait_for("it writes on", lambda: gateway.count() > int(held) + 500)
        self.assertEqual(ask("SELECT count(*) FROM reading;"), held)
        self.check_books(gateway, gateway.stop(within=20))


if __name__ == "__main__":
    main()
