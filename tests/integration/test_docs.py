# SPDX-License-Identifier: Apache-2.0
"""The commands of the documentation: those of sensorgw must be understood; those that only look are run, beside sqlite3 and
mosquitto, in a setup like the one that the pages describe. What changes the system (sudo …) is only known by name."""
import os
import re
import shlex
import subprocess
import sys
import urllib.request

import harness
from processes import PATIENCE, SENSORGW, environment

sys.path.insert(0, os.path.dirname(harness.HERE))
import doc_blocks  # noqa: E402  (found through the path above)

LIVE = {"alerts", "backup", "check", "health", "history", "monitor", "read", "sensors", "support-bundle", "verify"}  # run, not only understood
ONLY_KNOWN = {"cmake", "journalctl", "ls", "scp", "script/demo", "script/test", "sudo", "systemctl", "systemd-analyze", "timedatectl", "echo"}
SYSTEM = {"adduser", "apt", "cat", "chmod", "chown", "debconf-set-selections", "grafana-cli", "install", "mosquitto_passwd", "nano", "raspi-config",
          "reboot", "rm", "script/cross", "sensorgw", "sh", "stty", "systemctl", "cmake"}
RUN = {"sqlite3", "mosquitto_sub", "mosquitto_pub", "openssl", "printf", "curl", "sensorgw"}


class Docs(harness.GatewayTest):
    def setUp(self):
        super().setUp()
        self.mqtt = self.broker()
        served = self.simulator("--tcp", "0", "--period", "4").served
        self.http = harness.free_port()
        self.modbus = f"127.0.0.1:{served['tcp']}"
        boiler = {"name": "boiler", "unit_id": 1, "sensors": [
            {"name": "flow_temp", "holding": 0, "type": "int16", "scale": 0.1, "unit": "°C"},
            {"name": "setpoint", "holding": 11, "unit": "°C", "writable": True}]}
        source = {"name": "rs485", "driver": "modbus", "address": self.modbus, "every": "200ms", "devices": [boiler]}
        self.gw = self.gateway(
            [source], [{"name": "overheat", "sensor": "boiler/flow_temp", "high": {"warning": 60}}], self.mqtt, name="sensorgw",
            gateway={"name": "boiler-room"}, mqtt={"home_assistant": True, "publish_readings": "changes"},
            http={"listen": f"127.0.0.1:{self.http}"})
        self.wait_for("an alert", lambda: self.gw.value("SELECT count(*) FROM alert_event WHERE published_at IS NOT NULL"))

    def gateway(self, *arguments, http=None, **sections):
        """The harness turns HTTP off."""
        gateway = super().gateway(*arguments, start=False, **sections)
        with open(gateway.config_path, encoding="utf-8") as f:
            text = f.read()
        with open(gateway.config_path, "w", encoding="utf-8") as f:
            f.write(text.replace('http: off\n', f'http: {{listen: "{http["listen"]}"}}\n'))
        return gateway.start()

    def here(self, command):
        """The command with this test's places in place of the usual ones."""
        places = {"/var/lib/sensorgw/sensorgw.db": self.gw.database, "127.0.0.1:502": self.modbus,
                  "127.0.0.1:8080": f"127.0.0.1:{self.http}", "/tmp/": f"{self.folder}/", "/media/usb/": f"{self.folder}/usb-"}
        usual = re.compile("|".join(map(re.escape, places)))
        return shlex.split(usual.sub(lambda found: places[found[0]], command))

    def understood(self, words):
        done = subprocess.run([SENSORGW, *words[1:], "--help"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def run_here(self, command):
        words = self.here(command)
        if words[0] == "curl":
            with urllib.request.urlopen(words[-1], timeout=PATIENCE) as answer:
                self.assertEqual(answer.status, 200)
            return
        if words[0] == "sensorgw":
            patience = ["-t", "10s"] if words[1] == "read" else []  # a busy machine is no mute device
            words = [SENSORGW, "-c", self.gw.config_path, *words[1:], *patience]
        elif words[0].startswith("mosquitto"):
            words[1:1] = ["-h", "127.0.0.1", "-p", str(self.mqtt.port)] + (["-C", "1"] if words[0] == "mosquitto_sub" else [])
        shell = shlex.join(words).replace("'>'", ">")
        done = subprocess.run(shell, shell=True, capture_output=True, text=True, timeout=2 * PATIENCE, check=False, cwd=self.folder,
                              env=environment())
        self.assertEqual(done.returncode, 0, f"{shell}\n{done.stdout}{done.stderr}")
        if words[0] in ("mosquitto_sub", SENSORGW):
            self.assertNotEqual(done.stdout, "", shell)

    def check_command(self, command):
        words = shlex.split(command)
        if words[0] == "sudo":
            words = words[3:] if words[1] == "-u" else words[1:]
            self.assertIn(words[0], SYSTEM)
        if words[0] == "sensorgw":
            self.understood(words)
        endless = words[:2] == ["sensorgw", "monitor"] and "--once" not in words
        if command.startswith("sudo ") or words[0] in ONLY_KNOWN or endless or (words[0] == "sensorgw" and words[1] not in LIVE):
            return
        self.assertIn(words[0], RUN)
        self.run_here(command)

    def test_every_command_works(self):
        for page, line, command in doc_blocks.commands():
            with self.subTest(f"{page}:{line}: {command}"):
                self.check_command(re.sub(r" +&& .*", "", command))

    def test_every_command_within_the_text_is_understood(self):
        for page, line, command in doc_blocks.mentions():
            with self.subTest(f"{page}:{line}: {command}"):
                self.understood(shlex.split(command))


if __name__ == "__main__":
    harness.main()
