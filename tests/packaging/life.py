#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The life of an installed package, from installing to purging: script/package-test runs it as root in a fresh Debian that has
no systemd running, so that the service is started here as its unit says.

life.py PACKAGE LATER_PACKAGE SIMULATOR
"""
import grp
import os
import pathlib
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
os.environ["SENSORGW"] = "/usr/bin/sensorgw"
os.environ["SENSORGW_SIM"] = sys.argv[3]
from processes import Broker, Process, Simulator, wait_for  # noqa: E402  (found through the path above)

PACKAGE, LATER = sys.argv[1:3]
CONFIG = pathlib.Path("/etc/sensorgw/sensorgw.yaml")
CREDENTIALS = pathlib.Path("/etc/sensorgw/credentials")
DATABASE = pathlib.Path("/var/lib/sensorgw/sensorgw.db")
UNIT = pathlib.Path("/lib/systemd/system/sensorgw.service")
PASSWORD = "boiler room"
OWN_CONFIG = """# edited by the one who runs the gateway
gateway: {{name: plant}}
mqtt:
  url: mqtt://{broker}
  username: sensorgw
  password_file: ${{CREDENTIALS_DIRECTORY}}/mqtt_password
storage: {{path: /var/lib/sensorgw/sensorgw.db, flush: 500ms}}
http: off
sources:
  - name: plant
    driver: modbus
    address: {modbus}
    every: 200ms
    devices:
      - {{name: boiler, unit_id: 1, sensors: [{{name: flow_temp, holding: 0, type: int16, scale: 0.1, unit: °C}}]}}
rules:
  - {{name: overheat, sensor: boiler/flow_temp, high: {{warning: 75}}}}
