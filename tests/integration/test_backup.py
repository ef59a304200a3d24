# SPDX-License-Identifier: Apache-2.0
"""Backups while the gateway is under load: consistent with its ledger, and good to go on from."""
import os

from copies import CopyTest
from harness import main

WAL_LIMIT = 8 * 1024 * 1024  # twice the gateway's own limit


class Backup(CopyTest):
    def test_backups_under_load_are_consistent_with_the_ledger(self):
        _, gateway = self.load()
        self.wait_for("readings", lambda: gateway.count() > 2000)
        for i in range(3):
            before = gateway.count()
            out, _ = self.sensorgw(gateway, "backup", self.path(f"copy{i}.db"))
            self.assertIn("verified", out)
            self.assertGreaterEqual(self.check_copy(self.path(f"copy{i}.db")), before)
            self.wait_for("it writes on", lambda: gateway.count() > before + 100)
        # It may have grown for as long as a copy took, and is cut when the gateway begins it anew.
        self.wait_for("a short log", lambda: os.path.getsize(gateway.database + "-wal") < WAL_LIMIT)
        self.check_books(gateway, gateway.stop())
        out, _ = self.sensorgw(gateway, "backup", self.path("end.db"))
        self.assertEqual(self.check_copy(self.path("end.db")), gateway.count())
        self.assertIn(f"end.db: {gateway.count()} readings, verified", out)
        self.no_parts()

    def test_a_gateway_goes_on_from_a_backup(self):
        _, gateway = self.load()
        self.wait_for("readings", lambda: gateway.count() > 1000)
        self.sensorgw(gateway, "backup", self.path("copy.db"))
        gateway.stop()
        for end in ("", "-wal", "-shm"):
            if os.path.exists(gateway.database + end):
                os.unlink(gateway.database + end)
        os.rename(self.path("copy.db"), gateway.database)
        before = gateway.count()
        gateway.start()
        self.wait_for("new readings", lambda: gateway.count() > before + 500)
        gateway.stop()
        self.check_copy(gateway.database)

    def test_verify_tells_sound_from_damaged(self):
        gateway = self.big_database()
        out, _ = self.sensorgw(gateway, "verify")
        self.assertIn("is sound", out)
        with open(gateway.database, "r+b") as f:
            f.seek(os.path.getsize(gateway.database) // 2 // 4096 * 4096)
            f.write(b"\xa5" * 4096)
        for options in ((), ("--quick",)):
            out, _ = self.sensorgw(gateway, "verify", *options, status=1)
            self.assertIn("is DAMAGED", out)
        _, err = self.sensorgw(gateway, "backup", self.path("bad.db"), status=1)
        self.assertIn("no backup", err)
        self.no_parts()


if __name__ == "__main__":
    main()
