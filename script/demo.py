# SPDX-License-Identifier: Apache-2.0
"""Starts a broker, simulated sensors and the gateway, and shows values and alerts as they come."""
import argparse
import json
import os
import signal
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from processes import Broker, Gateway, Simulator, Subscriber  # noqa: E402  (found through the path above)

PERIOD = 12  # seconds, of the simulated values
VALUES_EVERY = 5
FALLS_SILENT, SPEAKS_AGAIN, CYCLE = 4, 11, 24  # seconds: the meter does not answer in between
COLOURS = {"raised": "\033[33m", "escalated": "\033[31m", "cleared": "\033[32m"}


class Stopped(Exception):
    pass


def stop_on(*numbers):
    def handler(_number, _frame):
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)  # stopping takes a moment; once is enough
        raise Stopped
    for number in numbers:
        signal.signal(number, handler)


def say(text=""):
    print(text, flush=True)


def start(folder, started):
    """Appends each process to `started` at once, so that whatever happens they can be stopped."""
    started.append(broker := Broker(folder))
    started.append(simulator := Simulator(
        folder, "--tcp", "0", "--rtu", f"{folder}/rs485", "--line", f"{folder}/scale", "--files", f"{folder}/sys",
        "--mqtt", broker.address, "--period", str(PERIOD)))
    started.append(subscriber := Subscriber(folder, broker, "sensorgw/+/alerts/#"))
    with open(os.path.join(ROOT, "script", "demo.yaml"), encoding="utf-8") as f:
        text = f.read()
    for name, value in {"DIR": folder, "BROKER": broker.address, "TCP": f"127.0.0.1:{simulator.served['tcp']}"}.items():
        text = text.replace(f"@{name}@", value)
    gateway = Gateway(folder, text, "demo")
    gateway.start()
    started.append(gateway.process)
    say(f"broker    127.0.0.1:{broker.port}    mosquitto_sub -v -p {broker.port} -t 'sensorgw/+/alerts/#'")
    say(f"database  {gateway.database}    sqlite3 {gateway.database} 'SELECT * FROM latest'")
    say(f"configuration  {gateway.config_path}\n")
    return simulator, subscriber, gateway


def alert_line(alert):
    unit = alert.get("unit") or ""
    value = "" if alert.get("value") is None else f"{alert['value']:g} {unit}".rstrip()
    limit = "" if alert.get("limit") is None else f"(limit {alert['limit']:g})"
    if alert["rule"] == "silent":  # its limit is a time
        limit = "" if value else f"no reading for {alert['limit']:g} s"
    sensor = alert.get("sensor", "?")
    return (f"{time.strftime('%H:%M:%S')}  ALERT  {alert['state']:<10} {alert['severity']:<9} {sensor:<24} "
            f"{alert['rule']:<13} {value} {limit}").rstrip()


def show_alerts(subscriber, seen, colours):
    alerts = subscriber.alerts()
    for alert in alerts[seen:]:
        line = alert_line(alert)
        say(f"{COLOURS.get(alert['state'], '')}{line}\033[0m" if colours else line)
    return len(alerts)


def show_values(gateway):
    say(f"\n{time.strftime('%H:%M:%S')}  sensorgw sensors")
    say("".join(f"    {line}\n" for line in gateway.cli("sensors").splitlines()))


def follow(simulator, subscriber, gateway, seconds):
    begin, next_values, seen, silent = time.monotonic(), 3, 0, False
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    while not seconds or time.monotonic() - begin < seconds:
        time.sleep(0.1)
        now = time.monotonic() - begin
        if not gateway.process.running():
            raise RuntimeError("the gateway ended by itself:\n" + gateway.process.output())
        if silent != (FALLS_SILENT <= now % CYCLE < SPEAKS_AGAIN):
            silent = not silent
            simulator.command("fault unit2=mute" if silent else "fault unit2=good")
            say(f"{time.strftime('%H:%M:%S')}  (the simulated meter {'falls silent' if silent else 'speaks again'})")
        seen = show_alerts(subscriber, seen, colours)
        if now >= next_values:
            next_values += VALUES_EVERY
            show_values(gateway)


def summarise(gateway, subscriber, summary):
    alerts = [alert["state"] for alert in subscriber.alerts()]
    dropped = sum(summary["dropped"].values())
    say(f"\nStopped after {summary['seconds']:.1f} s.\n")
    say(f"    {'SOURCE':<12} {'ACCEPTED':>9} {'STORED':>9} {'DROPPED':>9}")
    for name, books in summary["sources"].items():
        say(f"    {name:<12} {books['accepted']:>9} {books['committed']:>9} {sum(books['dropped'].values()):>9}")
    holds = summary["accepted"] == summary["committed"] + dropped
    say(f"\naccepted {summary['accepted']} = stored {summary['committed']} + dropped {dropped}"
        + ("" if holds else "   DOES NOT HOLD"))
    say(f"rows in the table of readings: {gateway.count()}")
    say(f"alerts that came back through the broker: {alerts.count('raised')} raised, {alerts.count('escalated')} "
        f"escalated, {alerts.count('cleared')} cleared")
    say(f"database kept: {gateway.database}")
    silent = [name for name, books in summary["sources"].items() if not books["committed"]]
    if silent:
        say(f"nothing was stored from: {', '.join(silent)}")
    return 0 if holds and not silent and gateway.count() == summary["committed"] else 1


def main():
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--seconds", type=float, default=0, metavar="N", help="end by itself after N seconds")
    parser.add_argument("--dir", metavar="DIR", help="keep the database and the configuration there")
    options = parser.parse_args()
    folder = os.path.abspath(options.dir) if options.dir else tempfile.mkdtemp(prefix="sensorgw-demo-")
    os.makedirs(folder, exist_ok=True)
    if os.path.exists(f"{folder}/demo.db"):
        parser.error(f"{folder} holds the database of an earlier demo")
    os.chmod(folder, 0o755)  # the broker drops root's rights
    stop_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    started = []
    try:
        simulator, subscriber, gateway = start(folder, started)
        try:
            follow(simulator, subscriber, gateway, options.seconds)
        except Stopped:
            say()
        return summarise(gateway, subscriber, gateway.stop())
    except Stopped:
        return 130
    except (AssertionError, RuntimeError, OSError) as e:
        print(f"demo: {e}", file=sys.stderr)
        return 1
    finally:
        for process in reversed(started):
            process.stop()


if __name__ == "__main__":
    sys.exit(main())
