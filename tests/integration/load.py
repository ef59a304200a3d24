# SPDX-License-Identifier: Apache-2.0
"""A gateway under load from all sides, for the tests that end it in the middle."""
from harness import GatewayTest

RULES = [{"name": "high", "sensor": "plant/*", "high": {"warning": 500}, "hysteresis": 10},
         {"name": "silent", "sensor": "*", "stale": "30s", "severity": "warning"}]


class LoadTest(GatewayTest):
    def load(self, every="10ms", **sections):
        """Returns (simulator, gateway): polled as often as it goes, with alerts, and messages without a pause."""
        broker = self.broker()
        simulator = self.simulator("--tcp", "0", "--files", self.path("sys"), "--mqtt", broker.address,
                                   "--mqtt-sensors", "200", "--mqtt-every", "20", "--period", "1")
        sensors = [{"name": f"r{a}", "holding": a} for a in [1, *range(1000, 1400, 4)]]
        return simulator, self.gateway([
            {"name": "bus", "driver": "modbus", "address": f"127.0.0.1:{simulator.served['tcp']}", "every": every,
             "timeout": "30s",  # a busy machine makes no bad reading
             "devices": [{"name": "plant", "unit_id": 1, "sensors": sensors}]},
            {"name": "messages", "driver": "mqtt", "topic": "sim/+/telemetry",
             "sensors": [{"name": "{1}/seq", "value": "/seq"}]},
            {"name": "files", "driver": "file", "every": "20ms", "sensors": [
                {"name": "cpu", "path": simulator.served["thermal"], "scale": 0.001}]}], RULES, broker, **sections)
