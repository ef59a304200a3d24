# SPDX-License-Identifier: Apache-2.0
"""A hundred Modbus TCP devices with a hundred registers each, every second. SENSORGW_SLOW: a whole minute."""
import os
import re
import sys
import time
import urllib.request

from harness import PATIENCE, GatewayTest, free_port, main

DEVICES, REGISTERS = 100, 100
SECONDS = 60 if os.environ.get("SENSORGW_SLOW") else 8
TRIES = 5


def sources(port, every):
    """Each device has an address of its own on this machine, so each is a line of its own."""
    return [{"name": f"s{d}", "driver": "modbus", "address": f"127.0.0.{d}:{port}", "every": every, "devices": [
        {"name": f"d{d}", "unit_id": 1, "sensors": [{"name": f"r{a}", "holding": a}
                                                    for a in range(1000, 1000 + REGISTERS)]}]}
            for d in range(1, DEVICES + 1)]


class Many(GatewayTest):
    def test_a_hundred_devices_are_polled_every_second_without_an_overrun(self):
        simulator = self.simulator("--tcp", "0", "--address", "0.0.0.0")
        http = free_port()
        gateway = self.gateway(sources(simulator.served["tcp"], "1s"), http={"listen": f"127.0.0.1:{http}"})
        self.wait_for("all sensors", lambda: gateway.value(
            "SELECT count(*) FROM latest WHERE quality = 'good'") == DEVICES * REGISTERS, 60)
        # A machine that rests for a while spoils one such time; a gateway that cannot keep up, all of them.
        self.assertTrue(any(self.keeps_up(gateway, http) for _ in range(TRIES)))
        wrong = gateway.rows("SELECT sensor, value FROM latest WHERE substr(sensor, instr(sensor, '/r') + 2) != "
                             "CAST(CAST(value AS INTEGER) AS TEXT)")
        self.assertEqual(wrong, [])
        self.check_books(gateway, gateway.stop())

    def keeps_up(self, gateway, http):
        before, cpu, begin = self.metrics(http), self.cpu(gateway), time.monotonic()
        time.sleep(SECONDS)
        after, cpu, took = self.metrics(http), self.cpu(gateway) - cpu, time.monotonic() - begin
        skipped, accepted = after["skipped"] - before["skipped"], after["accepted"] - before["accepted"]
        print(f"{accepted / took:.0f} readings/s, {skipped:.0f} scans skipped, {100 * cpu / took:.1f} % of one CPU, "
              f"{after['rss'] / 1e6:.1f} MB resident", file=sys.stderr)
        return skipped == 0 and accepted > (took - 2) * DEVICES * REGISTERS

    @staticmethod
    def metrics(port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as reply:
            page = reply.read().decode()

        def total(name):
            return sum(float(v) for v in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", page, re.MULTILINE))
        return {"skipped": total("sensorgw_scans_skipped_total"), "accepted": total("sensorgw_readings_accepted_total"),
                "rss": total("process_resident_memory_bytes")}

    @staticmethod
    def cpu(gateway):
        with open(f"/proc/{gateway.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
