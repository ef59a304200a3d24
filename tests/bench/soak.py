# SPDX-License-Identifier: Apache-2.0
"""An hour (or so) of steady load: half polled over Modbus TCP, half pushed over MQTT, with rules that fire, the
HTTP server asked for its metrics, and retention at work. Samples what must not grow, and compares the books at the end.

soak.py BUILD-FOLDER [--seconds N] [--rate R] [--keep FOLDER]
"""
import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ALLOWED_MB = 1.0  # that the resident memory may move by, once warm
HEADER = "    time  readings/s  RSS MB  descriptors  threads  WAL MB  file MB  dropped  alerts"


def arguments():
    parser = argparse.ArgumentParser(prog="script/soak", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--rate", type=int, default=2000, help="readings a second")
    parser.add_argument("--flush", default="1s")
    parser.add_argument("--max-size", default="100MB", help="of the database: retention by size is at work, too")
    parser.add_argument("--keep", metavar="FOLDER", help="leave the database and the log there")
    return parser.parse_args()


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        text = f.read()
    return (int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024, int(re.search(r"Threads:\s+(\d+)", text).group(1)),
            len(os.listdir(f"/proc/{pid}/fd")))


def size_mb(path):
    return os.path.getsize(path) / 1e6 if os.path.exists(path) else 0.0


class Soak:
    def __init__(self, options, folder, processes):
        self.o, self.folder = options, folder
        self.broker = processes.Broker(folder)
        polled, pushed = options.rate // 2, options.rate - options.rate // 2
        self.topics = max(1, pushed // 2)  # each publishes twice a second
        self.simulator = processes.Simulator(folder, "--tcp", "0", "--mqtt", self.broker.address, "--mqtt-sensors",
                                             str(self.topics), "--mqtt-every", "500", "--period", "60")
        self.port = processes.free_port()
        self.gateway = processes.Gateway(folder, self.config(polled), "soak")
        self.samples = []

    def config(self, polled):
        per_unit = 500
        units = [{"name": f"u{u + 1}", "unit_id": u + 1, "sensors": [
            {"name": "wave" if a == 0 else f"r{1000 + a}", "holding": 1 if a == 0 else 1000 + a}
            for a in range(min(per_unit, polled - u * per_unit))]} for u in range(-(-polled // per_unit))]
        return {"gateway": {"name": "soak", "log": {"level": "info"}}, "mqtt": {"url": f"mqtt://{self.broker.address}"},
                "http": {"listen": f"127.0.0.1:{self.port}"},
                "storage": {"path": f"{self.folder}/soak.db", "flush": self.o.flush, "max_size": self.o.max_size},
                "sources": [
                    {"name": "bus", "driver": "modbus", "address": f"127.0.0.1:{self.simulator.served['tcp']}",
                     "every": "1s", "devices": units},
                    {"name": "messages", "driver": "mqtt", "topic": "sim/+/telemetry",
                     "sensors": [{"name": "{1}/temperature", "value": "/temperature"}]}],
                "rules": [{"name": "wave", "sensor": "*/wave", "high": {"warning": 500}, "hysteresis": 10},
                          {"name": "silent", "sensor": "*", "stale": "30s", "severity": "warning"}]}

    def ask_http(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        return {k: float(v) for k, v in re.findall(r"^(\w+) ([0-9.e+-]+)$", text, re.MULTILINE)}

    def sample(self, started):
        rss, threads, descriptors = status_of(self.gateway.process.pid)
        metrics = self.ask_http()
        books = dict(self.gateway.rows("SELECT what, sum(readings) FROM ledger GROUP BY what"))
        committed = books.get("committed", 0)
        dropped = sum(v for k, v in books.items() if k not in ("accepted", "committed"))
        now = time.monotonic() - started
        last = self.samples[-1] if self.samples else {"time": 0.0, "committed": 0}
        rate = (committed - last["committed"]) / max(0.001, now - last["time"])
        self.samples.append({"time": now, "rss": rss, "threads": threads, "descriptors": descriptors,
                             "committed": committed, "dropped": dropped, "rate": rate,
                             "wal": size_mb(f"{self.folder}/soak.db-wal"), "file": size_mb(f"{self.folder}/soak.db"),
                             "alerts": metrics.get("sensorgw_alerts_raised_total", 0)})
        s = self.samples[-1]
        print(f"{int(now) // 3600:2}:{int(now) // 60 % 60:02}:{int(now) % 60:02}{rate:12.0f}{rss:8.1f}{descriptors:13}"
              f"{threads:9}{s['wal']:8.1f}{s['file']:9.1f}{dropped:9}{s['alerts']:8.0f}", flush=True)

    def run(self):
        self.gateway.start()
        started = time.monotonic()
        every = max(1.0, min(60.0, self.o.seconds / 60))
        print(f"{self.o.rate} readings/s for {self.o.seconds} s, one line every {every:.0f} s\n{HEADER}", flush=True)
        while (left := started + self.o.seconds - time.monotonic()) > 0 and self.gateway.process.running():
            time.sleep(min(every, left))
            self.sample(started)
        return self.gateway.stop()


def judge(soak, summary):
    """A line for each thing that was looked at; the list of those that are not as they should be."""
    warm = [s for s in soak.samples if s["time"] > soak.samples[-1]["time"] / 6]
    rss = [s["rss"] for s in warm]
    half = len(rss) // 2 or 1
    growth = statistics.median(rss[half:] or rss) - statistics.median(rss[:half])
    rate = statistics.median(s["rate"] for s in warm)
    drops = {k: v for k, v in summary["dropped"].items() if v}
    lost = summary["accepted"] - summary["committed"] - sum(summary["dropped"].values())
    rows, oldest = soak.gateway.rows("SELECT count(*), min(time) FROM reading")[0]
    pruned = soak.gateway.value("SELECT sum(count) FROM reading_minute WHERE minute < ?", oldest) or 0
    check = soak.gateway.value("PRAGMA quick_check")
    verdicts = [
        ("resident memory", max(rss) - min(rss) <= ALLOWED_MB,
         f"{min(rss):.2f} to {max(rss):.2f} MB after the first sixth; second half {growth:+.2f} MB"),
        ("descriptors", max(s["descriptors"] for s in warm) - min(s["descriptors"] for s in warm) <= 3,
         f"{min(s['descriptors'] for s in warm)} to {max(s['descriptors'] for s in warm)}"),
        ("log (WAL)", max(s["wal"] for s in warm) < 20, f"at most {max(s['wal'] for s in warm):.1f} MB"),
        ("rate", rate >= 0.9 * soak.o.rate, f"{rate:.0f} readings/s stored"),
        ("dropped", not drops, str(drops or "nothing")),
        ("books", lost == 0 and summary["in_flight"] == 0,
         f"accepted {summary['accepted']} = committed {summary['committed']} + dropped {sum(summary['dropped'].values())}"),
        ("database", check == "ok" and rows <= summary["committed"] <= rows + pruned,
         f"quick_check {check}; {rows} rows, {pruned} in minutes that retention has taken rows from"),
    ]
    for name, good, text in verdicts:
        print(f"  {'ok ' if good else 'BAD'}  {name:<16} {text}")
    return [name for name, good, _ in verdicts if not good]


def main():
    options = arguments()
    os.environ["SENSORGW"] = f"{options.build}/gateway/sensorgw"
    os.environ["SENSORGW_SIM"] = f"{options.build}/tests/simulator/sensorgw-sim"
    sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
    import processes  # pylint: disable=import-outside-toplevel  (reads the environment)
    folder = options.keep or tempfile.mkdtemp(prefix="sensorgw-soak-")
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    soak = Soak(options, folder, processes)
    try:
        summary = soak.run()
        print()
        bad = judge(soak, summary)
    finally:
        for process in (soak.gateway.process, soak.simulator, soak.broker):
            if process:
                process.stop()
        if not options.keep:
            shutil.rmtree(folder)
    print(f"VERDICT: {'BAD: ' + ', '.join(bad) if bad else 'good'}: {summary['committed']} readings in "
          f"{summary['seconds']:.0f} s, RSS {soak.samples[-1]['rss']:.1f} MB")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
