# SPDX-License-Identifier: Apache-2.0
"""Alerts, as those who subscribe see them."""
import json

from harness import GatewayTest, Subscriber, free_port, main

TOPIC = "sensorgw/test/alerts/room/t/hot"
HOT = {"name": "hot", "sensor": "room/t", "high": {"warning": 75, "critical": 85}, "hysteresis": 2}


class Alerts(GatewayTest):
    def states(self, subscriber):
        return [a["state"] for a in subscriber.alerts()]

    def expect(self, subscriber, *states):
        self.wait_for(f"alerts {states}", lambda: len(self.states(subscriber)) >= len(states))
        self.assertEqual(self.states(subscriber), list(states))
        return subscriber.alerts()

    def latest_retained(self, broker):
        """What someone who subscribes only now is told."""
        late = self.kept(Subscriber(self.folder, broker, "sensorgw/test/alerts/#"))
        self.wait_for("a retained message", lambda: late.retained)
        late.stop()
        return late.retained

    def test_raised_escalated_cleared_and_retained(self):
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        path, source = self.file_source()
        gateway = self.gateway([source], [HOT], broker)
        self.write(path, "80")
        raised = self.expect(subscriber, "raised")[0]
        self.assertEqual((raised["severity"], raised["value"], raised["limit"], raised["unit"], raised["sensor"],
                          raised["rule"]), ("warning", 80, 75, "°C", "room/t", "hot"))
        self.write(path, "90")
        self.assertEqual(self.expect(subscriber, "raised", "escalated")[1]["severity"], "critical")
        self.write(path, "74")  # within the hysteresis: still raised
        self.wait_for("74 was judged", lambda: gateway.latest("room/t") == (74, "good"))
        retained = self.latest_retained(broker)
        self.assertEqual([t for t, _ in retained], [TOPIC])
        self.assertEqual(json.loads(retained[0][1])["state"], "escalated")
        self.write(path, "72")
        alerts = self.expect(subscriber, "raised", "escalated", "cleared")
        self.wait_for("all are acknowledged", gateway.has_told_all)
        self.assertEqual(len({a["id"] for a in alerts}), 1)
        self.assertEqual(sorted(a["seq"] for a in alerts), [a["seq"] for a in alerts])
        self.assertEqual({t for t, _ in subscriber.messages}, {TOPIC})
        summary = gateway.stop()
        self.assertEqual((summary["alerts_raised"], summary["alerts_cleared"]), (1, 1))
        self.assertGreaterEqual(summary["alerts_published"], 3)
        self.check_books(gateway, summary)

    def test_a_sensor_made_from_a_topic_is_missed_after_a_restart(self):
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        source = {"name": "hut", "driver": "mqtt", "topic": "hut/+/t", "sensors": [{"name": "{1}/t"}]}
        gateway = self.gateway([source], [{"name": "mute", "sensor": "hut/*", "stale": "2s"}], broker, start=False)
        gateway.start()

        def seen():
            broker.publish("hut/north/t", "5")
            return gateway.latest("hut/north/t")
        self.wait_for("the sensor", seen)
        gateway.stop()
        # A slow machine may have raised it already.
        last = gateway.value("SELECT max(seq) FROM alert_event") or 0
        active = gateway.value("SELECT count(*) FROM alert WHERE cleared_at IS NULL")

        def news():
            return [a for a in subscriber.alerts() if a["seq"] > last]
        gateway.start()
        if not active:
            alert = self.wait_for("the alert", news)[0]
            self.assertEqual((alert["state"], alert["sensor"], alert["reason"]), ("raised", "hut/north/t", "silent"))

        def back():
            broker.publish("hut/north/t", "6")
            return any(a["state"] == "cleared" for a in news())
        self.wait_for("its end", back)
        gateway.stop()

    def test_a_restart_does_not_raise_again_and_can_clear(self):
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        path, source = self.file_source(value="80")
        gateway = self.gateway([source], [HOT], broker)
        first = self.expect(subscriber, "raised")[0]
        self.wait_for("it is acknowledged", gateway.has_told_all)
        gateway.stop()
        gateway.start()
        rows = gateway.count()
        self.wait_for("20 readings of the second run", lambda: gateway.count() > rows + 20)
        self.assertEqual(self.states(subscriber), ["raised"])
        self.write(path, "60")
        self.assertEqual(self.expect(subscriber, "raised", "cleared")[1]["id"], first["id"])
        gateway.stop()
        self.assertEqual(gateway.rows("SELECT state FROM alert"), [("cleared",)])

    def test_a_kill_loses_no_alert(self):
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        path, source = self.file_source(value="80")
        gateway = self.gateway([source], [HOT], broker)
        first = self.expect(subscriber, "raised")[0]
        gateway.kill()
        self.write(path, "60")
        gateway.start()
        self.wait_for("cleared", lambda: "cleared" in self.states(subscriber))
        self.assertEqual({a["id"] for a in subscriber.alerts()}, {first["id"]})
        gateway.stop()

    def test_alerts_wait_for_a_broker_that_is_away_and_keep_their_order(self):
        port = free_port()
        broker = self.broker(port)
        path, source = self.file_source()
        gateway = self.gateway([source], [HOT], broker)
        broker.stop()
        for value, state in (("80", "raised"), ("60", "cleared"), ("90", "raised")):
            self.write(path, value)
            self.wait_for(state, lambda v=value: gateway.latest("room/t") == (int(v), "good"))
        self.wait_for("three transitions", lambda: gateway.value("SELECT count(*) FROM alert_event") == 3)
        broker = self.broker(port)
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        self.wait_for("the last state", lambda: any(
            a["state"] == "raised" and a["value"] == 90 for a in subscriber.alerts()))
        self.wait_for("acknowledged", lambda: gateway.value(
            "SELECT count(*) FROM alert_event WHERE published_at IS NULL") == 0)
        order = [a["seq"] for a in subscriber.alerts()]
        self.assertEqual(order, sorted(order))
        self.check_books(gateway, gateway.stop())

    def test_stale_is_raised_by_time_alone_and_cleared_by_a_reading(self):
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        path, source = self.file_source()
        gateway = self.gateway([source], [{"name": "silent", "sensor": "*", "stale": "1s", "severity": "critical"}], broker)
        self.wait_for("a value", lambda: gateway.latest("room/t") == (20, "good"))
        self.write(path, "no number")
        self.wait_for("no value any more", lambda: gateway.latest("room/t")[1] != "good")
        self.wait_for("raised", lambda: self.states(subscriber)[-1:] == ["raised"])
        self.write(path, "21")
        states = self.wait_for("cleared", lambda: (s := self.states(subscriber))[-1:] == ["cleared"] and s)
        # More than once when the machine has held the gateway up for longer than a second.
        self.assertEqual(states, ["raised", "cleared"] * (len(states) // 2))
        self.assertEqual({a["severity"] for a in subscriber.alerts()}, {"critical"})
        self.check_books(gateway, gateway.stop())

    def test_status_is_online_and_offline_also_after_a_kill(self):
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/test/status")
        _, source = self.file_source()
        gateway = self.gateway([source], [HOT], broker)

        def said(*states):
            return [p for _, p in subscriber.messages] == list(states)
        self.wait_for("online", lambda: said("online"))
        gateway.stop()
        self.wait_for("offline", lambda: said("online", "offline"))
        gateway.start()
        self.wait_for("online again", lambda: said("online", "offline", "online"))
        gateway.kill()
        self.wait_for("the last will", lambda: said("online", "offline", "online", "offline"))


if __name__ == "__main__":
    main()
