# SPDX-License-Identifier: Apache-2.0
"""50,000 messages at QoS 1 over 1,000 topics, as fast as the broker takes them."""
from harness import GatewayTest, main

MESSAGES, TOPICS = 50000, 1000


class Flood(GatewayTest):
    def test_every_message_of_a_flood_is_in_the_database(self):
        broker = self.broker()
        gateway = self.gateway(
            [{"name": "flood", "driver": "mqtt", "topic": "sim/+/telemetry",
              "sensors": [{"name": "{1}/seq", "value": "/seq"}]}],
            [{"name": "never", "sensor": "*", "high": {"critical": 1e9}}], broker)
        simulator = self.simulator("--mqtt", broker.address, "--mqtt-sensors", str(TOPICS), "--mqtt-every", "0")

        # Topic 1 carries seq 0, 1000, …: the first message that arrives shows that the subscription is in place.
        def subscribed():
            broker.publish("sim/1/telemetry", '{"seq": 0}')
            return gateway.latest("flood/1/seq")
        self.wait_for("the subscription", subscribed)
        self.wait_for("all of the first ones are stored", lambda: gateway.count() >= 1)
        burst = simulator.ask(f"burst {MESSAGES}")
        self.assertEqual((burst["sent"], burst["acknowledged"]), (str(MESSAGES), str(MESSAGES)))
        self.wait_for("the last one of each topic", lambda: gateway.value(
            "SELECT count(*) FROM latest WHERE value >= ?", MESSAGES - TOPICS) == TOPICS)
        missing = gateway.rows("SELECT value, count(*) FROM reading WHERE value > 0 GROUP BY value HAVING count(*) != 1")
        self.assertEqual(missing, [])
        self.assertEqual(gateway.value("SELECT count(DISTINCT value) FROM reading"), MESSAGES)
        disorder = gateway.value("SELECT count(*) FROM (SELECT value - lag(value) OVER (PARTITION BY sensor_id "
                                 "ORDER BY time) AS step FROM reading) WHERE step < 0")
        self.assertEqual(disorder, 0)
        summary = gateway.stop()
        self.assertEqual(sum(summary["dropped"].values()), 0)
        self.check_books(gateway, summary)


if __name__ == "__main__":
    main()