"""


def run(*argv, status=0, **options):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, **options)
    if done.returncode != status:
        raise AssertionError(f"{shlex.join(argv)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def install(package):
    return run("apt-get", "-y", "-o", "Dpkg::Use-Pty=0", "install", package)


def unit(key):
    """A setting of the unit."""
    return re.search(rf"^{key}=(.*)$", UNIT.read_text(encoding="utf-8"), re.M)[1]


def sqlite(sql):
    return run("sqlite3", "-readonly", "-cmd", ".timeout 10000", str(DATABASE), sql).strip()


class Service(Process):
    """What systemd would do with the unit, as far as it matters here: user, groups, secrets, command."""

    def __init__(self, log):
        owner = pwd.getpwnam(unit("User"))
        secrets = pathlib.Path(tempfile.mkdtemp(prefix="credentials-"))
        for name, path in re.findall(r"^LoadCredential=(\w+):(.*)$", UNIT.read_text(encoding="utf-8"), re.M):
            if os.path.exists(path):
                shutil.copy(path, secrets / name)
                os.chown(secrets / name, owner.pw_uid, -1)
        os.chown(secrets, owner.pw_uid, owner.pw_gid)
        super().__init__(["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--init-groups", "--no-new-privs",
                          "env", f"CREDENTIALS_DIRECTORY={secrets}", *shlex.split(unit("ExecStart"))], log)

    def end(self):
        self.stop()
        if self.popen.returncode != 0:
            raise AssertionError(f"the service ended with {self.popen.returncode}: {self.output()}")


class Life(unittest.TestCase):
    """The tests are one story, in the order of their names."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="life-")
        os.chmod(cls.folder, 0o755)
        passwords = f"{cls.folder}/passwords"
        run("mosquitto_passwd", "-c", "-b", passwords, "sensorgw", PASSWORD)
        run("mosquitto_passwd", "-b", passwords, "anybody", "x")
        os.chmod(passwords, 0o644)
        cls.broker = Broker(cls.folder, extra=f"allow_anonymous false\npassword_file {passwords}")
        cls.simulator = None  # it needs libraries that come with the package

    @classmethod
    def tearDownClass(cls):
        for process in (cls.simulator, cls.broker):
            if process:
                process.stop()

    def start(self):
        service = Service(f"{self.folder}/service-{self.id()}.log")
        self.addCleanup(service.stop)
        return service

    def count(self):
        """Readings stored; 0 as long as the table is not made."""
        if not DATABASE.exists() or sqlite("SELECT count(*) FROM sqlite_master WHERE name = 'reading'") == "0":
            return 0
        return int(sqlite("SELECT count(*) FROM reading"))

    def test_1_installing_makes_user_and_folders_and_a_valid_configuration(self):
        print(install(PACKAGE)[-300:])
        owner = pwd.getpwnam("sensorgw")
        self.assertIn("sensorgw", grp.getgrnam("dialout").gr_mem)
        state = os.stat("/var/lib/sensorgw")
        self.assertEqual((state.st_uid, state.st_mode & 0o7777), (owner.pw_uid, 0o750))
        secrets = os.stat(CREDENTIALS)
        self.assertEqual((secrets.st_uid, secrets.st_mode & 0o7777), (0, 0o700))
        self.assertIn("is valid", run("sensorgw", "check"))
        self.assertTrue(any(pathlib.Path("/usr/share/sensorgw/templates").iterdir()))
        self.assertIn("sensorgw", run("man", "-w", "sensorgw.yaml"))
        self.assertIn(str(CONFIG), run("dpkg-query", "-W", "-f=${Conffiles}", "sensorgw"))
        wants = pathlib.Path("/etc/systemd/system/multi-user.target.wants/sensorgw.service")
        self.assertTrue(wants.is_symlink(), "the service is not enabled")

    def test_2_it_runs_as_installed(self):
        service = self.start()
        wait_for("the database", lambda: DATABASE.exists() and self.count() > 0)
        self.assertIn("pi/cpu_temp", run("sensorgw", "sensors"))
        service.end()
        DATABASE.unlink()

    def test_3_values_and_an_alert_arrive(self):
        simulator = type(self).simulator = Simulator(self.folder, "--tcp", "0", "--period", "6")
        CREDENTIALS.joinpath("mqtt_password").write_text(PASSWORD + "\n", encoding="utf-8")
        os.chmod(CREDENTIALS / "mqtt_password", 0o600)
        CONFIG.write_text(OWN_CONFIG.format(broker=self.broker.address, modbus=f"127.0.0.1:{simulator.served['tcp']}"),
                          encoding="utf-8")
        self.assertIn("is valid", run("sensorgw", "check"))
        alerts = Process(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.broker.port), "-u", "anybody", "-P", "x", "-v", "-q", "1",
                          "-t", "sensorgw/plant/alerts/#"], f"{self.folder}/alerts.log")
        self.addCleanup(alerts.stop)
        service = self.start()
        wait_for("an alert", lambda: '"state":"raised"' in alerts.output().replace(" ", ""))
        print(alerts.output().splitlines()[0])
        listed = wait_for("a value", lambda: re.search(r"boiler/flow_temp +[-0-9.]+ +°C +good", run("sensorgw", "sensors")))
        print(listed[0])
        self.assertIn("overheat", run("sensorgw", "alerts"))
        wait_for("more readings", lambda: self.count() > 5)
        service.end()
        self.assertEqual(os.stat(DATABASE).st_mode & 0o007, 0, "others can read the history")

    def test_4_an_upgrade_keeps_configuration_and_history(self):
        service = self.start()
        print(install(LATER)[-300:])
        self.assertIn("+later", run("dpkg-query", "-W", "-f=${Version}", "sensorgw"))
        self.assertIn("# edited by", CONFIG.read_text(encoding="utf-8"))
        service.end()
        before, service = self.count(), self.start()
        wait_for("more readings", lambda: self.count() > before + 5)
        service.end()
        self.assertEqual(sqlite("PRAGMA integrity_check"), "ok")

    def test_5_an_upgrade_with_a_broken_configuration_says_so_and_succeeds(self):
        good = CONFIG.read_text(encoding="utf-8")
        CONFIG.write_text(good + "nonsense: 1\n", encoding="utf-8")
        text = run("dpkg", "-i", PACKAGE)
        self.assertIn("nonsense: unknown key", text)
        self.assertIn("the service is not started", text)
        service = self.start()
        self.assertEqual(service.wait(), int(unit("RestartPreventExitStatus")))
        CONFIG.write_text(good, encoding="utf-8")

    def test_6_removing_keeps_configuration_and_history(self):
        before = self.count()
        run("apt-get", "-y", "remove", "sensorgw")
        self.assertFalse(os.path.exists("/usr/bin/sensorgw"))
        self.assertIn("# edited by", CONFIG.read_text(encoding="utf-8"))
        self.assertTrue(CREDENTIALS.joinpath("mqtt_password").exists())
        self.assertEqual(self.count(), before)

    def test_7_purging_keeps_the_history_when_nobody_is_asked(self):
        before = self.count()
        text = run("apt-get", "-y", "purge", "sensorgw")
        self.assertIn("is kept", text)
        self.assertFalse(CONFIG.parent.exists())
        self.assertEqual(self.count(), before)
        self.assertEqual(os.stat(DATABASE).st_uid, pwd.getpwnam("sensorgw").pw_uid)

    def test_8_purging_removes_the_history_when_that_was_answered(self):
        install(LATER)
        self.assertGreater(self.count(), 0)
        run("debconf-set-selections", input="sensorgw sensorgw/purge_data boolean true\n")
        run("apt-get", "-y", "purge", "sensorgw")
        left = [path for path in ("/etc/sensorgw", "/var/lib/sensorgw", "/lib/systemd/system/sensorgw.service",
                                  "/etc/systemd/system/multi-user.target.wants/sensorgw.service") if os.path.lexists(path)]
        self.assertEqual(left, [])
        self.assertNotIn("sensorgw", [user.pw_name for user in pwd.getpwall()])


if __name__ == "__main__":
    unittest.main(argv=["life"], verbosity=2, failfast=True)
