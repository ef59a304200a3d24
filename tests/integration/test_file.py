# SPDX-License-Identifier: Apache-2.0
"""Files: plain numbers, thermal zones, 1-wire."""
import os

from harness import GatewayTest, main


class Files(GatewayTest):
    def test_a_number_is_read_and_scaled(self):
        path, source = self.file_source(value="21500", scale=0.001)
        gateway = self.gateway([source])
        self.wait_for("21.5", lambda: gateway.latest("room/t") == (21.5, "good"))
        self.write(path, "-7250")
        self.wait_for("-7.25", lambda: gateway.latest("room/t") == (-7.25, "good"))
        self.check_books(gateway, gateway.stop())

    def test_a_file_that_is_gone_or_holds_no_number_gives_a_quality_and_no_value(self):
        path, source = self.file_source()
        gateway = self.gateway([source])
        self.wait_for("a value", lambda: gateway.latest("room/t") == (20, "good"))
        self.write(path, "no number")
        self.wait_for("invalid", lambda: gateway.latest("room/t") == (None, "invalid"))
        os.unlink(path)
        self.wait_for("no file", lambda: gateway.latest("room/t")[1] not in ("good", "invalid"))
        self.write(path, "22")
        self.wait_for("a value again", lambda: gateway.latest("room/t") == (22, "good"))
        self.check_books(gateway, gateway.stop())

    def test_health_names_a_file_that_cannot_be_read_until_it_can(self):
        path, source = self.file_source(value="no number")
        missing = self.path("missing")
        source["sensors"].append({"name": "gone", "path": missing})
        gateway = self.gateway([source])
        self.wait_for("the first", lambda: f"source room: {path}: holds no usable number" in gateway.cli("health"))
        self.write(path, "20")
        self.wait_for("the other", lambda: f"source room: cannot read {missing}: No such file" in gateway.cli("health"))
        self.write(missing, "21")
        self.wait_for("none", lambda: "source room" not in gateway.cli("health"))
        gateway.stop()

    def test_a_counter_never_falls_and_goes_on_after_a_restart(self):
        path, source = self.file_source(value="100", counter=True)
        gateway = self.gateway([source])
        for raw, total in (("100", 100), ("130", 130), ("5", 135), ("7", 137)):  # reset after 130
            self.write(path, raw)
            self.wait_for(f"{raw}", lambda t=total: gateway.latest("room/t") == (t, "good"))
        self.check_books(gateway, gateway.stop())
        self.write(path, "10")
        gateway.start()
        self.wait_for("a total of 140", lambda: gateway.latest("room/t") == (140, "good"))
        self.assertEqual(gateway.value("SELECT count(*) FROM readings WHERE sensor = 'room/t' AND value < 100"), 0)
        gateway.stop()

    def test_simulated_one_wire_and_thermal_zone(self):
        simulator = self.simulator("--files", self.path("sys"))
        gateway = self.gateway([{"name": "pi", "driver": "file", "every": "100ms", "sensors": [
            {"name": "air", "path": simulator.served["w1"]},
            {"name": "cpu", "path": simulator.served["thermal"], "scale": 0.001}]}])
        for sensor, low, high in (("pi/air", 17, 25), ("pi/cpu", 40, 80)):
            value, _ = self.wait_for(sensor, lambda s=sensor: (r := gateway.latest(s)) and r[1] == "good" and r)
            self.assertTrue(low <= value <= high, value)
        self.check_books(gateway, gateway.stop())


if __name__ == "__main__":
    main()
