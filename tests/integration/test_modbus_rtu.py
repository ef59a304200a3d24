# SPDX-License-Identifier: Apache-2.0
"""Modbus RTU over pseudo-terminals: against pymodbus behind socat, and against the simulator when it misbehaves."""
import os

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
        self.assertGreater(gateway.value("SELECT count(*) FROM reading WHERE quality = 0"), 50)
        self.check_books(gateway, gateway.stop())

    def test_an_adapter_that_is_pulled_out_and_put_back_is_opened_again(self):
        simulator = self.simulator("--rtu", self.path("bus"))
        gateway = self.gateway([self.bus(self.path("bus"))])
        self.wait_for("values", lambda: (gateway.latest("u2/r50") or (0, ""))[1] == "good")
        simulator.command("unplug rtu")
        self.wait_for("bad quality", lambda: gateway.latest("u2/r50")[1] != "good")
        simulator.command("plug rtu")
        self.wait_for("values again", lambda: gateway.latest("u2/r50")[1] == "good")
        self.check_books(gateway, gateway.stop())


if __name__ == "__main__":
    main()
