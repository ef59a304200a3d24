# SPDX-License-Identifier: Apache-2.0
"""kill -9 under load, again and again: the database opens without repair, and loses at most one flush.

SENSORGW_KILLS sets how often: 10 unless told, 100 with SENSORGW_SLOW=1."""
import os
import random
import time

from harness import main
from load import LoadTest

KILLS = int(os.environ.get("SENSORGW_KILLS", "100" if os.environ.get("SENSORGW_SLOW") else "10"))
FLUSH = 0.2  # seconds


class Kill(LoadTest):
    def test_every_kill_leaves_a_whole_database_that_misses_at_most_one_flush(self):
        rng = random.Random(1)  # the same pauses in every run
        _, gateway = self.load(storage={"flush": f"{int(FLUSH * 1000)}ms"})
        rows, lost = 0, []
        for _ in range(KILLS):
            self.wait_for("readings of this run", lambda: gateway.count() > rows + 200)
            time.sleep(rng.uniform(0, 2 * FLUSH))
            seen = gateway.count()
            killed = time.time()
            gateway.kill()
            rows = gateway.count()
            self.assertGreaterEqual(rows, seen, "what was committed stays")
            self.check_database(gateway.database)
            # The books of all runs, each as of its last commit: the law holds at every moment.
            self.assertEqual(gateway.value("SELECT sum(readings) FROM ledger WHERE what = 'committed'"), rows)
            lost.append(killed - gateway.value("SELECT max(time) FROM reading") / 1e6)
            half = gateway.value("SELECT count(*) FROM alert_event e LEFT JOIN alert a ON a.id = e.alert_id "
                                 "WHERE a.id IS NULL")
            self.assertEqual(half, 0, "no transition without its alert")
            gateway.start()
        self.wait_for("readings of the last run", lambda: gateway.count() > rows)
        # One flush, and the commit that was being written; the rest is for a machine that is busy. One that halts the
        # writer makes a kill or two lose more, but not most of them.
        self.assertLess(sorted(lost)[KILLS // 2], FLUSH + 2, lost)
        summary = gateway.stop()
        self.assertEqual(gateway.count(), summary["committed"] + rows)


if __name__ == "__main__":
    main()
