# SPDX-License-Identifier: Apache-2.0
"""A broker that hangs, crawls, refuses or vanishes takes nothing else with it."""
import glob
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
from datetime import datetime

from harness import SANITIZE, GatewayTest, free_port, main
from processes import environment

HOT = {"name": "hot", "sensor": "room/t", "high": {"warning": 75}}


PLUGIN = glob.glob("/usr/lib/*/mosquitto_dynamic_security.so")


class Crawl:
    """A way to the broker that lets `rate` bytes a second through while `is_open`, and answers at once."""

    def __init__(self, port, rate):
        self.target, self.rate = port, rate
        self.is_open = threading.Event()
        self.is_open.set()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                client, _ = self.server.accept()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                broker = socket.create_connection(("127.0.0.1", self.target))
                threading.Thread(target=self._pass, args=(client, broker, self.rate), daemon=True).start()
                threading.Thread(target=self._pass, args=(broker, client, 0), daemon=True).start()
        except OSError:  # closed
            pass

    def _pass(self, one, other, rate):
        try:
            while data := one.recv(rate // 10 if rate else 65536):
                if rate:
                    self.is_open.wait()
                other.sendall(data)
                if rate:
                    time.sleep(0.1)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.server.close()


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
        self.assertLess(gaps, 8_000_000, "µs between two readings; Paho would wait for 10 s and more")
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

    def test_a_broker_that_forgot_all_is_told_what_is_active(self):
        broker = self.broker()
        sources, paths = [], []
        for name in ("room", "hall"):
            path, source = self.file_source(name, every="20ms")
            paths.append(path)
            sources.append(source)
        gateway = self.gateway(sources, [{"name": "hot", "sensor": "*/t", "high": {"warning": 75}}], broker)
        first = self.subscribe(broker, "sensorgw/test/alerts/#")
        for path in paths:
            self.write(path, "80")
        self.wait_for("both are raised", lambda: len(first.messages) == 2)
        self.write(paths[1], "20")
        self.wait_for("one is over", lambda: len(first.messages) == 3)
        self.wait_for("all are delivered", lambda: gateway.rows(
            "SELECT count(*), count(published_at) FROM alert_event") == [(3, 3)])
        told = next(message for message in first.messages if message[0] == "sensorgw/test/alerts/room/t/hot")
        broker.stop()
        broker = self.broker(broker.port)
        second = self.subscribe(broker, "sensorgw/test/alerts/#")

        def heard():  # the gateway may have come first
            return second.retained + second.messages
        self.wait_for("what is active is told again", heard)
        self.assertEqual(heard(), [told])
        late = self.subscribe(broker, "sensorgw/test/alerts/#")
        self.wait_for("it is retained", lambda: late.retained)
        self.assertEqual(late.retained, [told])
        # A restart of the gateway finds its session: nothing is told twice, and what is new arrives.
        gateway.stop()
        gateway.start()
        self.write(paths[1], "80")
        self.wait_for("raised again", lambda: len(heard()) >= 2)
        time.sleep(3)  # longer than a broker without the session would wait for it
        self.assertEqual([m[0] for m in heard()], [told[0], "sensorgw/test/alerts/hall/t/hot"])
        gateway.stop()

    def test_a_broker_that_crawls_gets_all_in_order_and_memory_stays(self):
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        crawl = Crawl(broker.port, 2000)
        self.addCleanup(crawl.close)
        path, source = self.file_source(every="20ms")
        gateway = self.gateway([source], [HOT], broker, storage={"flush": "100ms"},
                               mqtt={"url": f"mqtt://127.0.0.1:{crawl.port}"})
        self.wait_for("connected", lambda: "connected to" in gateway.process.output())
        waiting = "SELECT count(*) FROM alert_event WHERE published_at IS NULL"
        before, most, deepest = gateway.memory(), 0, 0
        crawl.is_open.clear()  # until some wait: nobody knows how quick the machine is
        for turn in range(60):
            if deepest > 3:
                crawl.is_open.set()
            self.write(path, "20" if turn % 2 else "80")
            self.wait_for("the transition", lambda n=turn: gateway.value("SELECT count(*) FROM alert_event") > n)
            most, deepest = max(most, gateway.memory()), max(deepest, gateway.value(waiting))
        self.assertGreater(deepest, 3, "they wait in the outbox")
        rows = self.polled(gateway)
        self.wait_for("polls go on", lambda: self.polled(gateway) > rows + 20)
        self.wait_for("all arrive", lambda: gateway.value(waiting) == 0)
        sent = [s for s, in gateway.rows("SELECT seq FROM alert_event ORDER BY seq")]
        self.wait_for("the subscriber has them", lambda: len({a["seq"] for a in subscriber.alerts()}) >= len(sent))
        self.assertEqual(list(dict.fromkeys(a["seq"] for a in subscriber.alerts())), sent)
        print(f"\n{deepest} transitions waited at most, {(most - before) >> 10} KiB more memory", flush=True)
        if not SANITIZE:
            self.assertLess(most - before, 8 << 20)
        self.check_books(gateway, gateway.stop())

    @unittest.skipUnless(PLUGIN, "needs mosquitto's dynamic security plugin")
    def test_a_subscription_that_is_refused_is_told_and_the_others_go_on(self):
        rules = self.path("rules.json")

        def allow(allowed):
            access = dict.fromkeys(("publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"), True)
            self.write(rules, json.dumps({
                "defaultACLAccess": access, "clients": [], "anonymousGroup": "all",
                "groups": [{"groupname": "all", "roles": [{"rolename": "r"}]}],
                "roles": [{"rolename": "r", "acls": [
                    {"acltype": "subscribeLiteral", "topic": "plant/+/t", "allow": allowed}]}]}))
            os.chmod(rules, 0o644)
        allow(False)
        extra = f"plugin {PLUGIN[0]}\nplugin_opt_config_file {rules}"
        broker = self.broker(extra=extra)
        gateway = self.gateway([{"name": "plant", "driver": "mqtt", "topic": "plant/+/t", "sensors": [{"name": "{1}/t"}]},
                                {"name": "hall", "driver": "mqtt", "topic": "hall/t", "sensors": [{"name": "t"}]}],
                               broker=broker, http={"listen": f"127.0.0.1:{free_port()}"})
        self.wait_for("it is told", lambda: re.search("refuses the subscription to plant/.*not authorized",
                                                      gateway.process.output()))
        self.assertIn("the broker refuses plant/+/t", gateway.cli("health"))

        def arrives(topic, sensor):
            broker.publish(topic, "5")
            return gateway.latest(sensor) == (5, "good")
        self.wait_for("the other one", lambda: arrives("hall/t", "hall/t"))
        self.assertFalse(arrives("plant/a/t", "plant/a/t"))
        allow(True)
        broker.stop()
        broker = self.broker(broker.port, extra)
        self.wait_for("it is permitted", lambda: arrives("plant/a/t", "plant/a/t"))
        self.assertNotIn("refuses", gateway.cli("health"))
        gateway.stop()

    def test_two_clients_of_one_id_leave_each_other_alone_longer_and_longer(self):
        broker = self.broker()
        path, source = self.file_source()
        gateway = self.gateway([source], [HOT], broker, http={"listen": f"127.0.0.1:{free_port()}"})

        def lost():
            return re.findall(r"^(\S+) .*lost the connection", gateway.process.output(), re.M)

        def came():
            return re.findall(r"^(\S+) .*mqtt: connected to", gateway.process.output(), re.M)
        self.wait_for("connected", came)
        for turn in range(4):  # the other one comes each time the gateway is back
            subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-i", "sensorgw-test", "-t", "x",
                            "-W", "1"], check=False, env=environment(), capture_output=True)
            self.wait_for("it is thrown out", lambda n=turn: len(lost()) > n)
            self.wait_for("it is back", lambda n=turn: len(came()) > n + 1)
        words = "perhaps another client uses the id sensorgw-test; give each gateway a gateway.name"
        self.assertIn(words, gateway.process.output())
        self.assertIn("does not last", gateway.cli("health"))
        waits = [datetime.fromisoformat(b) - datetime.fromisoformat(a) for a, b in zip(lost(), came()[1:])]
        self.assertGreater(waits[-1].total_seconds(), 4, waits)  # of 8, less a quarter at most
        self.write(path, "80")
        self.wait_for("the alert is delivered", lambda: gateway.rows(
            "SELECT count(*), count(published_at) FROM alert_event") == [(1, 1)])
        self.check_books(gateway, gateway.stop())


if __name__ == "__main__":
    main()
