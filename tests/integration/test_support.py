# SPDX-License-Identifier: Apache-2.0
"""The support bundle: all of its parts are there, nothing secret is, and it works with and without a running gateway."""
import os
import re
import stat
import subprocess

import harness
from processes import PATIENCE, SENSORGW, Gateway, environment

SECRETS = ["fromafile77", "tokenfile88", "inline-pw-1", "inline-tok-2", "anna-user", "url-pw-3", "remark-4", "template-pw-5",
           "block-line-6", "block-line-7", "nested-8", "notafile-9"]
FULL = """\
# remark-4
gateway: {{name: boiler-room}}
mqtt:
  url: mqtt://127.0.0.1:{port}
  username: anna-user          # remark-4
  password_file: broker.secret
http: {{listen: "127.0.0.1:{http}", token_file: http.secret}}
storage: {{path: {database}, flush: 200ms}}
sources:
  - name: room
    driver: file
    every: 50ms
    sensors: [{{name: t, path: {value}, unit: °C}}]
  - name: away
    driver: modbus
    address: "127.0.0.1:{closed}"
    every: 1s
    timeout: 100ms
    devices:
      - {{name: meter, unit_id: 3, sensors: [{{name: power, holding: 1, unit: W}}]}}
rules:
  - {{name: hot, sensor: room/t, high: {{warning: 10}}}}
"""
# Keys that do not belong there, as somebody writes them who has not read the page.
WRONG = """\
mqtt:
  url: mqtt://anna-user:url-pw-3@127.0.0.1:1
  password: inline-pw-1
  token: "inline-tok-2"
  passphrase: |
    block-line-6
    block-line-7
  credentials: {user: [nested-8]}
  password_file: notafile-9
storage: {path: DATABASE}
"""


