# SPDX-License-Identifier: Apache-2.0
"""A serial line that talks."""
import functools
import os
import pathlib
import re
import tty

import yaml
from harness import HERE, GatewayTest, main

DOCS = pathlib.Path(HERE).parent.parent / "docs" / "serial.md"

SCALE = {"name": "scale", "driver": "serial", "baud": 9600, "match": "^W +([-0-9.]+) kg",
         "sensors": [{"name": "weight", "field": 1, "unit": "kg"}]}


class Serial(GatewayTest):
    def good(self, gateway):
        return gateway.value("SELECT count(*) FROM reading WHERE quality = 0") or 0

    def test_lines_become_readings_and_noise_becomes_a_counted_drop(self):
        simulator = self.simulator("--line", self.path("tty"), "--line-every", "20")
        gateway = self.gateway([{**SCALE, "port": self.path("tty")}])
        self.wait_for("readings", lambda: self.good(gateway) > 20)
        simulator.command("fault line=garbage/2")
        before = self.good(gateway)
        self.wait_for("readings between the noise", lambda: self.good(gateway) > before + 20)
        self.wait_for("noise", lambda: (gateway.value("SELECT readings FROM ledger WHERE what = 'bad_payload'") or 0) > 5)
        self.assertEqual(gateway.rows("SELECT value FROM reading WHERE value < 20 OR value > 80"), [])
        summary = gateway.stop()
        self.assertGreater(summary["dropped"]["bad_payload"], 5)
        self.check_books(gateway, summary)

    def test_a_port_that_is_pulled_out_and_put_back_is_opened_again(self):
        simulator = self.simulator("--line", self.path("tty"), "--line-every", "20")
        gateway = self.gateway([{**SCALE, "port": self.path("tty")}])
        open_files = []
        for _ in range(3):
            before = self.good(gateway)
            self.wait_for("readings", lambda n=before: self.good(gateway) > n + 10)
            open_files.append(self.ports(gateway))
            simulator.command("unplug line")
            self.wait_for("the loss is noticed", lambda: not gateway.is_open("scale"))
            simulator.command("plug line")
        self.wait_for("readings", lambda: self.good(gateway) > before + 20)
        self.assertEqual(open_files, [1] * 3)  # no descriptor is left behind
        self.check_books(gateway, gateway.stop())

    @staticmethod
    def ports(gateway):
        """How many it has open."""
        folder, count = f"/proc/{gateway.process.pid}/fd", 0
        for fd in os.listdir(folder):
            try:
                count += "/pts/" in os.readlink(f"{folder}/{fd}")
            except FileNotFoundError:
                pass  # a passing one of the database
        return count

    def test_a_flood_without_an_end_is_one_counted_drop_and_the_next_line_is_read(self):
        source, device = self.documented("arduino")
        gateway = self.gateway([source])
        self.wait_for("the port is open", lambda: gateway.is_open("arduino"))
        for _ in range(200):
            os.write(device, b"temp=99;" * 128)  # 200 KB
        os.write(device, b"\ntemp=20;hum=50\n")
        self.wait_for("the line after it", lambda: gateway.latest("arduino/temperature") == (20, "good"))
        summary = gateway.stop()
        self.assertEqual(summary["dropped"]["oversize"], 1)
        self.assertEqual(gateway.count(), 2)
        self.check_books(gateway, summary)

    def test_a_port_that_another_process_has_is_left_alone(self):
        simulator = self.simulator("--line", self.path("tty"), "--line-every", "20")
        even = {**SCALE, "port": self.path("tty"), "parity": "even"}
        first = self.gateway([even], name="first")
        self.wait_for("readings", lambda: self.good(first) > 3)
        second = self.gateway([even], name="second")
        self.wait_for("it says who has it", lambda: f"in use by process {first.process.pid} (" in second.process.output())
        # What was killed leaves a pseudo-terminal exclusive, which root alone may open then; a real port is not.
        if os.geteuid() == 0:
            first.kill()
        else:
            first.stop()
        # The same settings again, of which a pseudo-terminal does not keep the parity.
        self.wait_for("readings", lambda: self.good(second) > 3)
        self.check_books(second, second.stop())
        simulator.stop()

    def test_a_port_that_is_not_there_at_start_is_found_later(self):
        gateway = self.gateway([{**SCALE, "port": self.path("tty")}])
        self.simulator("--line", self.path("tty"), "--line-every", "20")
        self.wait_for("readings", lambda: self.good(gateway) > 5)
        self.check_books(gateway, gateway.stop())

    # --- the devices of docs/serial.md, each on a pseudo-terminal of its own ---

    def documented(self, name):
        """The source of that name as the page has it, and the descriptor that the device writes to."""
        blocks = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S))
        source = next(b for b in blocks if b["name"] == name)
        device, port = os.openpty()
        tty.setraw(port)
        self.addCleanup(os.close, device)
        self.addCleanup(os.close, port)
        return {**source, "port": os.ttyname(port)}, device

    @staticmethod
    def samples(start):
        text = re.findall(r"```text\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
        return next(t for t in text if t.startswith(start)).encode().replace(b"\n", b"\r\n")

    def check_device(self, name, said, values, dropped):
        """The device says this, in odd pieces; the newest values, and how many lines were dropped for which reason."""
        source, device = self.documented(name)
        gateway = self.gateway([source])
        self.wait_for("the port is open", lambda: gateway.is_open(name))
        for i in range(0, len(said), 7):
            os.write(device, said[i:i + 7])
        for sensor, value in values.items():
            self.wait_for(f"{sensor} {value}", lambda s=sensor, v=value: abs(
                ((gateway.latest(f"{name}/{s}") or (None,))[0] or 1e9) - v) < 1e-6)
        summary = gateway.stop()
        self.check_books(gateway, summary)
        self.assertEqual({k: v for k, v in summary["dropped"].items() if v}, dropped)

    def test_an_arduino_as_documented(self):
        self.check_device("arduino", b"p=3\r\n" + self.samples("temp=") + b"x" * 300 + b"\r\ntemp=22;hum=41\r\n",
                          {"temperature": 22, "humidity": 41}, {"bad_payload": 1, "oversize": 1})

    def test_a_scale_as_documented(self):
        self.check_device("scale", self.samples("ST,"), {"weight": 1.235}, {})

    def test_a_gps_receiver_as_documented(self):
        good = self.samples("$GPGGA")
        damaged = good.replace(b"545.4", b"945.4").replace(b"022.4", b"922.4")
        passed_over = b"\0\xff$GPGSV,1,1,00*79\r\n$GPGGA,cut"
        self.check_device("gps", damaged + passed_over + good, {
            "latitude": 48.1173, "longitude": 11 + 31 / 60, "satellites": 8, "altitude": 545.4,
            "speed": 22.4 * 1.852}, {"bad_payload": 3})  # two damaged, one cut

    def test_a_meter_with_fixed_frames_as_documented(self):
        def frame(value):
            text = f"{value:8.2f}".encode()
            return b"\x02" + text + bytes([functools.reduce(lambda a, b: a + b, text) & 255])
        wrong = frame(77)[:-1] + b"\x00"
        self.check_device("meter", b"\x02\x00zz" + frame(1) + wrong + frame(1234.5), {"level": 1234.5},
                          {"bad_payload": 2})


if __name__ == "__main__":
    main()
