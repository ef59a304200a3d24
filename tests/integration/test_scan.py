# SPDX-License-Identifier: Apache-2.0
"""sensorgw scan: a line of which nothing is known, and the stanza that it prints, run as it is."""
import signal
import subprocess
import sys
import time

from harness import GatewayTest, main
from processes import SENSORGW, Gateway, environment


class Scan(GatewayTest):
    def scan(self, *arguments, status=0):
        """A status of None: something is found, or not."""
        done = subprocess.run([SENSORGW, "scan", *arguments], capture_output=True, text=True, timeout=240,
                              env=environment(), check=False)
        self.assertIn(done.returncode, (0, 1) if status is None else (status,), done.stdout + done.stderr)
        return done.stdout, done.stderr

    def scan_for(self, units, *arguments):
        """Until all these are found: one that is slow for a moment is taken for one that is not there."""
        for timeout in ("20ms", "100ms", "1s"):
            stanza, said = self.scan(*arguments, "-t", timeout, status=None)
            found = [int(line.split()[1]) for line in said.splitlines() if line.startswith("unit ")]
            if found == units:
                break
            print(f"-t {timeout} finds {found} only", file=sys.stderr)
        self.assertEqual(found, units, said)
        self.assertEqual(stanza.count("unit_id"), len(units))
        return stanza

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
        stanza = self.scan_for([1, 2, 3], simulator.served["rtu"], "--units", "1-20")
        self.assertIn("baud: 38400", stanza)
        self.run_stanza(stanza, ["unit_1/holding_0", "unit_3/holding_0"])

    def test_units_at_an_unknown_speed_and_parity(self):
        for baud, parity in (("19200", "odd"), ("9600", "none"), ("57600", "even")):
            with self.subTest(baud=baud, parity=parity):
                simulator = self.simulator("--rtu", self.path(f"bus-{parity}"), "--units", "3", "--rtu-baud", baud,
                                           "--rtu-parity", parity)
                stanza = self.scan_for([1, 2, 3], simulator.served["rtu"], "--units", "1-5")
                self.assertIn(f"baud: {baud}\n    parity: {parity}\n", stanza)
                self.run_stanza(stanza, ["unit_1/holding_0", "unit_2/holding_0", "unit_3/holding_0"])

    def test_an_interrupted_scan_says_what_it_found(self):
        simulator = self.simulator("--rtu", self.path("bus"), "--units", "4", "--rtu-baud", "9600", "--fault", "unit4=mute")
        scan = subprocess.Popen([SENSORGW, "scan", simulator.served["rtu"], "-b", "9600", "-p", "even", "-t", "10s"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        self.addCleanup(lambda: (scan.kill(), scan.wait()))
        # The fourth is asked when the third has answered.
        self.wait_for("the mute one has been asked", lambda: int(simulator.ask("status")["requests"]) >= 4)
        scan.send_signal(signal.SIGINT)
        stanza, said = scan.communicate(timeout=60)
        self.assertEqual(scan.returncode, 0, said)
        self.assertIn("Interrupted: this was found so far", said)
        self.assertEqual(stanza.count("unit_id"), 3)

    def test_units_that_are_only_found_by_the_long_way(self):
        simulator = self.simulator("--rtu", self.path("bus"), "--units", "30",
                                   *(f"--fault=unit{n}=mute" for n in range(1, 30)))
        stanza = self.scan_for([30], simulator.served["rtu"], "-u", "1-31", "-b", "19200", "-p", "even")
        self.assertIn("unit_id: 30", stanza)

    def test_a_device_that_takes_any_number_over_tcp(self):
        simulator = self.simulator("--tcp", "0")
        stanza, said = self.scan(f"127.0.0.1:{simulator.served['tcp']}", "--units", "1-4", "-t", "10s")
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
