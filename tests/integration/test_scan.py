# SPDX-License-Identifier: Apache-2.0
"""sensorgw scan: a line of which nothing is known, and the stanza that it prints, run as it is."""
import subprocess

from harness import GatewayTest, main
from processes import SENSORGW, Gateway, environment


class Scan(GatewayTest):
    def scan(self, *arguments, status=0):
        done = subprocess.run([SENSORGW, "scan", *arguments], capture_output=True, text=True, timeout=240,
                              env=environment(), check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def run_stanza(self, stanza, sensors):
        gateway = Gateway(self.folder, f"http: off\nstorage: {{path: {self.path('gw.db')}, flush: 200ms}}\n{stanza}")
        self.addCleanup(lambda: gateway.process and gateway.process.stop())
        gateway.start()
        for sensor in sensors:
            self.wait_for(sensor, lambda s=sensor: (gateway.latest(s) or (0, ""))[1] == "good")
        gateway.stop()

    def test_three_units_at_an_unknown_speed(self):
        simulator = self.simulator("--rtu", self.path("bus"), "--units", "3", "--rtu-baud", "38400")
        stanza, said = self.scan(simulator.served["rtu"], "--units", "1-20", "-t", "50ms")
        self.assertIn("baud: 38400", stanza)
        self.assertEqual([line.split()[1] for line in said.splitlines()], ["1", "2", "3"])
        self.run_stanza(stanza, ["unit_1/holding_0", "unit_3/holding_0"])

    def test_units_that_are_only_found_by_the_long_way(self):
        simulator = self.simulator("--rtu", self.path("bus"), "--units", "30",
                                   *(f"--fault=unit{n}=mute" for n in range(1, 30)))
        stanza, _ = self.scan(simulator.served["rtu"], "-u", "1-31", "-b", "19200", "-p", "even", "-t", "20ms")
        self.assertEqual(stanza.count("unit_id"), 1)
        self.assertIn("unit_id: 30", stanza)

    def test_a_device_that_takes_any_number_over_tcp(self):
        simulator = self.simulator("--tcp", "0")
        stanza, said = self.scan(f"127.0.0.1:{simulator.served['tcp']}", "--units", "1-4")
        self.assertIn("Every unit answers", said)
        self.run_stanza(stanza, ["unit_1/holding_0", "unit_4/holding_0"])

    def test_nobody_there(self):
        simulator = self.simulator("--rtu", self.path("bus"), "--units", "1")
        _, said = self.scan(simulator.served["rtu"], "-u", "9-10", "-b", "9600", "-t", "20ms", status=1)
        self.assertIn("nobody answers", said)
        self.assertIn("No such file", self.scan(self.path("nowhere"), status=1)[1])
        self.assertIn("no unit or range", self.scan("host", "-u", "0-9", status=2)[1])


if __name__ == "__main__":
    main()
