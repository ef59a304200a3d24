# SPDX-License-Identifier: Apache-2.0
"""sensorgw read, as one who commissions a device uses it."""
import json
import struct
import subprocess

from harness import PATIENCE, GatewayTest, main
from processes import SENSORGW, environment


class Read(GatewayTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator("--tcp", "0", "--rtu", self.path("bus"))
        self.tcp = f"127.0.0.1:{self.sim.served['tcp']}"

    def read(self, *arguments, status=0):
        if "-t" not in arguments and not status:
            arguments = (*arguments, "-t", "10s")  # a busy machine is no mute device
        done = subprocess.run([SENSORGW, "read", *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              env=environment(), check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stderr if status else done.stdout

    def rows(self, text):
        """{type: cells} of the table of types."""
        lines = text.split("TYPE", 1)[1].splitlines()[1:]
        return {line.split()[0]: line.replace(" *", "*").split()[1:] for line in lines if line}

    def test_registers_over_tcp_and_a_serial_line(self):
        expected = [{"address": a, "value": a} for a in range(1000, 1010)]
        for where in (self.tcp, self.sim.served["rtu"]):
            self.assertEqual(json.loads(self.read(where, "1:holding:1000", "-n", "10", "--json")), expected)
        out = self.read(self.tcp, "holding:1000")
        self.assertIn("holding 1000, answered in", out)
        self.assertRegex(out, r"1003 +03EB +1003 +1003")

    def test_every_type_in_every_order(self):
        registers = struct.unpack(">4H", struct.pack(">d", 21.5))
        for i, value in enumerate(registers):
            self.sim.command(f"set {i} {value}")
        self.sim.ask("status")  # they are done in order
        rows = self.rows(self.read(self.tcp, "holding:0"))
        self.assertEqual(rows["float64"][0], "21.5*")
        self.assertEqual(rows["uint16"], [str(registers[0]), str(int.from_bytes(
            registers[0].to_bytes(2, "little"), "big"))])
        self.assertEqual(rows["int64"][0], str(struct.unpack(">q", struct.pack(">d", 21.5))[0]))
        high, low = struct.unpack(">2H", struct.pack(">f", -40.25))
        for i, value in enumerate((low, high)):
            self.sim.command(f"set {i} {value}")
        self.sim.ask("status")
        rows = self.rows(self.read(self.tcp, "holding:0", "--count", "2"))
        self.assertEqual(rows["float32"][1], "-40.25*")
        self.assertNotIn("float64", rows)

    def test_bits(self):
        self.assertRegex(self.read(self.sim.served["rtu"], "2:coil:1"), r"\n +1  [01]\n")

    def test_what_cannot_be_read_says_why(self):
        for status, word, arguments in (
                (1, "illegal data address", (self.tcp, "holding:60000", "-t", "10s")),
                (1, "does not answer", (self.sim.served["rtu"], "99:holding:0", "-t", "100ms")),
                (1, "No such file", (self.path("nowhere"), "holding:0")),
                (1, "refused", ("127.0.0.1:1", "holding:0")),
                (2, "is no place", (self.tcp, "register:1")),
                (2, "unit 300 is above 255", (self.tcp, "300:holding:1")),
                (2, "write 1:holding:0,", (self.tcp, "1:40001")),
                (2, "write input:107,", (self.tcp, "30108")),
                (2, "write 7:holding:65535,", (self.tcp, "7:465536")),
                (2, "is no place: say", (self.tcp, "1:40000")),
                (2, "is no place: say", (self.tcp, "1:holding:65536")),
                (2, "at most 125", (self.tcp, "holding:0", "-n", "126")),
                (2, "beyond 65535", (self.tcp, "holding:65535", "-n", "2")),
                (2, "not a usual speed", (self.path("bus"), "holding:0", "--baud", "1234")),
                (2, "parity", (self.path("bus"), "holding:0", "--parity", "evn")),
                (2, "wants an ADDRESS", (self.tcp,))):
            self.assertIn(word, self.read(*arguments, status=status), arguments)


if __name__ == "__main__":
    main()
