# SPDX-License-Identifier: Apache-2.0
"""SIGTERM under full load: ends in time, and nothing that was accepted is missing."""
import os
import random
import signal
import subprocess
import time

from harness import PATIENCE, main
from load import LoadTest
from processes import SENSORGW, environment

IN_TIME = 20  # seconds: the unit's TimeoutStopSec is 30


class Shutdown(LoadTest):
    def test_sigterm_under_load_commits_all_that_was_accepted(self):
        _, gateway = self.load(storage={"flush": "5s"})
        self.wait_for("load from all sides", lambda: gateway.count() > 3000 and gateway.value(
            "SELECT count(DISTINCT source) FROM sensor") == 3)
        summary = gateway.stop(within=IN_TIME)
        self.assertEqual(sum(summary["dropped"].values()), summary["dropped"]["shutdown"])
        self.assertTrue(all(s["committed"] for s in summary["sources"].values()), summary["sources"])
        self.check_books(gateway, summary)
        self.assertIn("stopped after", gateway.process.output())

    def test_sigint_ends_it_as_well(self):
        gateway = self.gateway([self.file_source()[1]])
        self.wait_for("readings", lambda: gateway.count() > 5)
        gateway.process.signal(signal.SIGINT)
        self.assertEqual(gateway.process.wait(), 0, gateway.process.output())

    def test_it_ends_while_the_broker_and_the_slave_hang(self):
        broker = self.broker()
        simulator = self.simulator("--tcp", "0")
        gateway = self.gateway(
            [{"name": "bus", "driver": "modbus", "address": f"127.0.0.1:{simulator.served['tcp']}", "every": "20ms",
              "timeout": "1s", "devices": [{"name": "d", "unit_id": 1, "sensors": [{"name": "r", "holding": 1}]}]}],
            broker=broker)
        self.wait_for("readings", lambda: gateway.count() > 5)
        broker.signal(signal.SIGSTOP)
        simulator.signal(signal.SIGSTOP)
        summary = gateway.stop(within=IN_TIME)
        self.check_books(gateway, summary)

    def test_sigterm_at_any_moment_whatever_the_broker_does(self):
        """The unit's TimeoutStopSec is not needed, nothing is in flight, and the books are closed."""
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", end=" ", flush=True)
        chance = random.Random(seed)
        for i in range(24 if os.environ.get("SENSORGW_SLOW") else 4):
            broker = self.broker()
            gateway = self.gateway([self.file_source(f"room{k}", every="10ms")[1] for k in range(30)],
                                   [{"name": "high", "sensor": "*", "high": {"warning": 10}}], broker, name=f"gw{i}",
                                   storage={"flush": "5s"})
            time.sleep(chance.uniform(0, 0.8))  # a moment at random, the start included
            broker.signal(chance.choice([signal.SIGSTOP, signal.SIGKILL, signal.SIGCONT]))
            time.sleep(chance.uniform(0, 0.5))
            summary = gateway.stop(within=IN_TIME)
            broker.stop()
            self.check_books(gateway, summary)

    def test_a_second_gateway_on_the_same_database_is_refused(self):
        gateway = self.gateway([self.file_source()[1]])
        message = gateway.cli("run", status=75)
        self.assertIn(gateway.database, message)
        self.check_books(gateway, gateway.stop())

    def test_a_closed_output_does_not_end_it(self):
        _, source = self.file_source()
        gateway = self.gateway([source], start=False)
        child = subprocess.Popen([SENSORGW, "-c", gateway.config_path, "run"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment())
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.wait_for("readings", lambda: gateway.count() > 5)
        child.stdout.close()
        rows = gateway.count()
        self.write(self.path("room.txt"), "no number")
        self.wait_for("it goes on", lambda: gateway.count() > rows + 5)
        child.terminate()
        self.assertEqual(child.wait(PATIENCE), 0)

    def test_standard_files_that_are_closed_at_the_start(self):
        """Else the log would go into whatever file or port is opened in their place."""
        _, source = self.file_source()
        gateway = self.gateway([source], broker=self.broker(), start=False)
        gateway.prefix = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        gateway.start()
        self.wait_for("readings", lambda: gateway.count() > 5)
        fds = f"/proc/{gateway.process.pid}/fd"
        self.assertEqual([os.readlink(f"{fds}/{fd}") for fd in range(3)], ["/dev/null"] * 3)
        os.unlink(self.path("room.txt"))  # something to say
        self.wait_for("what it says", lambda: "cannot read" in str(gateway.control("log")))
        self.write(self.path("room.txt"), "21")
        self.wait_for("it goes on", lambda: gateway.latest("room/t") == (21, "good"))
        self.check_books(gateway, gateway.stop())

    def test_a_log_that_nobody_reads_any_more_raises_no_signal(self):
        _, source = self.file_source()
        gateway = self.gateway([source], start=False)
        read, write = os.pipe()
        child = subprocess.Popen([SENSORGW, "-c", gateway.config_path, "run"], stdin=subprocess.DEVNULL,
                                 stdout=write, stderr=write, env=environment())
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        os.close(write)
        os.close(read)  # before the first line
        self.wait_for("readings", lambda: gateway.count() > 5)
        child.terminate()
        self.assertEqual(child.wait(PATIENCE), 0)
        self.check_database(gateway.database)


if __name__ == "__main__":
    main()
