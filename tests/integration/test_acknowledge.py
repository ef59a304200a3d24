# SPDX-License-Identifier: Apache-2.0
"""What people do about alerts: acknowledge and shelve, over MQTT and from the command line, and over a restart."""
import json

from harness import GatewayTest, main

TOPIC = "sensorgw/test/alerts/room/t/hot"
HOT = {"name": "hot", "sensor": "room/t", "high": {"warning": 75, "critical": 85}, "hysteresis": 2}


class Acknowledge(GatewayTest):
    def setUp(self):
        super().setUp()
        self.port_broker = self.broker()
        self.subscriber = self.subscribe(self.port_broker, TOPIC)
        self.path_t, source = self.file_source(value="80")
        self.gw = self.gateway([source], [HOT], self.port_broker)
        self.expect("raised")

    def states(self):
        return [a["state"] for a in self.subscriber.alerts()]

    def expect(self, *states):
        self.wait_for(f"alerts {states}", lambda: len(self.states()) >= len(states))
        self.assertEqual(self.states(), list(states))
        return self.subscriber.alerts()[-1]

    def restart(self):
        self.wait_for("all is acknowledged by the broker", self.gw.has_told_all)
        self.gw.stop()
        self.gw.start()

    def refusals(self):
        return self.gw.process.output().count("not done what MQTT asked for (shelve)")

    def refusals_after(self, payload):
        """What was asked for before the gateway has subscribed is lost, so it is asked for again."""
        self.port_broker.publish(TOPIC + "/shelve", payload)
        return self.refusals()

    def value(self, number):
        self.write(self.path_t, str(number))
        self.wait_for(f"{number} was judged", lambda: self.gw.latest("room/t") == (number, "good"))

    def test_acknowledged_over_mqtt_and_after_a_restart(self):
        self.port_broker.publish(TOPIC + "/ack", json.dumps({"who": "ann", "comment": "on my way"}))
        alert = self.expect("raised", "acknowledged")
        self.assertEqual((alert["by"], alert["comment"], alert["value"], alert["limit"], alert["reason"]),
                         ("ann", "on my way", 80, 75, "high"))
        self.assertEqual(len({a["id"] for a in self.subscriber.alerts()}), 1)
        self.restart()
        self.assertEqual(self.gw.rows("SELECT state, acknowledged_by FROM active_alerts"), [("acknowledged", "ann")])
        self.wait_for("it has subscribed", lambda: self.refusals_after("soon") > 0)
        self.port_broker.publish(TOPIC + "/ack", "")  # it is already: nothing new
        said = self.refusals()
        self.wait_for("that was looked at, and a later one", lambda: self.refusals_after("now") > said)
        self.value(90)
        self.expect("raised", "acknowledged", "escalated")
        self.port_broker.publish(TOPIC + "/ack", "")
        self.assertEqual(self.expect("raised", "acknowledged", "escalated", "acknowledged")["by"], "MQTT")
        self.value(20)
        self.expect("raised", "acknowledged", "escalated", "acknowledged", "cleared")
        self.gw.stop()
        self.check_database(self.gw.database)

    def test_shelved_from_the_command_line_over_a_restart(self):
        self.assertEqual(self.gw.cli("shelve", "room/t", "hot", "1h", "--who", "bob"),
                         "room/t hot is shelved for 1h\n")
        alert = self.expect("raised", "shelved")
        self.assertEqual(alert["by"], "bob")
        self.assertAlmostEqual(alert["until_us"] - alert["time_us"], 3600e6, delta=1)
        self.value(20)
        self.expect("raised", "shelved", "cleared")
        self.value(80)  # withheld
        self.wait_for("the withheld alert", lambda: self.gw.rows(
            "SELECT state, withheld FROM alert_event ORDER BY seq DESC LIMIT 1") == [("raised", "shelved")])
        self.restart()
        self.assertIn("Z", self.gw.value("SELECT shelved_until FROM active_alerts"))
        self.value(90)
        self.wait_for("the withheld alert", lambda: self.gw.rows(
            "SELECT state, withheld FROM alert_event ORDER BY seq DESC LIMIT 1") == [("escalated", "shelved")])
        self.assertEqual(self.gw.cli("shelve", "room/t", "hot", "off"), "room/t hot is not shelved any more\n")
        alert = self.expect("raised", "shelved", "cleared", "escalated")
        self.assertEqual((alert["severity"], alert["value"]), ("critical", 90))
        self.wait_for("the shelf is empty", lambda: self.gw.value("SELECT count(*) FROM alert_shelf") == 0)
        self.gw.stop()

    def test_shelved_over_mqtt_until_the_time_is_over(self):
        self.port_broker.publish(TOPIC + "/shelve", "1s")
        self.expect("raised", "shelved", "raised")
        self.port_broker.publish(TOPIC + "/shelve", json.dumps({"for": "2h", "who": "ann"}))
        self.assertEqual(self.expect("raised", "shelved", "raised", "shelved")["by"], "ann")
        self.port_broker.publish(TOPIC + "/shelve", "off")
        self.expect("raised", "shelved", "raised", "shelved", "raised")

    def test_what_cannot_be_done_is_said(self):
        self.assertEqual(self.gw.cli("ack", "room/t", "hot", "-m", "seen"), "room/t hot is acknowledged\n")
        self.expect("raised", "acknowledged")
        self.assertIn('no rule "cold" watches that sensor', self.gw.cli("ack", "room/t", "cold", status=1))
        self.assertRegex(self.gw.cli("ack", "rom/t", "hot", status=1),
                         "there is no sensor of that name\n.*did you mean 'room/t'")
        self.assertIn("it is not shelved", self.gw.cli("shelve", "room/t", "hot", "off", status=1))
        self.assertIn("'soon' is no time", self.gw.cli("shelve", "room/t", "hot", "soon", status=2))
        self.value(20)
        self.expect("raised", "acknowledged", "cleared")
        self.assertIn("there is no active alert", self.gw.cli("ack", "room/t", "hot", status=1))
        for verb, payload, retain in (("shelve", "soon", False), ("shelve", "", False), ("ack", "x" * 600, False),
                                      ("ack", "{}", True)):
            said = self.gw.process.output().count("not done what MQTT asked for")
            self.port_broker.publish(f"{TOPIC}/{verb}", payload, retain=retain)
            if retain:  # given to whoever subscribes next: a gateway that starts
                self.gw.stop()
                self.gw.start()
                said = 0
            self.wait_for(f"{verb} {payload[:9]} is refused", lambda n=said: self.gw.process.output().count(
                "not done what MQTT asked for") > n)
        self.gw.stop()
        self.assertIn("cannot ask the gateway", self.gw.cli("ack", "room/t", "hot", status=1))


if __name__ == "__main__":
    main()
