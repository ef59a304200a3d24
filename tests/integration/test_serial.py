# SPDX-License-Identifier: Apache-2.0
"""A serial line that talks."""
from harness import GatewayTest, main

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
        self.assertEqual(gateway.rows("SELECT value FROM reading WHERE value < 20 OR value > 80"), [])
        summary = gateway.stop()
        self.assertGreater(summary["dropped"]["bad_payload"], 5)
        self.check_books(gateway, summary)

    def test_a_port_that_is_pulled_out_and_put_back_is_opened_again(self):
        simulator = self.simulator("--line", self.path("tty"), "--line-every", "20")
        gateway = self.gateway([{**SCALE, "port": self.path("tty")}])
        for _ in range(2):
            before = self.good(gateway)
            self.wait_for("readings", lambda n=before: self.good(gateway) > n + 10)
            simulator.command("unplug line")
            self.wait_for("the loss is noticed", lambda: "cannot open" in gateway.process.output()
                          or "lost" in gateway.process.output() or "error" in gateway.process.output())
            simulator.command("plug line")
        self.wait_for("readings", lambda: self.good(gateway) > before + 20)
        self.check_books(gateway, gateway.stop())

    def test_a_port_that_is_not_there_at_start_is_found_later(self):
        gateway = self.gateway([{**SCALE, "port": self.path("tty")}])
        self.simulator("--line", self.path("tty"), "--line-every", "20")
        self.wait_for("readings", lambda: self.good(gateway) > 5)
        self.check_books(gateway, gateway.stop())


if __name__ == "__main__":
    main()
