# SPDX-License-Identifier: Apache-2.0
"""The base class of the integration tests: a folder, the processes of one test, and the gateway's books."""
import os
import shutil
import sqlite3
import sys
import tempfile
import unittest

from processes import HERE, PATIENCE, SANITIZE, Broker, Gateway, Process, Simulator, Subscriber, free_port, wait_for

__all__ = ["HERE", "PATIENCE", "SANITIZE", "GatewayTest", "Process", "Subscriber", "free_port", "main", "wait_for"]


class GatewayTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sensorgw-")
        os.chmod(self.folder, 0o755)  # the broker may run as a user of its own
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def wait_for(self, what, condition, seconds=PATIENCE):
        """As processes.wait_for; who reads of a failure elsewhere also sees what the processes said last."""
        try:
            return wait_for(what, condition, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.last_words()}") from None

    def last_words(self):
        logs = [name for name in sorted(os.listdir(self.folder)) if name.endswith(".log")]
        return "\n".join(f"--- {name}\n{self.tail(name)}" for name in logs)

    def tail(self, name, lines=25):
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    def kept(self, process):
        self.addCleanup(process.stop)
        return process

    def broker(self, port=None, extra=""):
        return self.kept(Broker(self.folder, port, extra))

    def simulator(self, *options):
        return self.kept(Simulator(self.folder, *options))

    def subscribe(self, broker, *topics):
        """Returns when the subscription is certainly in place."""
        subscriber = self.kept(Subscriber(self.folder, broker, *topics))

        def listens():
            broker.publish(Subscriber.MARK, "here")
            return subscriber.listens
        wait_for("the subscription", listens)
        return subscriber

    def run_python(self, script, *arguments):
        """A helper program of this folder, by the interpreter that runs the test."""
        return self.kept(Process([sys.executable, os.path.join(HERE, script), *arguments],
                                 self.path(script + ".log")))

    def gateway(self, sources, rules=(), broker=None, start=True, name="gw", **sections):
        config = {"gateway": {"name": "test", "log": {"level": "debug"}},
                  "storage": {"path": self.path(f"{name}.db"), "flush": "200ms"}, "http": "off",
                  "sources": list(sources), "rules": list(rules)}
        if broker:
            config["mqtt"] = {"url": f"mqtt://{broker.address}"}
        if not rules:
            del config["rules"]
        for section, values in sections.items():
            known = config.get(section)
            config[section] = {**known, **values} if isinstance(known, dict) else values
        gateway = Gateway(self.folder, config, name)
        self.addCleanup(lambda: gateway.process and gateway.process.stop())
        return gateway.start() if start else gateway

    def file_source(self, name="room", value="20", every="50ms", **sensor):
        """A source with one sensor, name/t, whose value is what stands in the file."""
        path = self.path(name + ".txt")
        self.write(path, value)
        return path, {"name": name, "driver": "file", "every": every,
                      "sensors": [{"name": "t", "path": path, "unit": "°C", **sensor}]}

    @staticmethod
    def write(path, text):
        """Replaces the file's text at once: a reader never sees half of it."""
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(f"{text}\n")
        os.rename(path + ".new", path)

    def check_books(self, gateway, summary):
        """The conservation law, total and for each source, against the summary and the table itself."""
        def closed(entry):
            self.assertEqual(entry["accepted"], entry["committed"] + sum(entry["dropped"].values()), entry)
        closed(summary)
        self.assertEqual(summary["in_flight"], 0)
        for key in ("accepted", "committed"):
            self.assertEqual(summary[key], sum(s[key] for s in summary["sources"].values()))
        for entry in summary["sources"].values():
            closed(entry)
        self.assertEqual(gateway.count(), summary["committed"])
        self.check_database(gateway.database)

    def check_database(self, path):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        finally:
            db.close()


def main():
    unittest.main(verbosity=2)