def sections(text):
    """{title: text} of the bundle's parts."""
    parts = re.split(r"^===== \d+\. (.*) =====\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


class Support(harness.GatewayTest):
    def setUp(self):
        super().setUp()
        value, _ = self.file_source()
        self.write(self.path("broker.secret"), "fromafile77")
        self.write(self.path("http.secret"), "tokenfile88")
        text = FULL.format(port=harness.free_port(), http=harness.free_port(), closed=harness.free_port(), value=value,
                           database=self.path("gw.db"))
        self.gw = self.gateway_of(text)

    def gateway_of(self, text):
        gateway = Gateway(self.folder, text)
        self.addCleanup(lambda: gateway.process and gateway.process.stop())
        return gateway

    def bundle(self, *arguments):
        """Runs it in the test's folder; its words, and the bundle's parts."""
        done = subprocess.run([SENSORGW, "-c", self.gw.config_path, "support-bundle", *arguments], cwd=self.folder, text=True,
                              capture_output=True, timeout=2 * PATIENCE, check=False, env=environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        name = re.search(r"^Wrote (\S+), ", done.stdout).group(1)
        path = os.path.join(self.folder, name)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        os.unlink(path)
        self.check_no_secrets(text)
        return done.stdout, sections(text)

    def check_no_secrets(self, text):
        for secret in SECRETS:
            self.assertNotIn(secret, text)

    def template(self):
        os.mkdir(self.path("templates"))
        self.write(self.path("templates/own.yaml"),
                   "templates:\n  own:\n    driver: modbus\n    # remark-4\n    sensors: [{name: t, holding: 1}]\n")

    def test_a_running_gateway_tells_all(self):
        self.template()
        self.gw.start()
        self.wait_for("an alert that waits for the broker", lambda: self.gw.value("SELECT count(*) FROM alert_event"))
        self.wait_for("readings", self.gw.count)
        self.wait_for("a source that fails", lambda: "source away" in self.gw.cli("health"))
        said, parts = self.bundle()
        self.assertIn("Left out: stored readings; passwords", said)
        self.assertNotIn("could not be asked", said)
        self.assertRegex(parts["Versions"], r"sensorgw: \d+\.\d+")
        self.assertRegex(parts["Versions"], r"kernel: Linux \d")
        self.assertIn("libmodbus.so", parts["Versions"])
        self.assertRegex(parts["Health"], r"\Adegraded\n(.*\n)*warning: source away: .*, since \d{4}-")
        self.assertIn("is valid. Sources: 2, sensors: 2, rules: 1.", parts["What the check of the configuration says"])
        self.assertIn("username: [removed]", parts["Configuration"])
        self.assertIn("password_file: broker.secret", parts["Configuration"])
        self.assertIn("own:\n    driver: modbus", parts["Templates of the configuration"])
        self.assertRegex(parts["Sources and units"], r"room +file +open")
        self.assertRegex(parts["Sources and units"], r"away +modbus +failed")
        self.assertRegex(parts["Figures"], r'sensorgw_readings_accepted_total\{source="room"\} [1-9]')
        self.assertIn('sensorgw_alerts{severity="warning",state="raised"} 1\n', parts["Figures"])
        self.assertIn("alert raised (warning): room/t hot", parts["Log of the running gateway"])
        self.check_facts(parts["Database"])
        self.assertRegex(parts["Files and disks"], r"configuration +\S+gw.yaml: 0600 \w+:\w+")
        self.assertRegex(parts["Files and disks"], r"disk of \S+: \d+ MB, \d+ MB free")
        self.gw.stop()

    def check_facts(self, text):
        for fact in (r"schema version: 2", r"journal mode: wal", r"page size: \d+", r"size of its log \(-wal\): \d+",
                     r"alert transitions that wait for the broker: 1", r"rows of reading: [1-9]\d*", r"rows of alert: 1",
                     r"oldest reading: 20\d\d-", r"newest reading: 20\d\d-", r"books .*: 1 room accepted [1-9]",
                     r"SQLite: 3\.", r"SQLite's option: THREADSAFE="):
            self.assertRegex(text, fact)

    def test_without_a_gateway_the_rest_is_there(self):
        self.gw.start()
        self.wait_for("an alert", lambda: self.gw.value("SELECT count(*) FROM alert_event"))
        self.gw.stop()
        said, parts = self.bundle()
        self.assertIn("could not be asked (no gateway runs)", said)
        for part in ("Health", "Figures", "Log of the running gateway"):
            self.assertIn("cannot be asked: no gateway runs", parts[part])
        self.check_facts(parts["Database"])
        self.assertIn("is valid.", parts["What the check of the configuration says"])

    def test_a_crash_and_the_check_after_it_are_told(self):
        self.gw.start()
        self.wait_for("readings", self.gw.count)

        def checked():  # on a machine that is too slow the check ends early, and is no whole one
            self.gw.kill()
            self.gw.start()
            return "last whole check after an unclean stop" in self.bundle()[1]["Database"]
        self.wait_for("a whole check", checked)
        _, parts = self.bundle()
        self.assertRegex(parts["Database"], r"last whole check after an unclean stop: 20\d\d-")
        self.assertRegex(parts["Database"], r"run \(.*\): 1 .* no end \d+")
        self.gw.stop()

    def test_a_configuration_that_was_broken_meanwhile(self):
        self.gw.start()
        self.wait_for("the control socket", lambda: self.gw.control("log"))
        self.write(self.gw.config_path, WRONG.replace("DATABASE", self.gw.database))
        os.mkdir(self.path("templates"))
        self.write(self.path("templates/own.yaml"), "templates: {own: {password: template-pw-5}}\n")
        said, parts = self.bundle()
        self.assertNotIn("could not be asked", said)
        self.assertRegex(parts["What the check of the configuration says"], r"gw.yaml:2:\d+: mqtt.url: ")
        self.assertIn("password: [removed]\n", parts["Configuration"])
        self.assertIn("url: mqtt://[removed]@127.0.0.1:1\n", parts["Configuration"])
        self.assertIn("template", parts["Templates of the configuration"])
        self.assertIn("gateway boiler-room", parts["Log of the running gateway"])
        self.gw.stop()

    def test_there_is_nothing_at_all(self):
        self.gw.config_path = self.path("none.yaml")
        _, parts = self.bundle()
        self.assertIn("No such file", parts["Configuration"])
        self.assertRegex(parts["Versions"], r"sensorgw: \d")

    def test_the_journal_of_the_service_is_in_it(self):
        os.mkdir(self.path("bin"))
        self.write(self.path("bin/journalctl"), '#!/bin/sh\necho "sensorgw: it ended; broker at mqtt://a:url-pw-3@host ($*)"')
        os.chmod(self.path("bin/journalctl"), 0o755)
        before = os.environ["PATH"]
        self.addCleanup(os.environ.update, PATH=before)
        os.environ["PATH"] = self.path("bin") + ":" + before
        _, parts = self.bundle()
        self.assertIn("it ended; broker at mqtt://[removed]@host (-u sensorgw", parts["Journal of the service"])

    def test_a_named_file_is_not_replaced_by_accident(self):
        self.write(self.path("mine.txt"), "precious")
        self.assertIn("exists already", self.gw.cli("support-bundle", self.path("mine.txt"), status=1))
        self.gw.cli("support-bundle", "--force", self.path("mine.txt"))
        with open(self.path("mine.txt"), encoding="utf-8") as f:
            self.assertIn("support bundle of", f.readline())
        self.assertIn("===== 1. Versions =====", self.gw.cli("support-bundle", "-"))


if __name__ == "__main__":
    harness.main()
