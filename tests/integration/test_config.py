# SPDX-License-Identifier: Apache-2.0
"""A configuration that is wrong starts nothing and says where and why."""
import os
import subprocess

from harness import PATIENCE, GatewayTest, main
from processes import SENSORGW, environment

GOOD = """gateway: {name: test}
storage: {path: "DIR/gw.db"}
http: off
sources:
  - {name: room, driver: file, every: 1s, sensors: [{name: t, path: /dev/null}]}
"""


class Config(GatewayTest):
    def run_text(self, text, *command):
        path = self.path("gw.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("DIR", self.folder))
        os.chmod(path, 0o600)
        done = subprocess.run([SENSORGW, "-c", path, *command], capture_output=True, text=True, timeout=PATIENCE,
                              env=environment(), check=False)
        return done.returncode, done.stdout, done.stderr.replace(path, "gw.yaml")

    def test_check_says_what_will_run(self):
        status, out, err = self.run_text(GOOD, "check")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("room/t", out)
        self.assertIn("Sources: 1, sensors: 1, rules: 0", out)

    def test_check_warns_of_a_folder_that_cannot_be_written(self):
        os.mkdir(self.path("data"), 0o555)
        self.addCleanup(os.chmod, self.path("data"), 0o755)
        os.chmod(self.folder, 0o755)
        path = self.path("gw.yaml")
        self.write(path, GOOD.replace("DIR", self.path("data")))
        other = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        try:
            done = subprocess.run([SENSORGW, "-c", path, "check", "-q"], capture_output=True, text=True,
                                  timeout=PATIENCE, env=environment(), check=False, **other)
        except PermissionError:
            self.skipTest("the program cannot be run by another user from where it is")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertIn(f"warning: storage.path: you cannot write to folder {self.path('data')}; ", done.stderr)

    def test_every_error_is_named_with_its_place_and_nothing_is_started(self):
        broken = GOOD.replace("driver: file", "driver: flie").replace("gateway: {name: test}", "gatway: {name: test}")
        for command, expected in (("check", 1), ("run", 78), ("sensors", 1)):
            status, _, err = self.run_text(broken, command)
            self.assertEqual(status, expected, err)
            self.assertRegex(err, r"gw\.yaml:1:\d+: .*gatway.*\n")
            self.assertRegex(err, r"gw\.yaml:5:\d+: .*flie.*\n")
            self.assertRegex(err, "did you mean '?gateway")
            self.assertIn("2 errors", err)
        self.assertFalse(os.path.exists(self.path("gw.db")))

    def test_a_table_of_mistakes(self):
        cases = {
            "no yaml": (GOOD.replace("}\n", "\n", 1), 2),
            "duplicate key": (GOOD + "http: off\n", 6),
            "unknown key in a sensor": (GOOD.replace("path: /dev/null", "path: /dev/null, color: red"), 5),
            "duplicate sensor": (GOOD.replace("[{name: t, path: /dev/null}]",
                                              "[{name: t, path: /a}, {name: t, path: /b}]"), 5),
            "no such rule sensor form": (GOOD + "rules: [{name: r, sensor: \"room/t\"}]\n", 6),
            "bad timespan": (GOOD.replace("every: 1s", "every: 1 fortnight"), 5),
            "bad url": (GOOD + "mqtt: {url: \"http://x\"}\n", 6),
        }
        for name, (text, line) in cases.items():
            with self.subTest(name):
                status, _, err = self.run_text(text, "check")
                self.assertEqual(status, 1, err)
                self.assertRegex(err, rf"gw\.yaml:{line}:\d+: .+")

    def test_no_configuration_at_all(self):
        done = subprocess.run([SENSORGW, "-c", self.path("nowhere.yaml"), "run"], capture_output=True, text=True,
                              timeout=PATIENCE, env=environment(), check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn("nowhere.yaml", done.stderr)


if __name__ == "__main__":
    main()
