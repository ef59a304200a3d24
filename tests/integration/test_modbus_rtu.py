# SPDX-License-Identifier: Apache-2.0
"""Modbus RTU over pseudo-terminals: against pymodbus behind socat, and against the simulator when it misbehaves."""
import os
import re
import sys
import time

from harness import GatewayTest, Process, main


class ModbusRtu(GatewayTest):
    def bus(self, port, unit_ids=(1, 2), **sensor):
        return {"name": "line", "driver": "modbus", "port": port, "baud": 19200, "parity": "none", "timeout": "150ms",
                "every": "100ms",
                "devices": [{"name": f"u{u}", "unit_id": u, "sensors": [
                    {"name": f"r{a}", "holding": a, **sensor} for a in (0, 1, 50, 500)]} for u in unit_ids]}

    def test_two_units_of_pymodbus_on_one_line(self):
        ours, theirs = self.path("ours"), self.path("theirs")
        self.kept(Process(["socat", f"pty,raw,echo=0,link={ours}", f"pty,raw,echo=0,link={theirs}"], self.path("socat.log")))
        self.wait_for("socat", lambda: os.path.exists(ours) and os.path.exists(theirs))
        self.run_python("pymodbus_slave.py", "rtu", theirs)
        gateway = self.gateway([self.bus(ours)])
        for unit in (1, 2):
            for address in (0, 1, 50):
                self.wait_for(f"unit {unit}, register {address}", lambda u=unit, a=address: gateway.latest(
                    f"u{u}/r{a}") == (1000 * u + a, "good"))
        self.check_books(gateway, gateway.stop())

    def test_no_value_is_attributed_to_another_register_or_unit(self):
        simulator = self.simulator("--rtu", self.path("bus"))
        source = self.bus(self.path("bus"), (1, 2, 3))
        source["every"] = "20ms"
        for device in source["devices"]:
            device["sensors"] = [{"name": f"r{a}", "holding": a} for a in (1000, 1100, 1200)]
            device["sensors"].append({"name": "unit", "holding": 10})
        gateway = self.gateway([source])
        for fault in ("unit1=late:170/3", "unit2=damaged/3", "unit3=garbage/4", "unit1=unit/3", "unit2=short/4",
                      "unit3=exception:2/3", "unit2=mute/4"):
            before = gateway.count()
            simulator.command(f"fault {fault}")
            self.wait_for(f"scans with {fault}", lambda n=before: gateway.count() > n + 60)
        wrong = gateway.rows("""SELECT sensor, value FROM readings WHERE quality = 'good' AND
            CASE WHEN sensor LIKE '%/unit' THEN 'u' || CAST(value AS INTEGER) || '/unit' != sensor
                 ELSE substr(sensor, 5) != CAST(CAST(value AS INTEGER) AS TEXT) END""")
        self.assertEqual(wrong, [])
        self.wait_for("good ones among them", lambda: gateway.value("SELECT count(*) FROM reading WHERE quality = 0") > 50)
        self.check_books(gateway, gateway.stop())

    def test_an_adapter_that_is_pulled_out_and_put_back_is_opened_again(self):
        simulator = self.simulator("--rtu", self.path("bus"))
        gateway = self.gateway([self.bus(self.path("bus"))])
        self.wait_for("values", lambda: (gateway.latest("u2/r50") or (0, ""))[1] == "good")
        before = self.descriptors(gateway)
        for seconds in (0, 0, 8):  # so long that a back-off would have grown
            simulator.command("unplug rtu")
            self.wait_for("bad quality", lambda: gateway.latest("u2/r50")[1] != "good")
            time.sleep(seconds)
            simulator.command("plug rtu")
            plugged = time.monotonic()
            self.wait_for("values again", lambda: gateway.latest("u2/r50")[1] == "good")
            print(f"values again {time.monotonic() - plugged:.1f} s after the adapter was plugged in", file=sys.stderr)
        self.assertEqual(self.descriptors(gateway), before)
        self.check_books(gateway, gateway.stop())

    @staticmethod
    def descriptors(gateway):
        """What it has open, but for the database's passing files; numbers differ from plug to plug."""
        folder = f"/proc/{gateway.process.pid}/fd"
        targets = []
        for fd in os.listdir(folder):
            try:
                targets.append(os.readlink(f"{folder}/{fd}"))
            except FileNotFoundError:
                pass  # one of those files
        return sorted(re.sub(r"\d+", "", target) for target in targets if "/pts/" in target or target.startswith("socket"))

    def test_a_port_that_another_process_has_is_said_to_be_in_use_and_by_whom(self):
        self.simulator("--rtu", self.path("bus"))
        patient = {**self.bus(self.path("bus")), "timeout": "10s"}  # a busy machine is no mute device
        first = self.gateway([patient])
        self.wait_for("values", lambda: (first.latest("u1/r1") or (0, ""))[1] == "good")
        second = self.gateway([patient], name="second")
        self.wait_for("the reason", lambda: f"in use by process {first.process.pid} (" in second.process.output())
        self.wait_for("bad quality", lambda: (second.latest("u1/r1") or (0, ""))[1] == "timeout")
        good = first.count()
        self.wait_for("the first goes on", lambda: first.count() > good + 30)
        self.assertEqual(first.value("SELECT count(*) FROM reading WHERE quality != 0"), 0)
        first.stop()
        self.wait_for("the second has it now", lambda: second.latest("u1/r1")[1] == "good")
        self.check_books(second, second.stop())

    def test_a_port_without_rs485_says_what_to_do(self):
        self.simulator("--rtu", self.path("bus"))
        source = self.bus(self.path("bus"))
        source["rs485"] = {"rts_on_send": True}
        gateway = self.gateway([source])
        self.wait_for("the reason", lambda: 'leave out "rs485:"' in gateway.process.output())
        self.check_books(gateway, gateway.stop())

    def test_a_counter_goes_on_where_it_was(self):
        simulator = self.simulator("--rtu", self.path("bus"))
        simulator.command("set 3 65000")
        simulator.ask("status")  # they are done in order
        source = self.bus(self.path("bus"), (1,))
        source["devices"][0]["sensors"] = [{"name": "total", "holding": 3, "counter": True},
                                           {"name": "rate", "holding": 3, "counter": True, "per": "1h"}]
        gateway = self.gateway([source])
        self.wait_for("the start", lambda: gateway.latest("u1/total") == (65000, "good"))
        simulator.command("set 3 64")
        self.wait_for("a wrap", lambda: gateway.latest("u1/total") == (65600, "good"))
        self.wait_for("a rate", lambda: (gateway.value("SELECT max(value) FROM readings WHERE sensor = 'u1/rate'") or 0) > 0)
        self.wait_for("and none again", lambda: gateway.latest("u1/rate") == (0, "good"))
        self.check_books(gateway, gateway.stop())
        simulator.command("set 3 164")
        gateway.start()
        self.wait_for("100 more", lambda: gateway.latest("u1/total") == (65700, "good"))
        self.assertEqual(gateway.rows("SELECT value FROM readings WHERE sensor = 'u1/total' AND value < 65000"), [])
        gateway.stop()


if __name__ == "__main__":
    main()
