# SPDX-License-Identifier: Apache-2.0
"""Shows a made-up boiler room to a real gateway and takes pictures of its page. The values are functions of the time,
so that two runs differ in dates only."""
import argparse
import json
import math
import os
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from browser import Browser  # noqa: E402  (found through the path above)
from processes import Gateway, Simulator, free_port, wait_for  # noqa: E402

DESKTOP, PHONE = (1280, 800), (390, 844)
DAY = 86400
HISTORY = 8 * DAY
MINUTE = 60
# name: unit, decimals, level, swing over a day, swing over two hours
SENSORS = {
    "boiler/flow_temp": ("°C", 1, 53, 2, 1.2), "boiler/return_temp": ("°C", 1, 41, 4, 2), "boiler/pressure": ("bar", 2, 1.62, 0.05, 0.03),
    "boiler/power": ("kW", 1, 12, 5, 3), "boiler/energy": ("kWh", 1, 48211, 0, 0), "boiler/burner": ("", 0, 0, 0, 0),
    "meter/voltage": ("V", 1, 230.4, 1.8, 1.1), "meter/current": ("A", 2, 9.4, 4, 2),
    "tank/level": ("%", 1, 55, 12, 3), "pump/running": ("", 0, 1, 0, 0), "pump/flow": ("l/min", 1, 22, 3, 1),
    "cellar/temperature": ("°C", 1, 14.2, 0.6, 0.2), "cellar/humidity": ("%", 1, 61, 5, 2), "pi/cpu_temp": ("°C", 1, 48, 2, 3),
    "greenhouse/1/temperature": ("°C", 1, 22, 5, 1), "greenhouse/1/humidity": ("%", 1, 54, 8, 3),
    "greenhouse/2/temperature": ("°C", 1, 20, 4, 1), "greenhouse/2/humidity": ("%", 1, 63, 7, 2)}
RULES = [{"name": "overheat", "sensor": "boiler/flow_temp", "high": {"warning": 75, "critical": 85}, "hysteresis": 2},
         {"name": "nearly_empty", "sensor": "tank/level", "low": {"warning": 20}, "for": "1m"},
         {"name": "silent", "sensor": "*", "stale": "5s"}]
HOT = 2.4 * DAY  # so long ago the boiler was too hot for a while


def value_of(name, ago, now):
    _, decimals, level, daily, hourly = SENSORS[name]
    t, shift = now - ago, sum(name.encode())
    if name == "boiler/energy":
        return round(level - ago / 3600 * 1.9, 1)
    if name == "boiler/burner":
        return float((t + 900) % 7200 < 2600)
    value = level + daily * math.sin((t / DAY + shift / 40) * 2 * math.pi) + hourly * math.sin(t / 7200 * 2 * math.pi + shift)
    value += hourly / 4 * math.sin(t / 1700 + shift) + hourly / 9 * math.sin(t / 290 + shift)
    if name == "boiler/flow_temp":  # mornings and evenings
        value += 13 * max(0, math.sin(t / DAY * 4 * math.pi + 2 * math.sin(t / DAY / 5))) ** 3
        heat = math.exp(-((ago - HOT) / 4000) ** 2)
        value = value * (1 - heat) + 79.6 * heat
    return round(value, decimals)


