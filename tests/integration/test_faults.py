# SPDX-License-Identifier: Apache-2.0
"""What can happen to the database, its file, its disk and its folder while the whole gateway runs on it. In every case
the books close: accepted = committed + dropped, and what is committed is in the table.

SENSORGW_SLOW=1 holds faults for a minute that otherwise last for seconds."""
import glob
import os
import signal
import socket
import sqlite3
import time
import unittest

from harness import PATIENCE, SANITIZE, GatewayTest, Process, main
from mount import Mount, can_mount

SHIM = os.environ.get("SENSORGW_SHIM", "")
LONG = 60 if os.environ.get("SENSORGW_SLOW") else 4  # seconds
HOT = {"name": "hot", "sensor": "room/t", "high": {"warning": 75}}
needs_shim = unittest.skipIf(SANITIZE or not SHIM, "a sanitizer's own library must be loaded first")


class FaultTest(GatewayTest):
    def polled(self, prefix=(), rules=(HOT,), broker=None, start=True, every="20ms", **sections):
        self.value_path, source = self.file_source(every=every)
        gateway = self.gateway([source], list(rules), broker, start=False, **sections)
        gateway.prefix = list(prefix)
        return gateway.start() if start else gateway

    def shim(self, **variables):
        return ["env", f"LD_PRELOAD={SHIM}", *(f"{k}={v}" for k, v in variables.items())]

    def stores_on(self, gateway):
        rows = gateway.count()
        self.wait_for("storing goes on", lambda: gateway.count() > rows + 10)

    def fails(self, gateway):
        before = gateway.process.output().count("could not be stored")
        self.wait_for("a commit that fails", lambda: gateway.process.output().count("could not be stored") > before)

    def ends_with(self, gateway, status, *texts):
        """It does not start; says why in the log, on one line that has all the texts."""
        gateway.process = Process([*gateway.prefix, os.environ.get("SENSORGW", "sensorgw"), "-c", gateway.config_path,
                                   "run"], self.path(f"ends-{time.monotonic_ns()}.log"))
        self.assertEqual(gateway.process.wait(), status, gateway.process.output())
        lines = [line for line in gateway.process.output().splitlines() if all(t in line for t in texts)]
        self.assertTrue(lines, gateway.process.output())

    def assert_closed(self, summary):
        """The law, when the table has lost rows together with its file."""
        self.assertEqual(summary["accepted"], summary["committed"] + sum(summary["dropped"].values()), summary)
        self.assertEqual(summary["in_flight"], 0)


