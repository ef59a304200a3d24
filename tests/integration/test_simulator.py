# SPDX-License-Identifier: Apache-2.0
"""The simulator keeps its promises: without that, what other tests say of faults is worth nothing."""
import os
import select
import socket
import struct
import subprocess
import time

from harness import PATIENCE, GatewayTest, main
from processes import SENSORGW_SIM

QUIET = 0.3  # seconds without a byte: no answer comes


def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


def receive(fd, wait):
    data = b""
    while select.select([fd], [], [], wait)[0]:
        more = os.read(fd, 300)
        if not more:
            return None
        data, wait = data + more, 0.05
    return data


class SimulatorPromises(GatewayTest):
    def tcp(self, simulator):
        s = socket.create_connection(("127.0.0.1", int(simulator.served["tcp"])))
        self.addCleanup(s.close)
        return s

    @staticmethod
    def request(unit=1, address=1000, count=1):
        """For holding registers, with transaction 7."""
        return struct.pack(">HHHBBHH", 7, 0, 6, unit, 3, address, count)

    def ask(self, s, unit=1, address=1000, wait=PATIENCE):
        """The answer's bytes, b"" for none, None for a hang-up."""
        s.sendall(self.request(unit, address))
        return receive(s.fileno(), wait)

    def fault(self, simulator, text):
        simulator.command(f"fault {text}")
        simulator.ask("status")  # answered in order: the fault is set now

    GOOD = struct.pack(">HHHBBBH", 7, 0, 5, 1, 3, 2, 1000)

    def test_faults_on_tcp(self):
        simulator = self.simulator("--tcp", "0")
        s = self.tcp(simulator)
        self.assertEqual(self.ask(s), self.GOOD)
        for fault, expected in {"exception:6": struct.pack(">HHHBBB", 7, 0, 3, 1, 0x83, 6), "short": self.GOOD[:-2],
                                "unit": self.GOOD[:6] + b"\x65" + self.GOOD[7:], "mute": b"",
                                "transaction": b"\x00\x08" + self.GOOD[2:], "good": self.GOOD}.items():
            self.fault(simulator, f"unit1={fault}")
            self.assertEqual(self.ask(s, wait=PATIENCE if expected else QUIET), expected, fault)
        for fault in ("garbage", "damaged"):
            self.fault(simulator, f"modbus={fault}")
            answer = self.ask(s)
            self.assertEqual(len(answer), len(self.GOOD))
            self.assertNotEqual(answer, self.GOOD)
        self.fault(simulator, "modbus=good")
        self.fault(simulator, "unit2=mute/2")
        for wait in (PATIENCE, QUIET) * 2:
            self.assertEqual(bool(self.ask(s, unit=2, wait=wait)), wait == PATIENCE)
        self.fault(simulator, "unit1=drop")
        self.assertIsNone(self.ask(s))

    def test_a_late_answer_is_late_and_other_units_answer_meanwhile(self):
        simulator = self.simulator("--tcp", "0", "--fault", "unit1=late:400")
        s = self.tcp(simulator)
        s.settimeout(PATIENCE)
        other = self.GOOD[:6] + b"\x02" + self.GOOD[7:]

        def overtakes():  # unless the simulator rests for so long between the two
            asked = time.monotonic()
            s.sendall(self.request(1) + self.request(2))
            answers = {s.recv(len(self.GOOD), socket.MSG_WAITALL): time.monotonic() - asked for _ in range(2)}
            self.assertEqual(set(answers), {other, self.GOOD})
            self.assertGreater(answers[self.GOOD], 0.4)
            return list(answers) == [other, self.GOOD]
        self.wait_for("the answer of another unit before the late one", overtakes)

    def test_several_units_on_one_serial_bus(self):
        self.simulator("--rtu", self.path("bus"), "--units", "2", "--fault", "unit2=damaged/2")
        fd = os.open(self.path("bus"), os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, fd)

        def request(unit, wait=PATIENCE):
            frame = struct.pack(">BBHH", unit, 3, 1000, 1)
            os.write(fd, b"\xff" + frame + crc(frame))  # the first byte is noise
            return receive(fd, wait)
        for unit in (1, 2):
            answer = struct.pack(">BBBH", unit, 3, 2, 1000)
            self.assertEqual(request(unit), answer + crc(answer))
        answer = request(2)
        self.assertNotEqual(answer[-2:], crc(answer[:-2]))
        self.assertEqual(request(3, QUIET), b"")

    def test_registers_can_be_held(self):
        simulator = self.simulator("--tcp", "0")
        simulator.command("set 0 777")
        simulator.ask("status")
        self.assertEqual(self.ask(self.tcp(simulator), address=0)[-2:], struct.pack(">H", 777))

    def test_a_broker_that_restarts_is_found_again(self):
        broker = self.broker()
        self.simulator("--mqtt", broker.address, "--mqtt-every", "50")
        port = broker.port
        for _ in range(2):
            subscriber = self.subscribe(broker, "sim/#")
            self.wait_for("messages", lambda s=subscriber: len(s.messages) > 5)
            broker.stop()
            broker = self.broker(port)

    def test_wrong_usage(self):
        for arguments in ([], ["--tcp", "x"], ["--tcp", "0", "--fault", "unit1=bad"], ["--tcp", "0", "more"]):
            done = subprocess.run([SENSORGW_SIM, *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE,
                                  stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertTrue(done.stderr)
        text = subprocess.run([SENSORGW_SIM, "--help"], capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
        for word in ("--tcp", "--mqtt-burst", "late", "transaction", "unplug"):
            self.assertIn(word, text)


if __name__ == "__main__":
    main()
