# SPDX-License-Identifier: Apache-2.0
"""What the service manager is told, on a socket that stands for it; and that it is told nothing any more when one
thread hangs. The thread is halted by tracing it, as a debugger does: all others go on."""
import ctypes
import json
import os
import signal
import socket
import subprocess
import time
import unittest

from harness import PATIENCE, GatewayTest, main
from processes import SENSORGW, environment

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WATCHDOG_S = 1


class Halted:
    """One thread of a process, halted from here on until resume(). Tracing belongs to the thread that began it."""

    def __init__(self, tid):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.tid = tid
        self._ptrace(PTRACE_SEIZE)
        self._ptrace(PTRACE_INTERRUPT)
        os.waitpid(tid, 0x40000000)  # __WALL

    def _ptrace(self, request):
        if self._libc.ptrace(request, self.tid, None, None) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))

    def resume(self):
        self._ptrace(PTRACE_DETACH)


class WatchdogTest(GatewayTest):
    def managed(self, *sources, **sections):
        gateway = self.gateway(sources, start=False, **sections)
        gateway.told = {"WATCHDOG_USEC": str(WATCHDOG_S * 1000000)}
        return gateway.start().manager, gateway

    @staticmethod
    def thread(gateway, name):
        """The thread's id."""
        tasks = f"/proc/{gateway.process.pid}/task"
        for tid in os.listdir(tasks):
            try:
                with open(f"{tasks}/{tid}/comm", encoding="utf-8") as f:
                    if f.read().strip() == name:
                        return int(tid)
            except OSError:  # one that has ended meanwhile
                pass
        raise AssertionError(f"there is no thread {name}")

    def fed(self, manager, count=1):
        had = len(manager.of("WATCHDOG=1"))
        self.wait_for("the watchdog is fed", lambda: len(manager.of("WATCHDOG=1")) >= had + count)

    def told(self, manager):
        """How often the watchdog was fed by now: all that was sent before has been read when the mark has."""
        mark = f"MARK={time.monotonic_ns()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(mark.encode(), manager.path)
        self.wait_for("the mark", lambda: manager.of(mark))
        return len(manager.of("WATCHDOG=1"))

    def test_ready_status_and_stopping_are_told(self):
        path, source = self.file_source()
        manager, gateway = self.managed(source)
        self.fed(manager, 3)
        self.wait_for("a status", lambda: manager.of("STATUS="))
        os.unlink(path)
        gateway.stop()
        self.wait_for("STOPPING=1", lambda: manager.of("STOPPING=1"))
        order = [m for _, m in manager.messages if m in ("READY=1", "STOPPING=1")]
        self.assertEqual(order, ["READY=1", "STOPPING=1"])

    def test_a_source_that_hangs_starves_the_watchdog(self):
        _, source = self.file_source("room")
        _, other = self.file_source("hall")
        manager, gateway = self.managed(source, other)
        self.wait_for("readings", lambda: gateway.latest("room/t"))
        self.fed(manager)
        halted = Halted(self.thread(gateway, "room"))
        try:
            # A source may be silent for 10 s, and no longer.
            self.wait_for("it is noticed", lambda: "thread room hangs" in gateway.process.output())
            health = self.health(gateway, 1)
            self.assertEqual(health["state"], "unhealthy")
            self.assertIn("thread room", [p["component"] for p in health["problems"]])
            had = gateway.count()
            self.wait_for("the others go on", lambda: gateway.count() > had)
            fed = self.told(manager)
            time.sleep(2 * WATCHDOG_S)  # by then the manager would have ended it
            self.assertEqual(self.told(manager), fed)
        finally:
            halted.resume()
        self.fed(manager)
        self.wait_for("healthy again", lambda: self.health(gateway, 0)["state"] in ("healthy", "degraded"))
        self.check_books(gateway, gateway.stop())

    @unittest.skipUnless(os.environ.get("SENSORGW_SLOW"), "takes minutes: in the full length only")
    def test_others_that_hang_are_noticed_too(self):
        _, source = self.file_source("room")
        manager, gateway = self.managed(source, broker=self.broker())
        for name in ("worker-0", "publisher"):
            self.fed(manager)
            halted = Halted(self.thread(gateway, name))
            try:
                self.wait_for(name, lambda n=name: f"thread {n} hangs" in gateway.process.output(), 200)
            finally:
                halted.resume()
            self.wait_for("healthy again", lambda: self.health(gateway, 0)["state"] in ("healthy", "degraded"))
        self.check_books(gateway, gateway.stop())

    @staticmethod
    def health(gateway, status):
        done = subprocess.run([SENSORGW, "-c", gateway.config_path, "health", "--json"], capture_output=True, text=True,
                              env=environment(), check=False, timeout=PATIENCE)
        if done.returncode != status:
            return {"state": f"exit status {done.returncode}: {done.stdout}{done.stderr}"}
        return json.loads(done.stdout)


class HealthTest(GatewayTest):
    def test_a_broker_that_goes_degrades_and_nothing_answers_after_the_end(self):
        broker = self.broker()
        _, source = self.file_source()
        gateway = self.gateway([source, {"name": "away", "driver": "modbus", "address": "127.0.0.1:1", "devices": [
            {"name": "d", "unit_id": 1, "sensors": [{"name": "x", "holding": 1}]}]}], broker=broker)
        self.wait_for("connected", lambda: "broker" not in gateway.cli("health"))
        self.wait_for("a source that fails", lambda: "source away" in gateway.cli("health"))
        broker.signal(signal.SIGKILL)
        self.wait_for("the broker is missed", lambda: "broker: not connected to mqtt://" in gateway.cli("health"))
        text = gateway.cli("health")
        self.assertTrue(text.startswith("degraded\n"), text)
        self.assertRegex(text, r"(?m)^  warning  broker: not connected to \S+: .+, for \d+ s\n {11}look whether")
        self.assertEqual(json.loads(gateway.cli("health", "--json"))["state"], "degraded")
        gateway.stop()
        self.assertIn("no gateway runs", gateway.cli("health", status=1))


if __name__ == "__main__":
    main()
