# SPDX-License-Identifier: Apache-2.0
"""A broker that hangs or vanishes takes nothing else with it."""
import signal

from harness import GatewayTest, main

HOT = {"name": "hot", "sensor": "room/t", "high": {"warning": 75}}


class BrokerFaults(GatewayTest):
    def polled(self, gateway):
        return gateway.value("SELECT count(*) FROM readings WHERE sensor = 'room/t'") or 0

    def test_a_hanging_broker_delays_no_poll_and_gets_its_alerts_afterwards(self):
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        path, source = self.file_source(every="20ms")
        gateway = self.gateway([source], [HOT], broker)
        self.wait_for("readings", lambda: self.polled(gateway) > 20)
        broker.signal(signal.SIGSTOP)
        self.write(path, "80")
        self.wait_for("the alert is stored", lambda: gateway.value("SELECT count(*) FROM alert") == 1)
        rows = self.polled(gateway)
        self.wait_for("100 further readings", lambda: self.polled(gateway) > rows + 100)
        gaps = gateway.value("SELECT max(step) FROM (SELECT time - lag(time) OVER (ORDER BY time) AS step FROM reading)")
        self.assertLess(gaps, 3_000_000, "µs between two readings")
        broker.signal(signal.SIGCONT)
        self.wait_for("the alert", lambda: [a["state"] for a in subscriber.alerts()][:1] == ["raised"])
        self.check_books(gateway, gateway.stop())

    def test_restarts_of_the_broker_lose_no_polled_reading_and_no_alert(self):
        broker = self.broker()
        path, source = self.file_source(every="20ms")
        gateway = self.gateway([source], [HOT], broker)
        for _ in range(3):
            port = broker.port
            broker.stop()
            self.write(path, "80")
            self.wait_for("raised", lambda: gateway.latest("room/t") == (80, "good"))
            broker = self.broker(port)
            self.write(path, "20")
            self.wait_for("cleared", lambda: gateway.latest("room/t") == (20, "good"))
        self.wait_for("all transitions are acknowledged", lambda: gateway.rows(
            "SELECT count(*), count(published_at) FROM alert_event") == [(6, 6)])
        summary = gateway.stop()
        self.assertEqual(sum(summary["dropped"].values()), 0)
        self.check_books(gateway, summary)


if __name__ == "__main__":
    main()
