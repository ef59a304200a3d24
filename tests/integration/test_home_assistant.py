# SPDX-License-Identifier: Apache-2.0
"""Discovery for Home Assistant: what is announced, and what is taken back when the configuration has it no more."""
import json

from harness import GatewayTest, Subscriber, main

HOT = {"name": "hot", "sensor": "*", "high": {"warning": 75}}


class HomeAssistant(GatewayTest):
    def announced(self, broker):
        """{topic: payload} of what the broker keeps now."""
        late = self.kept(Subscriber(self.folder, broker, "homeassistant/#", "mark"))
        broker.publish("mark", "here", retain=True)
        self.wait_for("all that is retained", lambda: any(t == "mark" for t, _ in late.retained + late.messages))
        late.stop()
        return {t: json.loads(p) for t, p in late.retained if t != "mark"}

    def test_announced_and_taken_back(self):
        broker = self.broker()
        foreign = json.dumps({"name": "lamp", "state_topic": "lamp", "availability_topic": "lamp/status"})
        broker.publish("homeassistant/light/lamp/config", foreign, retain=True)
        _, room = self.file_source()
        _, hall = self.file_source("hall")
        gateway = self.gateway([room, hall], [HOT, dict(HOT, name="warm")], broker, mqtt={"home_assistant": True})
        ours = {f"homeassistant/{kind}/test_{name}/config" for kind, name in (
            ("sensor", "room_t"), ("sensor", "hall_t"), ("binary_sensor", "room_t_hot"), ("binary_sensor", "hall_t_hot"),
            ("binary_sensor", "room_t_warm"), ("binary_sensor", "hall_t_warm"))}
        lamp = {"homeassistant/light/lamp/config"}
        self.wait_for("all are announced", lambda: set(self.announced(broker)) == ours | lamp)
        sensor = self.announced(broker)["homeassistant/sensor/test_room_t/config"]
        self.assertEqual((sensor["unit_of_measurement"], sensor["device_class"], sensor["state_class"],
                          sensor["availability_topic"], sensor["state_topic"]),
                         ("°C", "temperature", "measurement", "sensorgw/test/status", "sensorgw/test/readings/room/t"))
        gateway.stop()
        gateway = self.gateway([room], [HOT], broker, mqtt={"home_assistant": True})
        left = {"homeassistant/sensor/test_room_t/config", "homeassistant/binary_sensor/test_room_t_hot/config"}
        self.wait_for("the others are taken back", lambda: set(self.announced(broker)) == left | lamp)
        gateway.stop()
        gateway = self.gateway([room], [HOT], broker, mqtt={"home_assistant": False})
        self.wait_for("all of ours are taken back", lambda: set(self.announced(broker)) == lamp)
        gateway.stop()


if __name__ == "__main__":
    main()
