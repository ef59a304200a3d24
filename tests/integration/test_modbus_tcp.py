# SPDX-License-Identifier: Apache-2.0
"""Modbus TCP: against pymodbus, and against the simulator when it misbehaves."""
import re
import subprocess

from harness import PATIENCE, GatewayTest, free_port, main
from typed_registers import placed


def mbpoll(port, unit, address, kind, *options):
    """What another master reads there, as text."""
    out = subprocess.run(["mbpoll", "-m", "tcp", "-p", str(port), "-a", str(unit), "-0", "-r", str(address), "-t", kind, "-1",
                          "-o", "10", *options, "127.0.0.1"], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    return re.search(rf"\[{address}\]:\s+(\S+)", out).group(1)


class ModbusTcp(GatewayTest):
    def addresses(self, port, **device):
        """A source whose sensors' right values are their own addresses."""
        return {"name": "bus", "driver": "modbus", "address": f"127.0.0.1:{port}", "timeout": "150ms", "every": "50ms",
                "devices": [{"name": "d", "unit_id": 1, **device,
                             "sensors": [{"name": f"r{a}", "holding": a} for a in range(1000, 1500, 50)]}]}

    def test_values_of_pymodbus_arrive_from_every_table(self):
        port = free_port()
        self.run_python("pymodbus_slave.py", "tcp", str(port))
        places = [{"name": "holding", "holding": 7}, {"name": "input", "input": 7}, {"name": "coil", "coil": 7},
                  {"name": "discrete", "discrete": 8}, {"name": "classic", "register": 40013}]
        gateway = self.gateway([{
            "name": "plc", "driver": "modbus", "address": f"127.0.0.1:{port}", "every": "100ms",
            "devices": [{"name": "a", "unit_id": 1, "sensors": places},
                        {"name": "b", "unit_id": 2, "sensors": [{"name": "holding", "holding": 7, "scale": 0.1}]}]}])
        expected = {"a/holding": 1007, "a/input": 6007, "a/coil": 1, "a/discrete": 0, "a/classic": 1012,
                    "b/holding": 200.7}
        for sensor, value in expected.items():
            found, _ = self.wait_for(sensor, lambda s=sensor: (r := gateway.latest(s)) and r[1] == "good" and r)
            self.assertEqual(round(found, 9), value, sensor)
        self.check_books(gateway, gateway.stop())

    def test_pymodbus_and_mbpoll_agree_on_every_type_and_order(self):
        port = free_port()
        self.run_python("pymodbus_slave.py", "tcp", str(port))
        fields = list(placed())
        gateway = self.gateway([{
            "name": "plc", "driver": "modbus", "address": f"127.0.0.1:{port}", "every": "200ms", "timeout": "10s", "devices": [
                {"name": "d", "unit_id": 1, "sensors": [{"name": name, "holding": address, **options}
                                                        for address, name, options, _, _ in fields]}]}])
        self.wait_for("all values", lambda: gateway.value("SELECT count(*) FROM latest WHERE quality = 'good'") == len(fields))
        for address, name, _, _, value in fields:
            self.assertEqual(gateway.latest(f"d/{name}"), (value, "good"), f"{name} at {address}")
        for address, name, options, _, value in fields:
            kind, order = options.get("type"), options.get("order")
            if kind == "uint16" and order == "AB":
                self.assertEqual(int(mbpoll(port, 1, address, "4")), value, name)
            elif kind in ("int32", "float32") and order in ("ABCD", "CDAB"):
                text = mbpoll(port, 1, address, "4:" + kind.rstrip("32"), *["-B"][:order == "ABCD"])
                self.assertAlmostEqual(float(text), value, 6, name)
        self.check_books(gateway, gateway.stop())

    def test_no_value_is_attributed_to_another_register_whatever_the_slave_does(self):
        simulator = self.simulator("--tcp", "0")
        gateway = self.gateway([self.addresses(simulator.served["tcp"])])
        for fault in ("late:250/3", "unit/3", "transaction/3", "garbage/4", "short/4", "drop/5", "exception:6/3", "mute/4"):
            before = gateway.count()
            simulator.command(f"fault unit1={fault}")
            self.wait_for(f"scans with {fault}", lambda n=before: gateway.count() > n + 60)
        simulator.command("fault unit1=good")
        now = gateway.value("SELECT max(time) FROM reading")
        self.wait_for("good readings again", lambda: gateway.value(
            "SELECT count(*) FROM reading WHERE quality = 0 AND time > ?", now) > 30)
        wrong = gateway.rows("SELECT sensor, value FROM readings WHERE quality = 'good' AND 'd/r' || value != sensor "
                             "AND 'd/r' || CAST(value AS INTEGER) != sensor")
        self.assertEqual(wrong, [])
        self.assertGreater(gateway.value("SELECT count(*) FROM reading WHERE quality != 0 AND value IS NULL"), 0)
        self.assertEqual(gateway.value("SELECT count(*) FROM reading WHERE quality != 0 AND value IS NOT NULL"), 0)
        self.check_books(gateway, gateway.stop())

    def test_a_server_that_comes_late_and_comes_back_is_found(self):
        port = free_port()
        gateway = self.gateway([self.addresses(port)])
        self.wait_for("bad quality", lambda: (gateway.latest("d/r1000") or (0, ""))[1] == "timeout")
        for _ in range(2):
            simulator = self.simulator("--tcp", str(port))
            self.wait_for("good quality", lambda: gateway.latest("d/r1000") == (1000, "good"))
            simulator.stop()
            self.wait_for("bad quality", lambda: gateway.latest("d/r1000") == (None, "timeout"))
        self.check_books(gateway, gateway.stop())

    def test_a_silent_unit_does_not_stop_its_neighbour(self):
        simulator = self.simulator("--tcp", "0", "--fault", "unit2=mute")
        source = self.addresses(simulator.served["tcp"])
        source["devices"].append({"name": "dead", "unit_id": 2, "sensors": [{"name": "x", "holding": 1000}]})
        gateway = self.gateway([source])
        self.wait_for("100 good scans", lambda: gateway.value(
            "SELECT count(*) FROM readings WHERE sensor = 'd/r1000' AND quality = 'good'") > 100)
        self.assertEqual(gateway.latest("dead/x"), (None, "timeout"))
        self.check_books(gateway, gateway.stop())


if __name__ == "__main__":
    main()
