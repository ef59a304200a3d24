# SPDX-License-Identifier: Apache-2.0
"""The configuration is read anew while the gateway runs: what the file says the same of goes on, the rest follows; a
file with an error changes nothing."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest
import urllib.request

from harness import PATIENCE, SANITIZE, GatewayTest, free_port, main
from processes import SENSORGW, environment, yaml

RELOADS = 200 if os.environ.get("SENSORGW_SLOW") else 16
HOT = {"name": "hot", "sensor": "room/*", "high": {"warning": 80}}

BREAKERS = [
    ("a typing error", lambda text: text.replace("driver: file", "driver: fiel", 1)),
    ("an unknown key", lambda text: text + "sorces: []\n"),
    ("half a file", lambda text: text[:text.index("sources:") + 40]),
    ("an empty file", lambda text: ""),
    ("no YAML", lambda text: text + "\t: : [\n"),
    ("bytes", lambda text: text + "\x00\x01\x02"),
    ("a wrong number", lambda text: text.replace("every: 50ms", "every: soon", 1)),
    ("two of one name", lambda text: re.sub(r'name: "?hall"?', "name: steady", text, count=1)),
    ("a missing value", lambda text: text.replace("sources:", "sources: []\nx:", 1)),
]

SHIM = os.environ.get("SENSORGW_SHIM", "")


class ReloadTest(GatewayTest):
    def setUp(self):
        super().setUp()
        self.sim = None

    def bus(self, name, unit, every="50ms", **more):
        return {"name": name, "driver": "modbus", "address": "127.0.0.1:" + self.sim.served["tcp"],
                "every": every, "timeout": "10s",  # nothing is to time out by chance
                "devices": [{"name": f"{name}-d", "unit_id": unit, "sensors": [{"name": "x", "holding": 1000}]}], **more}

    @staticmethod
    def write_config(gateway, config):
        with open(gateway.config_path + ".new", "w", encoding="utf-8") as f:
            f.write(config if isinstance(config, str) else "".join(f"{k}: {yaml(v)}\n" for k, v in config.items()))
        os.rename(gateway.config_path + ".new", gateway.config_path)

    def config(self, sources, rules=(), **sections):
        config = {"gateway": {"name": "test", "log": {"level": "debug"}},
                  "storage": {"path": self.path("gw.db"), "flush": "200ms"}, "http": "off", "sources": list(sources)}
        if rules:
            config["rules"] = list(rules)
        for section, values in sections.items():
            config[section] = values
        return config

    def reload(self, gateway, status=0):
        done = subprocess.run([SENSORGW, "-c", gateway.config_path, "reload"], capture_output=True, text=True,
                              env=environment(), check=False, timeout=3 * PATIENCE)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    @staticmethod
    def threads(gateway, *names):
        """The ids of the threads of sources: one that goes on keeps its own."""
        found = {}
        for tid in os.listdir(f"/proc/{gateway.process.pid}/task"):
            try:
                with open(f"/proc/{gateway.process.pid}/task/{tid}/comm", encoding="utf-8") as f:
                    found[f.read().strip()] = int(tid)
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended meanwhile
        return {name: found.get(name) for name in names}

    def test_what_changes_follows_and_the_rest_goes_on(self):
        _, room = self.file_source("room")
        _, hall = self.file_source("hall")
        _, loft = self.file_source("loft")
        gateway = self.gateway([room, hall])
        self.wait_for("both", lambda: gateway.latest("room/t") and gateway.latest("hall/t"))
        self.wait_for("their threads", lambda: None not in self.threads(gateway, "room", "hall").values())
        before = self.threads(gateway, "room", "hall")
        self.assertIn("2 kept, 0 changed, 0 added, 0 removed", self.reload(gateway))
        self.assertEqual(self.threads(gateway, "room", "hall"), before)
        # One changes its unit, one comes.
        hall["sensors"][0]["unit"] = "K"
        self.write_config(gateway, self.config([loft, room, hall]))
        self.assertIn("sources: 1 kept, 1 changed, 1 added, 0 removed", self.reload(gateway))
        self.wait_for("the new one", lambda: gateway.latest("loft/t"))
        self.wait_for("the unit", lambda: gateway.value("SELECT unit FROM sensor WHERE name = 'hall/t'") == "K")
        self.wait_for("a thread of its own", lambda: self.threads(gateway, "hall")["hall"] not in (None, before["hall"]))
        self.assertEqual(self.threads(gateway, "room")["room"], before["room"])
        # One goes; a sensor moves to a source of another name, and keeps its row.
        row = gateway.value("SELECT id FROM sensor WHERE name = 'room/t'")
        had = gateway.value("SELECT count(*) FROM reading WHERE sensor_id = ?", row)
        self.write_config(gateway, self.config([loft, room]))
        out = self.reload(gateway)
        self.assertIn("sources: 2 kept, 0 changed, 0 added, 1 removed", out)
        self.assertIn("sensors: 0 added, 1 removed", out)
        self.assertNotIn("hall", gateway.cli("monitor", "--once"))
        self.wait_for("the thread's end", lambda: self.threads(gateway, "hall") == {"hall": None})
        self.wait_for("room goes on", lambda: gateway.value(
            "SELECT count(*) FROM reading WHERE sensor_id = ?", row) > had)
        # And comes back.
        self.write_config(gateway, self.config([loft, room, hall]))
        self.assertIn("sources: 2 kept, 0 changed, 1 added, 0 removed", self.reload(gateway))
        hall_row = gateway.value("SELECT id FROM sensor WHERE name = 'hall/t'")
        had = gateway.value("SELECT count(*) FROM reading WHERE sensor_id = ?", hall_row)
        self.wait_for("hall again", lambda: gateway.value(
            "SELECT count(*) FROM reading WHERE sensor_id = ?", hall_row) > had)
        summary = gateway.stop()
        self.assertEqual(set(summary["sources"]), {"room", "hall", "loft"})
        self.check_books(gateway, summary)

    def test_a_device_moves_to_another_line(self):
        self.sim = self.simulator("--tcp", "0")
        one = self.bus("a", 1)
        one["devices"][0]["name"] = "meter"
        gateway = self.gateway([one])
        self.wait_for("a value", lambda: gateway.latest("meter/x"))
        two = dict(one, name="b", timeout="1s")
        self.write_config(gateway, self.config([two]))
        self.assertIn("sources: 0 kept, 0 changed, 1 added, 1 removed", self.reload(gateway))
        # What is stored now may still be of the former one; the books say whose it is.
        self.wait_for("it goes on", lambda: (gateway.value(
            "SELECT readings FROM ledger WHERE source = 'b' AND what = 'committed'") or 0) > 3)
        self.assertEqual(gateway.value("SELECT count(*) FROM sensor"), 1)
        self.wait_for("its source", lambda: gateway.value("SELECT source FROM sensor") == "b")
        summary = gateway.stop()
        self.assertGreater(summary["sources"]["a"]["committed"], 0)
        self.assertGreater(summary["sources"]["b"]["committed"], 0)
        self.check_books(gateway, summary)

    def test_lines_that_are_shared_change_together(self):
        self.sim = self.simulator("--tcp", "0")
        _, room = self.file_source("room")
        gateway = self.gateway([self.bus("a", 1), self.bus("b", 2), room])
        self.wait_for("both", lambda: gateway.latest("a-d/x") and gateway.latest("b-d/x"))
        self.write_config(gateway, self.config([self.bus("a", 1), self.bus("b", 2), self.bus("c", 3), room]))
        self.assertIn("sources: 1 kept, 2 changed, 1 added, 0 removed", self.reload(gateway))
        self.wait_for("the third", lambda: gateway.latest("c-d/x"))
        self.write_config(gateway, self.config([self.bus("b", 2), self.bus("c", 3), room]))
        self.assertIn("sources: 1 kept, 2 changed, 0 added, 1 removed", self.reload(gateway))
        had = gateway.value("SELECT count(*) FROM reading JOIN sensor ON id = sensor_id WHERE name = 'c-d/x'")
        self.wait_for("the third goes on", lambda: gateway.value(
            "SELECT count(*) FROM reading JOIN sensor ON id = sensor_id WHERE name = 'c-d/x'") > had)
        self.check_books(gateway, gateway.stop())

    def test_rules_follow(self):
        """Alerts of a rule that is the same go on, a changed one judges at once, a removed one's are cleared."""
        broker = self.broker()
        mqtt = {"url": f"mqtt://{broker.address}"}
        told = self.subscribe(broker, "sensorgw/test/alerts/#")
        _, room = self.file_source("room", value="85")
        same = dict(HOT, name="same", high={"warning": 70})
        gateway = self.gateway([room], [HOT, same], broker)

        def alerts():
            return gateway.rows("SELECT a.rule, e.state, e.alert_id FROM alert_event e JOIN alert a ON a.id = e.alert_id"
                                " ORDER BY e.rowid")

        def limits():
            return [words[3] for words in gateway.control("limits\troom/t")]
        self.wait_for("both alerts", lambda: {a[:2] for a in alerts()} == {("hot", "raised"), ("same", "raised")})
        first = {rule: number for rule, _, number in alerts()}
        gateway.cli("ack", "room/t", "same", "--who", "ann")
        self.wait_for("the mark", lambda: ("same", "acknowledged", first["same"]) in alerts())
        # A higher limit: the alert is over, without waiting for anything but the reload.
        self.write_config(gateway, self.config([room], [dict(HOT, high={"warning": 90}), same], mqtt=mqtt))
        out = self.reload(gateway)
        self.assertIn("rules: 1 kept, 1 changed, 0 added, 0 removed", out)
        self.assertNotIn("restart", out)
        self.assertEqual(limits(), ["90", "70"])
        self.wait_for("its end", lambda: ("hot", "cleared", first["hot"]) in alerts())
        # A lower one, and another rule.
        more = dict(HOT, name="more", high={"warning": 84})
        self.write_config(gateway, self.config([room], [more, dict(HOT, high={"warning": 60}), same], mqtt=mqtt))
        self.assertIn("rules: 1 kept, 1 changed, 1 added, 0 removed", self.reload(gateway))
        self.wait_for("two more", lambda: {a[:2] for a in alerts()[-2:]} == {("hot", "raised"), ("more", "raised")})
        # Without "hot", its alert ends and says why; "same" has not noticed any of this.
        self.write_config(gateway, self.config([room], [same, more], mqtt=mqtt))
        self.assertIn("rules: 2 kept, 0 changed, 0 added, 1 removed", self.reload(gateway))
        self.wait_for("the last word", lambda: any(
            a["rule"] == "hot" and a["state"] == "cleared" and a.get("comment") == "no rule watches it any more"
            for a in told.alerts()))
        self.assertEqual([a[1:] for a in alerts() if a[0] == "same"],
                         [("raised", first["same"]), ("acknowledged", first["same"])])
        self.check_books(gateway, gateway.stop())

    def test_a_shelf_ends_with_its_rule(self):
        """By a reload or over a restart: a rule that comes back is not silent for reasons that nobody remembers."""
        _, room = self.file_source("room", value="85")
        same = dict(HOT, name="same")
        gateway = self.gateway([room], [HOT, same])

        def shelves():
            return gateway.rows("SELECT rule FROM alert_shelf ORDER BY rule")
        for again in (lambda: self.reload(gateway), lambda: (gateway.stop(), gateway.start())):
            for rule in ("hot", "same"):
                gateway.cli("shelve", "room/t", rule, "1h")
            self.wait_for("both", lambda: shelves() == [("hot",), ("same",)])
            self.write_config(gateway, self.config([room], [same]))
            again()
            self.wait_for("one is left", lambda: shelves() == [("same",)])
            self.write_config(gateway, self.config([room], [HOT, same]))
            again()
            self.wait_for("it is raised and told", lambda: gateway.rows(
                "SELECT state, withheld FROM alert_event e WHERE (SELECT rule FROM alert WHERE id = alert_id) = 'hot'"
                " ORDER BY seq DESC LIMIT 1") == [("raised", None)])
            self.assertEqual(shelves(), [("same",)])
        gateway.stop()
        self.check_database(gateway.database)

    def test_a_stale_rule_misses_what_earlier_runs_have_seen(self):
        broker = self.broker()
        mqtt = {"url": f"mqtt://{broker.address}"}
        told = self.subscribe(broker, "sensorgw/test/alerts/#")
        hut = {"name": "hut", "driver": "mqtt", "topic": "hut/+/t", "sensors": [{"name": "{1}/t"}]}
        pond, well = ({"name": name, "driver": "mqtt", "topic": name, "sensors": [{"name": "t"}]} for name in ("pond", "well"))
        gateway = self.gateway([hut, pond], [], broker)

        def seen():
            broker.publish("hut/north/t", "5")
            broker.publish("pond", "4")
            return gateway.latest("hut/north/t") and gateway.latest("pond/t")
        self.wait_for("the sensors", seen)
        gateway.stop()
        self.write_config(gateway, self.config([hut], [], mqtt=mqtt))
        gateway.start()
        mute = {"name": "mute", "sensor": "*", "stale": "2s"}
        self.write_config(gateway, self.config([hut, pond, well], [mute], mqtt=mqtt))
        self.assertIn("0 changed, 1 added", self.reload(gateway))
        self.wait_for("the alerts", lambda: sorted((a["state"], a["sensor"], a["reason"]) for a in told.alerts()) == [
            ("raised", "hut/north/t", "silent"), ("raised", "pond/t", "silent"), ("raised", "well/t", "never_seen")])

        def back():
            broker.publish("hut/north/t", "6")
            return any(a["state"] == "cleared" for a in told.alerts())
        self.wait_for("its end", back)
        self.wait_for("the value", lambda: gateway.latest("hut/north/t") == (6, "good"))
        gateway.stop()
        self.check_database(gateway.database)

    def test_home_assistant_follows(self):
        broker = self.broker()
        mqtt = {"url": f"mqtt://{broker.address}", "home_assistant": True}
        kept = self.subscribe(broker, "homeassistant/#")
        _, room = self.file_source("room")
        _, hall = self.file_source("hall")
        _, loft = self.file_source("loft")
        gateway = self.gateway([room, hall], [HOT], broker, mqtt={"home_assistant": True})

        def there():
            last = dict(kept.retained + kept.messages)
            return {topic.split("/")[2] for topic, payload in last.items() if payload}
        self.wait_for("all", lambda: there() == {"test_room_t", "test_hall_t", "test_room_t_hot"})
        warm = dict(HOT, name="warm", sensor="*")
        self.write_config(gateway, self.config([room, loft], [warm], mqtt=mqtt))
        self.reload(gateway)
        self.wait_for("what there is now", lambda: there() == {
            "test_room_t", "test_loft_t", "test_room_t_warm", "test_loft_t_warm"})
        self.write_config(gateway, self.config([room, hall], [HOT], mqtt=mqtt))
        self.reload(gateway)
        self.wait_for("as before", lambda: there() == {"test_room_t", "test_hall_t", "test_room_t_hot"})
        self.check_books(gateway, gateway.stop())

    @unittest.skipIf(SANITIZE or not SHIM, "a sanitizer's own library must be loaded first")
    def test_a_source_that_does_not_start_is_named_and_tried_again(self):
        _, room = self.file_source("room")
        _, hall = self.file_source("hall")
        gateway = self.gateway([room], start=False)
        gateway.prefix = ["env", f"LD_PRELOAD={SHIM}", f"SHIM_THREAD={self.path('fault')}"]
        gateway.start()
        self.wait_for("a value", lambda: gateway.latest("room/t"))
        self.write_config(gateway, self.config([room, hall]))
        self.write(self.path("fault"), "")
        out = self.reload(gateway, 1)
        self.assertIn("source hall does not start", out)
        self.assertIn("sources: 1 kept, 0 changed, 1 added, 0 removed, 1 not started", out)
        self.assertIn("reloaded, but not all of it works", out)
        os.unlink(self.path("fault"))
        self.assertIn("sources: 1 kept, 1 changed, 0 added, 0 removed", self.reload(gateway))
        self.wait_for("it runs", lambda: gateway.latest("hall/t"))
        self.check_books(gateway, gateway.stop())

    def test_a_broken_file_changes_nothing_and_says_where(self):
        port = free_port()
        _, room = self.file_source("room")
        listen = {"listen": f"127.0.0.1:{port}"}
        config = self.config([room])
        config["http"] = listen
        gateway = self.gateway([room], start=False)
        self.write_config(gateway, config)
        gateway.start()
        self.wait_for("a value", lambda: gateway.latest("room/t"))
        self.wait_for("its thread", lambda: self.threads(gateway, "room")["room"])
        before = self.threads(gateway, "room")
        text = "".join(f"{k}: {yaml(v)}\n" for k, v in config.items())
        self.write_config(gateway, text.replace("path:", "pth:").replace("pth:", "path:", 1))
        out = self.reload(gateway, 1)
        self.assertRegex(out, r"gw\.yaml:\d+:\d+: sources\[0\]\.sensors\[0\].*unknown key")
        self.assertIn("former configuration stays in force", out)
        self.assertEqual(self.threads(gateway, "room"), before)
        self.assertIn("configuration: not reloaded: " + gateway.config_path, gateway.cli("health"))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as page:
            metrics = page.read().decode()
        self.assertIn("\nsensorgw_config_reload_failures_total 1\n", metrics)
        self.assertIn("\nsensorgw_config_reloads_total 0\n", metrics)
        # SIGHUP does the same as the command.
        gateway.process.signal(signal.SIGHUP)
        self.wait_for("the log", lambda: gateway.process.output().count("is not reloaded") == 2)
        os.unlink(gateway.config_path)
        gateway.process.signal(signal.SIGHUP)
        self.wait_for("a file that is gone", lambda: f"reload: {gateway.config_path}: No such file" in gateway.process.output())
        self.write_config(gateway, config)
        gateway.process.signal(signal.SIGHUP)
        self.wait_for("mended", lambda: "configuration" not in gateway.cli("health"))
        self.check_books(gateway, gateway.stop())

    def test_another_file_than_the_gateway_s_is_refused(self):
        _, room = self.file_source("room")
        gateway = self.gateway([room])
        other, link = self.path("other.yaml"), self.path("link.yaml")
        shutil.copy(gateway.config_path, other)
        os.symlink(gateway.config_path, link)

        def named(path):
            return subprocess.run([SENSORGW, "-c", path, "reload"], capture_output=True, text=True, env=environment(),
                                  check=False, timeout=3 * PATIENCE)
        done = named(other)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertIn(f"nothing was reloaded: the gateway of this database runs with "
                      f"{os.path.realpath(gateway.config_path)}, not with {other}", done.stderr)
        self.assertNotIn("reloaded: sources", gateway.process.output())
        done = named(link)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(f"{os.path.realpath(gateway.config_path)} is in force\n", done.stdout)
        gateway.stop()

    def test_what_needs_a_restart_is_named_and_the_rest_applied(self):
        _, room = self.file_source("room")
        _, hall = self.file_source("hall")
        gateway = self.gateway([room])
        config = self.config([room, hall])
        config["storage"] = dict(config["storage"], path=self.path("other.db"))
        config["gateway"] = dict(config["gateway"], workers=3)
        config["http"] = {"listen": f"127.0.0.1:{free_port()}"}
        self.write_config(gateway, config)
        done = self.kept_socket(gateway)
        for key in ("storage.path", "gateway.workers", "http"):
            self.assertIn(f"{key} needs a restart", done)
        self.wait_for("the new source", lambda: gateway.latest("hall/t"))
        # A broker cannot come while it runs, and a source that needs one neither.
        config = self.config([room, {"name": "m", "driver": "mqtt", "topic": "x", "sensors": [{"name": "v"}]}],
                             mqtt={"url": "mqtt://127.0.0.1:1"})
        self.write_config(gateway, config)
        self.assertIn("source m needs the broker", self.reload(gateway, 1))
        self.wait_for("hall goes on", lambda: gateway.latest("hall/t"))
        self.check_books(gateway, gateway.stop())

    def kept_socket(self, gateway):
        """The answer to a reload whose file names another database, and so another socket."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(gateway.database + ".control")
            f = s.makefile("rw", encoding="utf-8")

            def ask(request):
                f.write(request + "\n")
                f.flush()
                lines = []
                while (line := f.readline()) != ".\n":
                    self.assertNotEqual(line, "", "the gateway hung up")
                    lines.append(line.rstrip("\n"))
                return lines
            number = ask("reload")[0]
            self.wait_for("the outcome", lambda: ask("reload\t" + number)[0] != "wait")
            return "\n".join(ask("reload\t" + number))

    def test_subscriptions_follow(self):
        broker = self.broker(extra="log_type all")

        def source(topic):
            return {"name": "m", "driver": "mqtt", "topic": topic, "sensors": [{"name": "{1}"}]}
        gateway = self.gateway([source("a/+")], broker=broker)

        def arrives(topic, sensor):
            def look():
                broker.publish(topic, "5")
                return gateway.latest(sensor)
            self.wait_for(topic, look)
        arrives("a/one", "m/one")
        mqtt = {"url": f"mqtt://{broker.address}"}
        self.write_config(gateway, self.config([source("b/+")], mqtt=mqtt))
        self.reload(gateway)
        arrives("b/two", "m/two")
        had = gateway.value("SELECT count(*) FROM reading JOIN sensor ON id = sensor_id WHERE name = 'm/one'")
        broker.publish("a/one", "6")
        # The broker has forgotten the former filter.
        self.wait_for("the unsubscription", lambda: "UNSUBSCRIBE from sensorgw-test" in broker.output())
        self.write_config(gateway, self.config([source("a/+")], mqtt=mqtt))
        self.reload(gateway)
        arrives("a/one", "m/one")
        self.assertGreaterEqual(had, 1)
        self.check_books(gateway, gateway.stop())

    def test_many_reloads_under_load(self):
        """Half of them broken. The bus that nobody touches keeps its thread and its connection."""
        broker = self.broker()
        self.sim = self.simulator("--tcp", "0", "--mqtt", broker.address, "--mqtt-sensors", "100", "--mqtt-every", "20",
                                  "--period", "1")
        mqtt = {"url": f"mqtt://{broker.address}"}
        steady = self.bus("steady", 1, every="20ms")
        _, room = self.file_source("room", every="50ms")
        _, hall = self.file_source("hall", every="50ms")
        flood = {"name": "flood", "driver": "mqtt", "topic": "sim/+/telemetry",
                 "sensors": [{"name": "{1}/seq", "value": "/seq"}]}
        variants = [[steady, room, hall, flood], [steady, hall, flood], [room, steady, flood],
                    [steady, dict(room, every="100ms"), hall, flood], [flood, hall, dict(room, every="50ms"), steady]]
        gateway = self.gateway(variants[0], broker=broker)
        self.wait_for("all", lambda: gateway.latest("steady-d/x") and gateway.latest("hall/t"))
        self.wait_for("its thread", lambda: self.threads(gateway, "steady")["steady"])
        thread, line = self.threads(gateway, "steady"), self.connection(gateway)
        random.seed(7)
        memory = started = None
        for i in range(RELOADS):
            config = self.config(random.choice(variants), mqtt=mqtt)
            text = "".join(f"{k}: {yaml(v)}\n" for k, v in config.items())
            broken = i % 2 == 1
            if broken:
                name, breaker = BREAKERS[i // 2 % len(BREAKERS)]
                text = breaker(text)
            self.write_config(gateway, text)
            if broken:
                with self.subTest(name):
                    gateway.process.signal(signal.SIGHUP)
                    failures = i // 2 + 1
                    self.wait_for(f"{name} is refused", lambda n=failures: gateway.process.output().count(
                        "is not reloaded") >= min(n, 10) or "more like this" in gateway.process.output())
                    self.write_config(gateway, self.config(variants[0], mqtt=mqtt))
            self.reload(gateway)
            if i == RELOADS // 2:
                memory, started = gateway.memory(), time.monotonic()
        self.assertEqual(self.threads(gateway, "steady"), thread)
        self.assertEqual(self.connection(gateway), line)
        took = time.monotonic() - started
        grown = (gateway.memory() - memory) // 1024
        print(f"{RELOADS} reloads, {took:.1f} s for the last half, memory grew by {grown} kB")
        if not SANITIZE and RELOADS >= 200:  # caches fill for about a hundred reloads
            self.assertLess(grown, 1024)
        summary = gateway.stop()
        # Each message counts on: none is missing of the flood, which was never touched.
        got, sent = gateway.rows("SELECT count(DISTINCT value), max(value) - min(value) + 1 FROM reading"
                                 " JOIN sensor ON id = sensor_id WHERE source = 'flood'")[0]
        self.assertEqual(got, sent)
        self.assertEqual(gateway.value("SELECT count(*) FROM reading JOIN sensor ON id = sensor_id WHERE"
                                       " name = 'steady-d/x' AND quality <> 0"), 0)
        self.assertEqual(sum(summary["sources"]["steady"]["dropped"].values()), 0)
        self.check_books(gateway, summary)

    def connection(self, gateway):
        """The local end of the connection to the slave: another one would have another port."""
        port = int(self.sim.served["tcp"])
        with open(f"/proc/{gateway.process.pid}/net/tcp", encoding="ascii") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        return sorted(r[1] for r in rows if r[2].endswith(f":{port:04X}") and r[3] == "01")


if __name__ == "__main__":
    main()
