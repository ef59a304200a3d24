# SPDX-License-Identifier: Apache-2.0
"""The command line, on a database that a gateway is writing."""
import csv
import io
import json
import subprocess

from harness import PATIENCE, GatewayTest, main
from processes import SENSORGW, environment

COMMANDS = ("run", "check", "sensors", "history", "alerts", "read", "scan", "version")


class Cli(GatewayTest):
    def plain(self, *arguments):
        done = subprocess.run([SENSORGW, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              cwd=self.folder, env=environment(), check=False)
        return done.returncode, done.stdout, done.stderr

    def test_help_of_everything(self):
        status, out, err = self.plain("--help")
        self.assertEqual((status, err), (0, ""))
        for command in COMMANDS:
            self.assertIn(command, out)
            status, help_text, err = self.plain(command, "--help")
            self.assertEqual((status, err), (0, ""), command)
            self.assertIn(f"Usage: sensorgw {command}", help_text)

    def test_wrong_usage_is_status_2(self):
        for arguments in ((), ("fly",), ("run", "--no-such"), ("history",), ("run", "now")):
            status, _, err = self.plain(*arguments)
            self.assertEqual(status, 2, arguments)
            self.assertTrue(err, arguments)

    def test_help_and_an_unknown_command(self):
        self.assertEqual(self.plain("help"), self.plain("--help"))
        self.assertEqual(self.plain("help", "history"), self.plain("history", "--help"))
        for arguments in (("histroy",), ("help", "histroy")):
            self.assertEqual(self.plain(*arguments), (2, "", "sensorgw: unknown command 'histroy'; did you mean 'history'?\n"
                                                      "'sensorgw --help' lists them.\n"))

    def test_an_unknown_option_is_named_wherever_it_stands(self):
        for word, arguments in (("-1h", ("shelve", "boiler/flow_temp", "overheat", "-1h")),
                                ("-5", ("write", "boiler/setpoint", "-5")), ("-z", ("sensors", "-z")),
                                ("-jz", ("sensors", "-jz", "x")),
                                ("--database", ("write", "--database", "x", "a/b", "1")),
                                ("--wide", ("sensors", "--wide", "x"))):
            status, _, err = self.plain(*arguments)
            self.assertEqual(status, 2, arguments)
            self.assertIn(f"unknown option '{word}'", err)

    def test_version(self):
        status, out, _ = self.plain("version")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"^sensorgw \d+\.\d+\.\d+")
        self.assertEqual(self.plain("--version")[1], out)

    def test_sensors_history_and_alerts(self):
        path, source = self.file_source()
        gateway = self.gateway([source], [{"name": "hot", "sensor": "*", "high": {"warning": 75}}])
        self.wait_for("a value", lambda: gateway.latest("room/t") == (20, "good"))
        self.write(path, "80")
        self.wait_for("80", lambda: gateway.latest("room/t") == (80, "good"))
        self.wait_for("the alert", lambda: json.loads(gateway.cli("alerts", "--active", "--json")))
        self.check_sensors(gateway)
        self.check_history(gateway)
        self.check_alerts(gateway)
        gateway.stop()
        self.check_sensors(gateway)
        self.check_history(gateway)

    def check_sensors(self, gateway):
        row, = json.loads(gateway.cli("sensors", "--json"))
        self.assertEqual((row["sensor"], row["value"], row["unit"], row["quality"], row["source"]),
                         ("room/t", 80, "°C", "good", "room"))
        self.assertRegex(gateway.cli("sensors", "room/*"), r"room/t +80 +°C +good")
        self.assertIn("nobody/*", gateway.cli("sensors", "nobody/*", status=1))
        self.assertEqual(json.loads(gateway.cli("sensors", "-j", "--database", gateway.database))[0]["value"], 80)

    def check_history(self, gateway):
        rows = json.loads(gateway.cli("history", "room/t", "--json"))
        self.assertEqual({r["value"] for r in rows}, {20, 80})
        self.assertEqual([r["time"] for r in rows], sorted(r["time"] for r in rows))
        table = list(csv.DictReader(io.StringIO(gateway.cli("history", "room/t", "--csv", "--every", "1h"))))
        self.assertEqual((float(table[0]["min"]), float(table[-1]["max"])), (20, 80))
        self.assertIn("room/t", gateway.cli("history", "room/t", "--plot", "--since", "10m"))
        self.assertIn("room/t", gateway.cli("history", "room/x", status=1))

    def check_alerts(self, gateway):
        alert, = json.loads(gateway.cli("alerts", "--json"))
        self.assertEqual((alert["rule"], alert["state"], alert["value"], alert["limit"], alert["cleared"]),
                         ("hot", "raised", 80, 75, None))
        self.assertRegex(gateway.cli("alerts"), r"raised +warning +room/t +hot +80 +75")


if __name__ == "__main__":
    main()
