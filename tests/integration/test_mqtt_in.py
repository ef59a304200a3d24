# SPDX-License-Identifier: Apache-2.0
"""Readings that arrive through the broker."""
from harness import GatewayTest, free_port, main

GREENHOUSE = {"name": "greenhouse", "driver": "mqtt", "topic": "greenhouse/+/telemetry",
              "sensors": [{"name": "{1}/humidity", "value": "/humidity", "unit": "%"},
                          {"name": "{1}/inner", "value": "/air/t", "scale": 0.1}]}
PLAIN = {"name": "plain", "driver": "mqtt", "topic": "plain/number", "sensors": [{"name": "value"}]}


class MqttIn(GatewayTest):
    def connected(self, gateway, broker, topic, payload, sensor, expected):
        """Publishes until it arrives: the first messages may come before the subscription."""
        def arrived():
            broker.publish(topic, payload)
            return gateway.latest(sensor) == expected
        self.wait_for(f"{sensor} is {expected}", arrived)

    def test_wildcards_pointers_and_plain_numbers(self):
        broker = self.broker()
        gateway = self.gateway([GREENHOUSE, PLAIN], broker=broker)
        self.connected(gateway, broker, "greenhouse/north/telemetry", '{"humidity": 55.5, "air": {"t": 215}}',
                       "greenhouse/north/humidity", (55.5, "good"))
        self.wait_for("the second value", lambda: gateway.latest("greenhouse/north/inner") == (21.5, "good"))
        broker.publish("greenhouse/south/telemetry", '{"humidity": 40, "air": {"t": -10}}')
        self.wait_for("the other sensor", lambda: gateway.latest("greenhouse/south/inner") == (-1, "good"))
        self.connected(gateway, broker, "plain/number", "17.25", "plain/value", (17.25, "good"))
        for payload, value in ((" -3e2 ", -300), ("true", 1)):
            broker.publish("plain/number", payload)
            self.wait_for(payload, lambda v=value: gateway.latest("plain/value") == (v, "good"))
        self.check_books(gateway, gateway.stop())

    def test_bad_messages_are_counted_and_never_stored_as_values(self):
        broker = self.broker()
        gateway = self.gateway([GREENHOUSE, PLAIN], broker=broker)
        self.connected(gateway, broker, "greenhouse/x/telemetry", '{"humidity": 1}', "greenhouse/x/humidity", (1, "good"))
        self.connected(gateway, broker, "plain/number", "1", "plain/value", (1, "good"))
        for payload in ('{"humidity": "wet"}', "{", "[]", '{"humidity": 1e999}', "[" * 2000, "x" * 100000):
            broker.publish("greenhouse/x/telemetry", payload)
        for payload in ("nan", "inf", "abc", "0x10", "1 2"):
            broker.publish("plain/number", payload)
        broker.publish("plain/number", "2")
        self.wait_for("the good one after them", lambda: gateway.latest("plain/value") == (2, "good"))
        summary = gateway.stop()
        self.assertEqual(gateway.rows("SELECT value FROM reading WHERE value NOT IN (1, 2)"), [])
        drops = summary["sources"]["greenhouse"]["dropped"]
        self.assertGreaterEqual(drops["bad_payload"] + drops["oversize"], 6)
        self.check_books(gateway, summary)

    def test_a_broker_that_comes_late_and_comes_back_is_found(self):
        port = free_port()
        gateway = self.gateway([PLAIN], mqtt={"url": f"mqtt://127.0.0.1:{port}"})
        for value in (1, 2):
            broker = self.broker(port)
            self.connected(gateway, broker, "plain/number", str(value), "plain/value", (value, "good"))
            broker.stop()
        self.check_books(gateway, gateway.stop())

    def test_sensors_of_a_wildcard_are_limited(self):
        broker = self.broker()
        gateway = self.gateway([{**GREENHOUSE, "max_sensors": 10}], broker=broker)
        self.connected(gateway, broker, "greenhouse/a/telemetry", '{"humidity": 1, "air": {"t": 1}}',
                       "greenhouse/a/humidity", (1, "good"))
        for i in range(10):
            broker.publish(f"greenhouse/n{i}/telemetry", '{"humidity": 1, "air": {"t": 1}}')
        broker.publish("greenhouse/a/telemetry", '{"humidity": 2, "air": {"t": 2}}')
        self.wait_for("a known sensor still works", lambda: gateway.latest("greenhouse/a/humidity") == (2, "good"))
        self.assertEqual(gateway.value("SELECT count(*) FROM sensor"), 10)
        summary = gateway.stop()
        self.assertGreater(summary["dropped"]["sensor_limit"], 0)
        self.check_books(gateway, summary)


if __name__ == "__main__":
    main()
