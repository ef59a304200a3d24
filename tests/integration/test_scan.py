# SPDX-License-Identifier: Apache-2.0
"""sensorgw scan: a line of which nothing is known, and the stanza that it prints, run as it is."""
import signal
import subprocess
import time

from harness import GatewayTest, main
from processes import SENSORGW, Gateway, environment


class Scan(GatewayTest):
    def scan(self, *arguments, status=0):
        done = subprocess.run([SENSORGW, "scan", *arguments], capture_output=True, text=True, timeout=240,
                              env=environment(), check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def run_stanza(self, stanza, sensors):
        name = f"gw-{time.monotonic_ns()}"
        gateway = Gateway(self.folder, f"http: off\nstorage: {{path: {self.path(name)}.db, flush: 200ms}}\n{stanza}", name)
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

    def test_units_at_an_unknown_speed_and_parity(self):
        for baud, parity in (("19200", "odd"), ("9600", "none"), ("57600", "even")):
            with self.subTest(baud=baud, parity=parity):
                simulator = self.simulator("--rtu", self.path(f"bus-{parity}"), "--units", "3", "--rtu-baud", baud,
                                           "--rtu-parity", parity)
                stanza, said = self.scan(simulator.served["rtu"], "--units", "1-5", "-t", "20ms")
                self.assertIn(f"baud: {baud}\n    parity: {parity}\n", stanza)
                self.assertEqual(stanza.count("unit_id"), 3, said)
                self.run_stanza(stanza, ["unit_1/holding_0", "unit_2/holding_0", "unit_3/holding_0"])

    def test_an_interrupted_scan_says_what_it_found(self):
        simulator = self.simulator("--rtu", self.path("bus"), "--units", "3", "--rtu-baud", "9600")
        scan = subprocess.Popen([SENSORGW, "scan", simulator.served["rtu"], "-b", "9600", "-p", "even", "-t", "200ms"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        self.wait_for("all have been asked", lambda: int(simulator.ask("status")["requests"]) >= 3)
        time.sleep(1)  # the third answer is on its way; the other 244 units take most of a minute
        scan.send_signal(signal.SIGINT)
        stanza, said = scan.communicate(timeout=60)
        self.assertEqual(scan.returncode, 0, said)
        self.assertIn("Interrupted: this was found so far", said)
        self.assertEqual(stanza.count("unit_id"), 3)

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
