# SPDX-License-Identifier: Apache-2.0
"""The whole path beside its floor: the same requests or messages with the bare library and nothing behind it.

Needs the programs of a release build: bench_path.py BUILD-FOLDER. Runs of the gateway and of the floor alternate;
figures are medians.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RUNS, SECONDS = 3, 4
MESSAGES, TOPICS = 200000, 1000
ROUNDS, PAUSE_MS = 200, 120  # transitions force a flush at most ten times a second
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build", "release"))
os.environ["SENSORGW"] = f"{BUILD}/gateway/sensorgw"
os.environ["SENSORGW_SIM"] = f"{BUILD}/tests/simulator/sensorgw-sim"
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from processes import Broker, Gateway, Simulator, wait_for  # noqa: E402  (found through the path above)

FLOOR = f"{BUILD}/tests/bench/bench-floor"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) / 1024


def written(pid):
    with open(f"/proc/{pid}/io", encoding="ascii") as f:
        return int(re.search(r"wchar: (\d+)", f.read()).group(1))


def good(gateway):
    return gateway.value("SELECT count(*) FROM reading WHERE quality = 0") or 0


def committed(gateway):
    """The same from the books, which costs nothing however many there are."""
    return gateway.value("SELECT sum(readings) FROM ledger WHERE what = 'committed'") or 0


def pairs(line):
    return {k: float(v) for k, v in (p.split("=") for p in line.split())}


class Bench:
    """One folder and its processes, gone at the end."""

    def __enter__(self):
        self.folder, self.processes, self.number = tempfile.mkdtemp(prefix="sensorgw-bench-"), [], 0
        os.chmod(self.folder, 0o755)
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.folder)

    def kept(self, process):
        self.processes.append(process)
        return process

    def gateway(self, sources, rules=(), broker=None, flush="1s"):
        self.number += 1
        config = {"gateway": {"name": "bench", "log": {"level": "warning"}}, "http": "off",
                  "storage": {"path": f"{self.folder}/{self.number}.db", "flush": flush}, "sources": sources}
        if rules:
            config["rules"] = rules
        if broker:
            config["mqtt"] = {"url": f"mqtt://{broker.address}"}
        gateway = Gateway(self.folder, config, f"gw{self.number}").start()
        self.kept(gateway.process)
        return gateway


def median_of(samples, key):
    return statistics.median(s[key] for s in samples)


def modbus_case(title, units, addresses, step, count):
    """units × addresses requests a scan, each of `count` registers; the period is shorter than any scan."""
    devices = [{"name": f"u{u}", "unit_id": u, "sensors": [
        {"name": f"r{a + i}", "holding": a + i} for a in range(1000, 1000 + addresses * step, step)
        for i in range(count)]} for u in range(1, units + 1)]
    ours, floors = [], []
    with Bench() as bench:
        simulator = bench.kept(Simulator(bench.folder, "--tcp", "0"))
        port = simulator.served["tcp"]
        for _ in range(RUNS):
            arguments = [str(n) for n in (port, units, addresses, step, count, SECONDS)]
            floors.append(pairs(subprocess.check_output([FLOOR, "modbus", *arguments], text=True)))
            gateway = bench.gateway([{"name": "bus", "driver": "modbus", "address": f"127.0.0.1:{port}",
                                      "every": "10ms", "devices": devices}])
            wait_for("readings", lambda: good(gateway))
            ours.append(measure_polling(simulator, gateway))
            gateway.stop()
    floor = statistics.median(f["requests"] / f["seconds"] for f in floors)
    rate = median_of(ours, "requests")
    print(f"  {title}\n    bare libmodbus loop     {floor:9.0f} requests/s\n"
          f"    gateway                 {rate:9.0f} requests/s, {rate / floor:.2f} of it; "
          f"{median_of(ours, 'rows'):.0f} readings/s stored\n"
          f"    CPU for 100,000 readings {median_of(ours, 'cpu'):7.2f} s (the bare loop: "
          f"{statistics.median(f['cpu'] / (f['requests'] * count) for f in floors) * 1e5:.2f} s); "
          f"{len(devices) * addresses * count} sensors; peak {median_of(ours, 'mb'):.1f} MB; "
          f"{median_of(ours, 'bytes'):.0f} bytes written a reading", flush=True)


def devices_case(devices, count):
    """So many devices, each with an address and so a line and a thread of its own, as fast as they answer."""
    ours, floors = [], []
    with Bench() as bench:
        simulator = bench.kept(Simulator(bench.folder, "--tcp", "0", "--address", "0.0.0.0"))
        port = simulator.served["tcp"]
        for _ in range(RUNS):
            arguments = [str(n) for n in (port, devices, count, SECONDS)]
            floors.append(pairs(subprocess.check_output([FLOOR, "devices", *arguments], text=True)))
            gateway = bench.gateway([{"name": f"s{d}", "driver": "modbus", "address": f"127.0.0.{d}:{port}",
                                      "every": "10ms", "devices": [
                                          {"name": f"d{d}", "unit_id": 1, "sensors": [
                                              {"name": f"r{a}", "holding": a} for a in range(1000, 1000 + count)]}]}
                                     for d in range(1, devices + 1)])
            wait_for("readings", lambda: good(gateway))
            ours.append(measure_polling(simulator, gateway))
            gateway.stop()
    floor = statistics.median(f["requests"] / f["seconds"] for f in floors)
    rate = median_of(ours, "requests")
    print(f"  {devices} devices, {count} registers each, asked every 10 ms or as fast as they answer\n"
          f"    bare libmodbus loop     {floor:9.0f} requests/s, {floor * count:.0f} readings/s\n"
          f"    gateway                 {rate:9.0f} requests/s, {rate / floor:.2f} of it; "
          f"{median_of(ours, 'rows'):.0f} readings/s stored\n"
          f"    CPU for 100,000 readings {median_of(ours, 'cpu'):7.2f} s (the bare loop: "
          f"{statistics.median(f['cpu'] / (f['requests'] * count) for f in floors) * 1e5:.2f} s); "
          f"peak {median_of(ours, 'mb'):.1f} MB", flush=True)


def measure_polling(simulator, gateway):
    pid = gateway.process.pid
    time.sleep(0.5)
    before = simulator.ask("status"), good(gateway), cpu_seconds(pid), written(pid), time.monotonic()
    time.sleep(SECONDS)
    after = simulator.ask("status"), good(gateway), cpu_seconds(pid), written(pid), time.monotonic()
    took, rows = after[4] - before[4], max(1, after[1] - before[1])
    return {"requests": (int(after[0]["requests"]) - int(before[0]["requests"])) / took, "rows": rows / took,
            "cpu": (after[2] - before[2]) / rows * 1e5, "bytes": (after[3] - before[3]) / rows, "mb": peak_mb(pid)}


def mqtt_case(qos):
    ours, floors = [], []
    for _ in range(RUNS):
        with Bench() as bench:  # a new broker, which keeps nothing for the gateway of the last run
            broker = bench.kept(Broker(bench.folder))
            simulator = bench.kept(Simulator(bench.folder, "--mqtt", broker.address, "--mqtt-sensors", str(TOPICS),
                                             "--mqtt-every", "0", "--mqtt-qos", str(qos)))
            floors.append(mqtt_floor(simulator, broker, qos))
            ours.append(mqtt_gateway(bench, simulator, broker, qos))
    floor, rate = median_of(floors, "rate"), median_of(ours, "rate")
    print(f"  QoS {qos}, {MESSAGES} messages over {TOPICS} topics, each checked against a limit\n"
          f"    bare Paho subscriber    {floor:9.0f} messages/s, CPU for 100,000 {median_of(floors, 'cpu'):.2f} s\n"
          f"    gateway                 {rate:9.0f} messages/s, {rate / floor:.2f} of it; CPU for 100,000 "
          f"{median_of(ours, 'cpu'):.2f} s; peak {median_of(ours, 'mb'):.1f} MB; "
          f"{median_of(ours, 'missing'):.0f} missing; {median_of(ours, 'bytes'):.0f} bytes written a reading",
          flush=True)


def mqtt_floor(simulator, broker, qos):
    child = subprocess.Popen([FLOOR, "mqtt", broker.address, str(qos), str(MESSAGES)], stdout=subprocess.PIPE, text=True)
    if child.stdout.readline() != "ready\n":
        raise RuntimeError("the bare subscriber did not start")
    simulator.ask(f"burst {MESSAGES}")
    end = pairs(child.communicate(timeout=60)[0])
    return {"rate": end["messages"] / end["seconds"], "cpu": end["cpu"] / end["messages"] * 1e5}


def mqtt_gateway(bench, simulator, broker, qos):
    gateway = bench.gateway([{"name": "m", "driver": "mqtt", "topic": "sim/+/telemetry", "qos": qos,
                              "sensors": [{"name": "{1}/t", "value": "/temperature"}]}],
                            [{"name": "high", "sensor": "*", "high": {"warning": 1000}}], broker, flush="100ms")

    def arrived():
        broker.publish("sim/1/telemetry", '{"temperature": 1}')
        return gateway.count()
    wait_for("the subscription", arrived)
    time.sleep(1.5)
    pid, start = gateway.process.pid, committed(gateway)
    cpu, bytes_before, begin = cpu_seconds(pid), written(pid), time.time()
    simulator.ask(f"burst {MESSAGES}")
    last, rows = time.monotonic(), 0
    while rows < MESSAGES and time.monotonic() - last < 3:
        now = committed(gateway) - start
        if now != rows:
            rows, last = now, time.monotonic()
        time.sleep(0.02)
    # As for the bare subscriber, from the first message to the last; they are stored one flush later at most.
    first, newest = gateway.rows("SELECT min(time), max(time) FROM reading WHERE time >= ?", int(begin * 1e6))[0]
    result = {"rate": rows / (newest - first) * 1e6, "cpu": (cpu_seconds(pid) - cpu) / max(1, rows) * 1e5, "mb": peak_mb(pid),
              "missing": MESSAGES - rows, "bytes": (written(pid) - bytes_before) / max(1, rows)}
    gateway.stop()
    return result


def latency_case():
    with Bench() as bench:
        broker = bench.kept(Broker(bench.folder))
        gateway = bench.gateway([{"name": "m", "driver": "mqtt", "topic": "bench/value", "sensors": [{"name": "v"}]}],
                                [{"name": "hot", "sensor": "m/v", "high": {"warning": 50}}], broker)

        def arrived():
            broker.publish("bench/value", "0")
            return gateway.count()
        wait_for("the subscription", arrived)
        for title, topic in (("publish → broker → subscriber", "bench/value"),
                             ("publish → gateway, stored → alert", "sensorgw/bench/alerts/#")):
            lines = subprocess.check_output([FLOOR, "latency", broker.address, "bench/value", topic, str(ROUNDS),
                                             str(PAUSE_MS)], text=True).split()[1:]
            times = sorted(int(t) / 1000 for t in lines)
            print(f"  {title:<36} p50 {times[len(times) // 2]:7.2f} ms   p99 {times[len(times) * 99 // 100]:7.2f} ms",
                  flush=True)
        gateway.stop()


def main():
    print(f"modbus, TCP on this machine, median of {RUNS} runs of {SECONDS} s")
    modbus_case("one register a request", 4, 125, 8, 1)
    modbus_case("ten registers a request", 8, 62, 16, 10)
    devices_case(100, 100)
    print(f"mqtt, median of {RUNS} runs")
    for qos in (0, 1):
        mqtt_case(qos)
    print(f"alert latency, {ROUNDS} transitions")
    latency_case()


if __name__ == "__main__":
    main()