class Disk(FaultTest):
    disk = None

    def mount(self, size):
        if not can_mount():
            self.skipTest("mount namespaces are not permitted here")
        os.mkdir(self.path("disk"))
        self.disk = self.kept(Mount(self.path("disk"), size))
        return self.disk

    def start_on(self, disk, gateway):
        gateway.prefix = disk.enter
        gateway.rows = lambda sql, *arguments: disk.rows(gateway.database, sql, *arguments)
        gateway.start()

    def check_database(self, path):
        if self.disk:
            self.assertEqual(self.disk.rows(path, "PRAGMA integrity_check"), [("ok",)])
        else:
            super().check_database(path)

    def alerts_flow(self, subscriber, seconds):
        """For that long and at least once each way, what happens to the sensor is told."""
        until, told = time.monotonic() + seconds, len(subscriber.alerts())
        while time.monotonic() < until or told < 3:
            hot = told % 2 == 0
            self.write(self.value_path, "80" if hot else "20")
            self.wait_for("the next alert", lambda n=told: len(subscriber.alerts()) > n)
            told += 1
            self.assertEqual([a["state"] for a in subscriber.alerts()], (["raised", "cleared"] * told)[:told])
            time.sleep(1)
        print(f"\n{told} transitions told while the disk was full", flush=True)

    def test_a_full_disk_keeps_alerts_flowing_and_counts_what_is_dropped(self):
        disk, broker = self.mount(40 << 20), self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        simulator = self.simulator("--mqtt", broker.address, "--mqtt-sensors", "100", "--mqtt-every", "0")
        self.value_path, source = self.file_source(every="20ms")
        gateway = self.gateway([source, {"name": "m", "driver": "mqtt", "topic": "sim/+/telemetry",
                                         "sensors": [{"name": "{1}/t", "value": "/temperature"}]}], [HOT], broker,
                               start=False, storage={"path": self.path("disk/gw.db"), "flush": "200ms"})
        self.start_on(disk, gateway)
        self.wait_for("readings", lambda: gateway.count() > 20)
        disk.fill(leave=1 << 20)
        self.wait_for("it stops storing", lambda: "no readings are stored any more" in gateway.process.output())
        rows = gateway.count()
        self.write(self.value_path, "80")
        alert = self.wait_for("the alert", subscriber.alerts)[0]
        self.assertEqual((alert["state"], alert["value"]), ("raised", 80))
        self.wait_for("which is stored", lambda: gateway.rows("SELECT state FROM alert") == [("raised",)])
        simulator.ask("burst 40000")  # more than memory is meant to hold
        self.wait_for("readings that are dropped", lambda: "no room on the disk" in gateway.process.output())
        self.alerts_flow(subscriber, LONG)
        self.assertLess(gateway.count(), rows + 30)
        disk.empty()
        self.stores_on(gateway)
        summary = gateway.stop()
        self.assertGreater(summary["dropped"]["disk_full"], 0)
        self.assertEqual(sum(summary["dropped"].values()), summary["dropped"]["disk_full"])
        self.check_books(gateway, summary)

    def test_a_disk_without_a_single_block_is_survived_too(self):
        disk = self.mount(8 << 20)
        gateway = self.polled(storage={"path": self.path("disk/gw.db"), "min_free": 0}, start=False)
        self.start_on(disk, gateway)
        self.wait_for("readings", lambda: gateway.count() > 20)
        disk.fill(leave=0)
        self.fails(gateway)
        disk.empty()
        self.stores_on(gateway)
        self.check_books(gateway, gateway.stop())

    def test_a_read_only_file_system_is_a_clear_error_at_start(self):
        disk = self.mount(8 << 20)
        disk.remount("ro")
        gateway = self.polled(prefix=disk.enter, storage={"path": self.path("disk/gw.db")}, start=False)
        self.ends_with(gateway, 78, self.path("disk"), "Read-only file system")

    @needs_shim
    def test_a_file_system_that_becomes_read_only_is_degraded_until_it_is_mended(self):
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        gateway = self.polled(self.shim(SHIM_WRITE=self.path("fault")), broker=broker)
        self.wait_for("readings", lambda: gateway.count() > 20)
        self.write(self.path("fault"), "")
        self.fails(gateway)
        self.write(self.value_path, "80")
        self.assertFalse(self.wait_for("the alert", subscriber.alerts)[0]["durable"])
        time.sleep(LONG)
        os.unlink(self.path("fault"))
        self.stores_on(gateway)
        summary = gateway.stop()
        self.assertEqual(summary["dropped"]["store_failed"], 0)
        self.check_books(gateway, summary)

    @needs_shim
    def test_syncs_that_fail_lose_nothing(self):
        gateway = self.polled(self.shim(SHIM_SYNC=self.path("fault")))
        for _ in range(3):
            self.wait_for("readings", lambda: gateway.count() > 20)
            self.write(self.path("fault"), "")
            self.fails(gateway)
            os.unlink(self.path("fault"))
            self.stores_on(gateway)
        summary = gateway.stop()
        self.assertEqual(sum(summary["dropped"].values()), 0)
        self.check_books(gateway, summary)


