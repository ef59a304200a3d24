# SPDX-License-Identifier: Apache-2.0
"""SIGTERM under full load: ends in time, and nothing that was accepted is missing."""
import signal
import subprocess

from harness import PATIENCE, main
from load import LoadTest
from processes import SENSORGW, environment


class Shutdown(LoadTest):
    def test_sigterm_under_load_commits_all_that_was_accepted(self):
        _, gateway = self.load(storage={"flush": "5s"})
        self.wait_for("load", lambda: gateway.count() > 3000)
        summary = gateway.stop(within=5)
        self.assertEqual(sum(summary["dropped"].values()), summary["dropped"]["shutdown"])
        self.assertTrue(all(s["committed"] for s in summary["sources"].values()), summary["sources"])
        self.check_books(gateway, summary)
        self.assertIn("stopped after", gateway.process.output())

    def test_sigint_ends_it_as_well(self):
        _, gateway = self.load()
        self.wait_for("load", lambda: gateway.count() > 500)
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
        summary = gateway.stop(within=5)
        self.check_books(gateway, summary)

    def test_a_second_gateway_on_the_same_database_is_refused(self):
        _, gateway = self.load()
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


if __name__ == "__main__":
    main()
