# SPDX-License-Identifier: Apache-2.0
"""No file descriptors are left: what is open goes on, what needs a new one fails and says so without end or haste, and
works again as soon as there are some."""
import os
import resource
import socket
import time
import urllib.request

from harness import GatewayTest, free_port, main

LOOK_S = 2


class Descriptors(GatewayTest):
    @staticmethod
    def cpu_seconds(gateway):
        with open(f"/proc/{gateway.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_while_looking(self, gateway):
        before = self.cpu_seconds(gateway)
        time.sleep(LOOK_S)  # a time that has to pass
        return self.cpu_seconds(gateway) - before

    @staticmethod
    def limit(gateway, soft=None):
        """Lowers the limit, and returns it."""
        pid = gateway.process.pid
        now, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        if soft is not None and soft < now:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        return now, hard

    def fill(self, gateway):
        """Lets the limit fall onto what is open, gaps below included. True when it fell."""
        used = set(map(int, os.listdir(f"/proc/{gateway.process.pid}/fd")))
        lowest = next(n for n in range(len(used) + 1) if n not in used)
        return self.limit(gateway, lowest)[0] > lowest

    def test_what_is_open_goes_on_and_nothing_spins(self):
        simulator = self.simulator("--tcp", "0")
        _, files = self.file_source("room")
        http = free_port()
        gateway = self.gateway(
            [files, {"name": "bus", "driver": "modbus", "address": "127.0.0.1:" + simulator.served["tcp"], "every": "50ms",
                     "devices": [{"name": "d", "unit_id": 1, "sensors": [{"name": "r", "holding": 1000}]}]}],
            broker=self.broker(), http={"listen": f"127.0.0.1:{http}"})

        def page_comes():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{http}/healthz", timeout=5).read()
            except OSError:
                return None
        self.wait_for("all is up", lambda: gateway.latest("room/t") and gateway.latest("d/r")
                      and "broker" not in gateway.cli("health") and page_comes())
        before, changed = self.limit(gateway), time.monotonic()

        def stays_full():
            """What is open for a moment only, such as the connections of above, may be in the limit at first."""
            nonlocal changed
            if self.fill(gateway) or gateway.latest("room/t")[1] == "good":
                changed = time.monotonic()
            return time.monotonic() - changed > LOOK_S
        self.wait_for("the file cannot be opened", stays_full)
        had = gateway.value("SELECT count(*) FROM readings WHERE sensor = 'd/r'")
        self.wait_for("the line that is open goes on", lambda: gateway.value(
            "SELECT count(*) FROM readings WHERE sensor = 'd/r' AND quality = 'good'") > had + 10)
        quiet = self.cpu_while_looking(gateway)
        # Clients knock: they wait, and nobody turns in circles for them.
        knocked, knocking = time.monotonic(), self.knock(gateway, http)
        for told in ("http: no file descriptor is left", "control socket: cannot take a connection"):
            self.wait_for("it is told", lambda t=told: t in gateway.process.output())
        # The least of three: the machine may have held it up while it was quiet, and not now.
        self.assertLess(min(self.cpu_while_looking(gateway) for _ in range(3)), 3 * quiet + 0.1 * LOOK_S, "it spins")
        self.assertLess(gateway.process.output().count("\n"), 100 + 20 * (time.monotonic() - knocked), "it floods the log")
        resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, before)
        for s in knocking:
            s.close()
        self.wait_for("the file is read again", lambda: gateway.latest("room/t")[1] == "good")
        self.wait_for("pages come again", page_comes)
        self.assertRegex(gateway.cli("monitor", "--once"), r"room/t +20")
        self.check_books(gateway, gateway.stop())

    def knock(self, gateway, http):
        """Connections that the kernel takes, and the gateway cannot: of a browser, and of a field tool."""
        page, tool = socket.create_connection(("127.0.0.1", http), timeout=5), socket.socket(socket.AF_UNIX)
        page.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        tool.connect(f"{gateway.database}.control")
        for s in (page, tool):
            self.addCleanup(s.close)
        return page, tool


if __name__ == "__main__":
    main()