class Room:
    """The gateway with its sensors; their files are written anew each second, as devices would."""

    def __init__(self, folder, name="boiler-room", sensors=None, sources=(), rules=RULES, **sections):
        self.folder, self.name = folder, name
        self.sensors = list(SENSORS) if sensors is None else sensors
        self.port, self.fixed = free_port(), {}
        self.stopping = threading.Event()
        self.write()
        config = {"gateway": {"name": name, "log": {"level": "warning"}}, "storage": {"path": f"{folder}/{name}.db", "flush": "1s"},
                  "http": {"listen": f"127.0.0.1:{self.port}"}, "sources": [*self.sources(), *sources], **({"rules": rules} if rules else {}), **sections}
        self.gateway = Gateway(folder, config, name)
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def path(self, sensor):
        return os.path.join(self.folder, sensor.replace("/", "."))

    def sources(self):
        """One for each device: the first part of the names."""
        return [{"name": device, "driver": "file", "every": "1s", "sensors": [
            {"name": s.split("/", 1)[1], "path": self.path(s), "unit": SENSORS.get(s, ("°C",))[0]} for s in self.sensors
            if s.split("/")[0] == device]} for device in dict.fromkeys(s.split("/")[0] for s in self.sensors)]

    def write(self):
        for sensor in self.sensors:
            value = self.fixed.get(sensor, value_of(sensor, 0, time.time()) if sensor in SENSORS else 21.5)
            with open(self.path(sensor) + ".new", "w", encoding="ascii") as f:
                f.write(f"{value}\n")
            os.rename(self.path(sensor) + ".new", self.path(sensor))

    def follow(self):
        while not self.stopping.wait(1):
            self.write()

    def start(self):
        self.gateway.start()
        wait_for("all sensors", lambda: (self.gateway.value("SELECT count(*) FROM sensor_latest") or 0) >= len(self.sensors))

    def stop(self):
        self.stopping.set()
        self.thread.join()
        if self.gateway.process:
            self.gateway.process.stop()

    def post(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/{path}", data=json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        urllib.request.urlopen(request).close()

    def fill(self):
        """A week of minutes in the stopped gateway's database, with the alert that the boiler gave."""
        now = int(time.time()) // MINUTE * MINUTE
        db = sqlite3.connect(self.gateway.database)
        for number, name in db.execute("SELECT id, name FROM sensor").fetchall():
            if name not in SENSORS:
                continue
            rows = [((now - ago) * 1_000_000, number, value_of(name, ago, now)) for ago in range(2 * MINUTE, HISTORY, MINUTE)]
            db.executemany("INSERT OR IGNORE INTO reading (time, sensor_id, value, quality) VALUES (?, ?, ?, 0)", rows)
        db.execute("INSERT OR REPLACE INTO reading_minute (minute, sensor_id, min, max, sum, count) SELECT time / 60000000 * 60000000 AS m, sensor_id, min(value), max(value),"
                   " sum(value), count(value) FROM reading GROUP BY m, sensor_id")
        db.execute("INSERT OR REPLACE INTO reading_hour (sensor_id, hour, min, max, sum, count) SELECT sensor_id, minute / 3600000000 * 3600000000 AS h, min(min), max(max),"
                   " sum(sum), sum(count) FROM reading_minute GROUP BY sensor_id, h")
        hot = [ago for ago in range(0, HISTORY, MINUTE) if value_of("boiler/flow_temp", ago, now) > 75]
        sensor = db.execute("SELECT id FROM sensor WHERE name = 'boiler/flow_temp'").fetchone()[0]
        peak = max(value_of("boiler/flow_temp", ago, now) for ago in hot)
        columns = [row[1] for row in db.execute("PRAGMA table_info(alert)")]
        alert = {"sensor_id": sensor, "rule": "overheat", "severity": "warning", "state": "cleared", "value": peak, "limit_value": 75,
                 "raised_at": (now - max(hot)) * 1_000_000, "changed_at": (now - min(hot)) * 1_000_000,
                 "cleared_at": (now - min(hot)) * 1_000_000}
        alert = {key: value for key, value in alert.items() if key in columns}
        db.execute(f"INSERT INTO alert ({', '.join(alert)}) VALUES ({', '.join('?' * len(alert))})", list(alert.values()))
        db.commit()
        db.close()


class Camera:
    def __init__(self, folder):
        self.folder, self.browser = folder, Browser()

    def open(self, room, view, size=DESKTOP, scheme="light", there=None):
        self.browser.look(*size, scheme, scale=1 if size == DESKTOP else 2)
        self.browser.open("about:blank")
        self.browser.wait("blank", "location.href === 'about:blank'")
        self.browser.open(f"http://127.0.0.1:{room.port}/{view}")
        self.browser.wait("the link", "document.querySelector('#link')?.innerText === 'live'")
        if there:
            self.browser.wait(there, f"!!document.querySelector({json.dumps(there)})")
        time.sleep(1.5)  # spark lines, chart and figures come one after the other

    def take(self, name, full=False):
        path = os.path.join(self.folder, f"{name}.png")
        self.browser.screenshot(path, full)
        wide = self.browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        print(path + (f": {wide} px too wide" if wide else ""), flush=True)


VIEWS = {"sensors": ("#/", ".sensors tr"), "chart": ("#/sensor/boiler%2Fflow_temp", ".rules li"), "alerts": ("#/alerts", ".list tr"),
         "health": ("#/health", ".figure")}


def week(camera):
    camera.browser.run("[...document.querySelectorAll('.ranges button')].find((b) => b.innerText === '7 d').click()")
    time.sleep(1.5)


def images(camera, room):
    """Those of the README."""
    camera.open(room, *VIEWS["sensors"][:1], there=".alert")
    camera.take("sensors")
    camera.open(room, VIEWS["chart"][0], scheme="dark", there=VIEWS["chart"][1])
    week(camera)
    camera.take("chart")


def everything(camera, room, folder):
    for view, (path, there) in VIEWS.items():
        for size, device in ((DESKTOP, "desktop"), (PHONE, "phone")):
            for scheme in ("light", "dark"):
                camera.open(room, path, size, scheme, there)
                if view == "chart":
                    week(camera)
                camera.take(f"{view}-{device}-{scheme}", full=device == "phone")
    dialogs(camera, room)
    room.post("alerts/acknowledge", {"sensor": "valve/position", "rule": "silent", "who": "Ada", "comment": "on my way"})
    for size, device in ((DESKTOP, "desktop"), (PHONE, "phone")):
        camera.open(room, "#/", size, there=".alert.quiet")
        camera.take(f"acknowledged-{device}")
    camera.open(room, "#/")
    camera.browser.run("Date.now = ((real) => () => real() + 5e6)(Date.now)")
    time.sleep(2)
    camera.take("old-desktop")
    crowd(camera, room)
    for size, device in ((DESKTOP, "desktop"), (PHONE, "phone")):
        camera.open(room, "#/", size)
        room.gateway.process.stop()
        camera.browser.wait("the banner", "!document.querySelector('#banner').hidden")
        camera.take(f"lost-{device}")
        room.start()
    garden = {"name": "garden", "driver": "mqtt", "topic": "garden/+/t", "sensors": [{"name": "{1}/t", "value": ""}]}
    other = Room(folder, "none", [], [garden], [], mqtt={"url": f"mqtt://127.0.0.1:{free_port()}"})
    other_views(camera, other)
    many = [f"hall{i // 20 + 1:02}/{'a_rather_long_name_of_a_sensor_' if i % 7 == 3 else ''}s{i}" for i in range(200)]
    other = Room(folder, "many", many, rules=[{"name": "warm", "sensor": "hall0*", "high": {"warning": 21}}])
    other_views(camera, other)


def dialogs(camera, room):
    for size, device in ((DESKTOP, "desktop"), (PHONE, "phone")):
        for verb in ("Acknowledge", "Shelve"):
            camera.open(room, "#/alerts", size, "dark" if verb == "Shelve" else "light", ".alert")
            camera.browser.click(f".alert .actions button[aria-label^={verb}]")
            time.sleep(0.5)
            camera.take(f"{verb.lower()}-{device}")


def crowd(camera, room):
    """All streams of events are taken."""
    camera.browser.open("about:blank")
    streams = []

    def are_taken():
        try:
            while len(streams) < 12:
                streams.append(urllib.request.urlopen(f"http://127.0.0.1:{room.port}/api/v1/events"))
        except urllib.error.HTTPError:
            return False  # that of the last picture is not free yet
        return True
    wait_for("all streams", are_taken)
    camera.browser.look(*DESKTOP, "light")
    camera.browser.open(f"http://127.0.0.1:{room.port}/?crowd")
    camera.browser.wait("the banner", "document.querySelector('#banner') && !document.querySelector('#banner').hidden")
    time.sleep(1)
    camera.take("crowd-desktop")
    for stream in streams:
        stream.close()


def other_views(camera, room):
    room.gateway.start()
    try:
        for size, device in ((DESKTOP, "desktop"), (PHONE, "phone")):
            for view in ("sensors", "alerts"):
                camera.open(room, VIEWS[view][0], size, "light" if device == "desktop" else "dark")
                camera.take(f"{room.name}-{view}-{device}")
    finally:
        room.stop()


def main():
    parser = argparse.ArgumentParser(prog="script/screenshots", description=__doc__)
    parser.add_argument("--all", metavar="DIR", help="all states of the page, into that folder, instead of the README's images")
    options = parser.parse_args()
    target = options.all or os.path.join(ROOT, "docs", "images")
    os.makedirs(target, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="sensorgw-screenshots-")
    simulator = Simulator(folder, "--tcp", "0", "--fault", "unit1=mute")
    valve = {"name": "heating", "driver": "modbus", "address": f"127.0.0.1:{simulator.served['tcp']}", "every": "1s", "timeout": "200ms", "devices": [
        {"name": "valve", "unit_id": 1, "sensors": [{"name": "position", "holding": 1, "scale": 0.1, "unit": "%"}]},
        {"name": "mixer", "unit_id": 2, "sensors": [{"name": "temperature", "holding": 0, "type": "int16", "scale": 0.1, "unit": "°C"}]}]}
    room, camera = Room(folder, sources=[valve]), Camera(target)
    try:
        room.start()
        room.gateway.stop()
        room.fill()
        room.start()
        wait_for("the alert", lambda: room.gateway.value("SELECT count(*) FROM active_alerts"))
        if options.all:
            everything(camera, room, folder)
        else:
            images(camera, room)
    finally:
        camera.browser.close()
        room.stop()
        simulator.stop()


if __name__ == "__main__":
    main()
