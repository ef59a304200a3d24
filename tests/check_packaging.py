#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what is packaged without packaging it: the version, the systemd unit, the shell's completion."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGING = ROOT / "packaging"
SENSORGW = os.environ.get("SENSORGW", "sensorgw")
WORST_EXPOSURE = 2.0  # of 10, as systemd-analyze counts
COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_sensorgw
printf '%s\\n' "${COMPREPLY[@]}"
"""


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def run(*argv, **options):
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, **options)


def completions(*words):
    """What is offered for the last word of `sensorgw WORDS`."""
    done = run("bash", "-c", COMPLETE, "bash", str(PACKAGING / "completion/sensorgw"), SENSORGW, *words, check=True)
    return done.stdout.split()


class Version(unittest.TestCase):
    def test_the_changelog_begins_with_the_version_of_the_project(self):
        version = re.search(r"project\(sensorgw VERSION (\S+)", read("CMakeLists.txt"))[1]
        self.assertTrue(read("packaging/debian/changelog").startswith(f"sensorgw ({version}) "), version)


@unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd here")
class Unit(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.unit = os.path.join(folder.name, "sensorgw.service")
        text = read("packaging/sensorgw.service").replace("/usr/bin/sensorgw", os.path.abspath(SENSORGW))
        pathlib.Path(self.unit).write_text(text, encoding="utf-8")

    def test_the_unit_is_exposed_little(self):
        done = run("systemd-analyze", "security", "--offline=true", self.unit, check=True)
        self.assertLessEqual(float(re.search(r"exposure level.*: ([0-9.]+)", done.stdout)[1]), WORST_EXPOSURE)

    def test_systemd_understands_every_line_of_it(self):
        done = run("systemd-analyze", "verify", "--man=no", self.unit)
        complaints = [line for line in done.stderr.splitlines() if "sensorgw.service" in line]
        self.assertEqual(complaints, [])


@unittest.skipUnless(shutil.which("bash"), "there is no bash here")
class Completion(unittest.TestCase):
    def test_every_command_is_offered(self):
        help_text = run(SENSORGW, "--help", check=True).stdout.partition("Commands:")[2].partition("\n\n")[0]
        commands = re.findall(r"^  ([a-z][a-z-]*) ", help_text, re.M)
        self.assertGreater(len(commands), 5)
        self.assertLessEqual(set(commands), set(completions("")))
        self.assertEqual(completions("chec"), ["check"])

    def test_every_option_of_a_command_is_offered(self):
        help_text = run(SENSORGW, "history", "--help", check=True).stdout
        options = re.findall(r"^ {2,6}(?:-\w, )?(--[a-z][a-z-]*)", help_text, re.M)
        self.assertEqual(set(completions("history", "--")), set(options))
        self.assertIn("--config", completions("check", "--"))

    def test_names_of_sensors_are_offered_from_the_database(self):
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "x.yaml")
            pathlib.Path(config).write_text(
                f"storage: {{path: {folder}/x.db, flush: 100ms}}\nhttp: off\n"
                f"sources: [{{name: pi, driver: file, every: 100ms, sensors: [{{name: temp, path: {folder}/t}}]}}]\n", encoding="utf-8")
            pathlib.Path(folder, "t").write_text("20\n", encoding="utf-8")
            with subprocess.Popen([SENSORGW, "-c", config, "run"], stderr=subprocess.DEVNULL) as gateway:
                try:
                    names, end = [], time.monotonic() + 60
                    while not names and time.monotonic() < end:
                        names = completions("-c", config, "history", "pi")
                finally:
                    gateway.terminate()
        self.assertEqual(names, ["pi/temp"])


if __name__ == "__main__":
    sys.exit(unittest.main())