class Database(FaultTest):
    def test_a_locked_database_costs_nothing_while_memory_holds(self):
        gateway = self.polled()
        self.wait_for("readings", lambda: gateway.count() > 20)
        db = sqlite3.connect(gateway.database, isolation_level=None, timeout=PATIENCE)
        self.addCleanup(db.close)
        db.execute("BEGIN IMMEDIATE")
        self.fails(gateway)
        time.sleep(LONG)
        db.execute("ROLLBACK")
        self.stores_on(gateway)
        summary = gateway.stop()
        self.assertEqual(sum(summary["dropped"].values()), 0)
        self.check_books(gateway, summary)

    def corrupt_files(self, gateway):
        return [f for f in glob.glob(gateway.database + ".corrupt-*Z")]

    def test_garbage_for_a_header_is_set_aside_at_start(self):
        gateway = self.polled()
        self.wait_for("readings", lambda: gateway.count() > 20)
        gateway.stop()
        with open(gateway.database, "r+b") as f:
            f.write(os.urandom(100))
        gateway.start()
        self.stores_on(gateway)
        self.assertEqual(len(self.corrupt_files(gateway)), 1)
        self.check_books(gateway, gateway.stop())

    def test_pages_that_are_damaged_while_it_runs_cost_the_history_only(self):
        gateway = self.polled(storage={"flush": "100ms"})
        self.wait_for("readings", lambda: gateway.count() > 100)
        db = sqlite3.connect(gateway.database, isolation_level=None, timeout=PATIENCE)
        self.assertEqual(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], 0)
        db.close()
        with open(gateway.database, "r+b") as f:
            size = os.path.getsize(gateway.database)
            for page in range(1, size // 4096):
                f.seek(page * 4096)
                f.write(os.urandom(4096))
        # It is noticed as soon as SQLite reads a page again, and at the latest when the log is written back.
        gateway.kill()
        gateway.start()
        self.wait_for("it is set aside", lambda: self.corrupt_files(gateway))
        self.stores_on(gateway)
        damaged, = self.corrupt_files(gateway)
        db = sqlite3.connect(f"file:{damaged}?immutable=1", uri=True)
        with self.assertRaises(sqlite3.DatabaseError):
            db.execute("SELECT * FROM meta").fetchall()
        db.close()
        # The new one may be of the run before already.
        self.assert_closed(gateway.stop())
        self.check_database(gateway.database)
        self.assertEqual(gateway.count(), gateway.value("SELECT sum(readings) FROM ledger WHERE what = 'committed'"))

    def test_a_file_that_is_removed_is_begun_again(self):
        gateway = self.polled()
        self.wait_for("readings", lambda: gateway.count() > 20)
        for suffix in ("-wal", "-shm", ""):  # it is the last one's end that is noticed
            os.unlink(gateway.database + suffix)
        self.wait_for("a new file", lambda: os.path.exists(gateway.database))
        self.wait_for("readings in it", lambda: gateway.count() > 20)
        self.assertIn("removed or replaced", gateway.process.output())
        self.assert_closed(gateway.stop())

    def test_a_file_that_is_replaced_by_another_is_gone_on_with(self):
        other = self.polled(storage={"path": self.path("other.db")})
        self.wait_for("readings", lambda: other.count() > 20)
        before = other.stop()["committed"]
        gateway = self.polled()
        self.wait_for("readings", lambda: gateway.count() > 20)
        for suffix in ("-wal", "-shm"):
            os.unlink(gateway.database + suffix)
        os.rename(other.database, gateway.database)
        self.wait_for("it is noticed", lambda: "removed or replaced" in gateway.process.output())
        self.wait_for("readings in it", lambda: gateway.count() > before + 20)
        self.assert_closed(gateway.stop())
        self.check_database(gateway.database)


class Start(FaultTest):
    def test_a_folder_that_cannot_be_made_is_a_clear_error(self):
        self.write(self.path("file"), "not a folder")
        gateway = self.polled(storage={"path": self.path("file/gw.db")}, start=False)
        self.ends_with(gateway, 78, self.path("file"), "cannot create folder")

    def test_a_path_that_is_a_folder_is_a_clear_error(self):
        os.mkdir(self.path("gw.db"))
        gateway = self.polled(start=False)
        self.ends_with(gateway, 78, self.path("gw.db"))

    def test_a_database_of_another_program_is_left_alone(self):
        gateway = self.polled(start=False)
        db = sqlite3.connect(gateway.database)
        db.execute("CREATE TABLE photos (name)")
        db.close()
        with open(gateway.database, "rb") as f:
            before = f.read()
        self.ends_with(gateway, 78, gateway.database, "a SQLite file of another program", "choose another storage.path")
        with open(gateway.database, "rb") as f:
            self.assertEqual(f.read(), before)
        self.assertEqual(glob.glob(gateway.database + ".corrupt*"), [])

    def test_a_port_that_is_taken_is_told_with_a_way_out(self):
        """With the status of what may mend itself: the service manager goes on trying."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            gateway = self.polled(start=False, http={"listen": f"127.0.0.1:{port}"})
            self.ends_with(gateway, 75, f"cannot listen on 127.0.0.1 port {port}", "choose another http.listen")

    def test_a_broken_configuration_is_told_apart(self):
        gateway = self.polled(start=False)
        self.write(gateway.config_path, "sources: 5")
        self.ends_with(gateway, 78, "sources")

    @needs_shim
    def test_network_file_systems_are_refused(self):
        for kind, name in (("6969", "NFS"), ("ff534d42", "CIFS"), ("1021997", "9p"), ("65735546", "FUSE")):
            gateway = self.polled(self.shim(SHIM_STATFS=kind), start=False)
            self.ends_with(gateway, 78, self.folder, name)
            self.assertFalse(os.path.exists(gateway.database))

    def test_a_second_gateway_leaves_the_first_alone(self):
        first = self.polled()
        self.wait_for("readings", lambda: first.count() > 20)
        second = self.gateway([self.file_source(name="other")[1]], start=False, name="second",
                              storage={"path": first.database})
        self.ends_with(second, 75, "in use by another sensorgw", str(first.process.pid))
        self.stores_on(first)
        self.assertEqual(first.rows("SELECT name FROM sensor"), [("room/t",)])
        self.check_books(first, first.stop())


@needs_shim
class Clock(FaultTest):
    def set_offset(self, seconds):
        self.write(self.path("clock"), str(int(seconds)))

    def test_steps_of_the_clock_delete_nothing_and_change_no_pace(self):
        self.set_offset(0)
        gateway = self.polled(self.shim(SHIM_CLOCK=self.path("clock")), every="50ms",
                              storage={"retention": {"raw": "1h"}})
        for step in (0, -3600, 0, 86400, 86400 * 730, 0):
            self.set_offset(step)
            now = int((time.time() + step) * 1e6)
            times = self.wait_for(f"readings after {step} s", lambda n=now: (t := gateway.rows(
                "SELECT time FROM reading WHERE time BETWEEN ? AND ? ORDER BY time", n, n + 1000000000))[40:] and t)
            # By their own times, since one commit may bring many.
            self.assertGreater(times[40][0] - times[0][0], 1000000, "no burst: 40 periods of 50 ms")
        summary = gateway.stop()
        self.check_books(gateway, summary)  # count(*) is what was committed: nothing was deleted

    def test_a_machine_that_learns_the_time_late_dates_its_readings(self):
        begin = time.time()
        self.set_offset(100 - begin)  # 1970
        gateway = self.polled(self.shim(SHIM_CLOCK=self.path("clock")), broker=None)

        def waiting():
            return gateway.value("SELECT count(*) FROM reading_undated") or 0
        self.wait_for("readings that wait", lambda: waiting() > 20)
        gateway.kill()  # even a crash in between
        gateway.start()
        before = waiting()
        self.wait_for("more of them", lambda: waiting() > before + 20)
        self.assertEqual(gateway.count(), 0)
        self.set_offset(0)
        self.wait_for("all have their time", lambda: waiting() == 0 and gateway.count() > before + 40)
        self.assertIn("the clock is set", gateway.process.output())
        gateway.process.signal(signal.SIGTERM)
        self.assertEqual(gateway.process.wait(), 0)
        end = time.time()
        oldest, newest = gateway.rows("SELECT min(time) / 1e6, max(time) / 1e6 FROM reading")[0]
        self.assertGreater(oldest, begin - 1)
        self.assertLess(newest, end + 1)
        self.assertEqual(gateway.count(), gateway.value("SELECT sum(readings) FROM ledger WHERE what = 'committed'"))
        moved = gateway.rows("SELECT readings, shift / 1e6 FROM clock_wait ORDER BY run_id")
        self.assertEqual(len(moved), 2)
        for _, shift in moved:
            self.assertAlmostEqual(shift, begin - 100, delta=2)
        self.check_database(gateway.database)


if __name__ == "__main__":
    main()
