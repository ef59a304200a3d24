#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd unit at work: script/package-test runs it on a small Debian with systemd, which is booted here in namespaces of its
own (no container engine is needed, and the network is this machine's).

unit.py ROOT
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
from processes import Process, free_port, wait_for  # noqa: E402  (found through the path above)

ROOT = pathlib.Path(sys.argv[1]).resolve()
TREE = pathlib.Path(__file__).resolve().parent.parent.parent
BOOT = """
root=$1 tree=$2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
mount --bind "$tree" "$root/src"
mount --make-rshared "$root" # systemd takes that as done in a container; what a service is handed would not be seen otherwise
exec env -i container=other TERM=linux PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd --log-target=console --show-status=no
"""
NOT_NEEDED = ["console-getty.service", "getty.target", "mosquitto.service", "systemd-logind.service", "systemd-networkd.service",
              "systemd-resolved.service", "systemd-timesyncd.service", "systemd-udevd.service"]
CONFIG = """gateway: {{name: unit}}
mqtt:
  url: mqtt://127.0.0.1:{port}
  username: sensorgw
  password_file: ${{CREDENTIALS_DIRECTORY}}/mqtt_password
storage: {{path: /var/lib/sensorgw/sensorgw.db, flush: 200ms}}
http: off
sources:
  - {{name: pi, driver: file, every: 200ms, sensors: [{{name: mtu, path: /sys/class/net/lo/mtu}}]}}
"""


class Machine(Process):
    """A Debian that is up. Commands run inside, as root."""

    def __init__(self, log):
        for service in NOT_NEEDED:
            link = ROOT / "etc/systemd/system" / service
            link.unlink(missing_ok=True)
            link.symlink_to("/dev/null")
        (ROOT / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        super().__init__(["unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "--propagation", "private",
                          "bash", "-euc", BOOT, "boot", str(ROOT), str(TREE)], log)
        self.init = wait_for("systemd is started", self.first_process)
        wait_for("systemd is up", lambda: self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded"), 120)

    def first_process(self):
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        return next((pid for pid in children if b"/lib/systemd/systemd" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()[:24]), None)

    def run(self, *argv, check=True):
        done = subprocess.run(["nsenter", "-t", self.init, "-m", "-p", "-u", "-i", "-C", "-r", "env", "-i", "LC_ALL=C.UTF-8",
                               "DEBIAN_FRONTEND=noninteractive", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv],
                              capture_output=True, text=True, timeout=120, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def stop(self):
        """Its first process takes all others along."""
        if self.running():
            os.kill(int(self.init), signal.SIGKILL)
            self.wait()

    def show(self, key):
        return self.run("systemctl", "show", "-P", key, "sensorgw").strip()

    def journal(self):
        return self.run("journalctl", "-u", "sensorgw", "-n", "200", "--no-pager", "-o", "cat", check=False)


class Unit(unittest.TestCase):
    """One story, in the order of the names."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="unit-")
        cls.machine = Machine(f"{cls.folder}/machine.log")

    @classmethod
    def tearDownClass(cls):
        cls.machine.stop()

    def configure(self, text):
        (ROOT / "etc/sensorgw/sensorgw.yaml").write_text(text, encoding="utf-8")

    def wait_for_state(self, state):
        try:
            wait_for(f"the service is {state}", lambda: self.machine.show("ActiveState") == state, 30)
        except AssertionError as e:
            raise AssertionError(f"{e}: {self.machine.run('systemctl', 'status', 'sensorgw', check=False)}{self.machine.journal()}") from e

    def test_1_installing_starts_the_service_and_it_says_that_it_is_ready(self):
        self.machine.run("apt-get", "-y", "install", "/src/build/package-test/first.deb")
        self.wait_for_state("active")
        self.assertEqual(self.machine.show("Type"), "notify")
        self.assertEqual(self.machine.show("User"), "sensorgw")
        print(self.machine.run("systemctl", "status", "--no-pager", "sensorgw"))

    def test_2_it_reads_and_stores_within_its_bounds(self):
        port = free_port()
        broker = f"{self.folder}/mosquitto.conf"
        subprocess.run(["mosquitto_passwd", "-c", "-b", f"{self.folder}/passwords", "sensorgw", "pw"], check=True)
        os.chmod(self.folder, 0o755)
        os.chmod(f"{self.folder}/passwords", 0o644)
        pathlib.Path(broker).write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {self.folder}/passwords\n",
                                        encoding="utf-8")
        process = Process(["mosquitto", "-v", "-c", broker], f"{self.folder}/broker.log")
        self.addCleanup(process.stop)
        secret = ROOT / "etc/sensorgw/credentials/mqtt_password"
        secret.write_text("pw\n", encoding="utf-8")
        secret.chmod(0o600)
        self.configure(CONFIG.format(port=port))
        self.machine.run("systemctl", "restart", "sensorgw", check=False)
        self.wait_for_state("active")
        wait_for("the gateway is at the broker", lambda: "u'sensorgw'" in process.output())
        wait_for("a reading", lambda: re.search(r"pi/mtu +\d+ .*good", self.machine.run("sensorgw", "sensors", check=False)))
        self.assertNotIn("Operation not permitted", self.machine.journal())
        # The password came through systemd: the file itself is root's, and the copy is the service's own.
        handed_out = self.machine.run("stat", "-c", "%U %a", "/run/credentials/sensorgw.service/mqtt_password").strip()
        self.assertEqual(handed_out, "sensorgw 400")
        as_service = ["setpriv", "--reuid=sensorgw", "--regid=sensorgw", "--init-groups", "cat", "/etc/sensorgw/credentials/mqtt_password"]
        self.assertIn("Permission denied", self.machine.run(*as_service, check=False))

    def test_3_it_reloads(self):
        before = self.machine.show("MainPID")
        config = ROOT / "etc/sensorgw/sensorgw.yaml"
        text = config.read_text(encoding="utf-8")
        config.write_text(text + "rules:\n  - {name: small, sensor: pi/mtu, high: {warning: 1}}\n", encoding="utf-8")
        self.machine.run("systemctl", "reload", "sensorgw")
        wait_for("the alert", lambda: "small" in self.machine.run("sensorgw", "alerts", "--active", check=False))
        config.write_text(text + "rulez: []\n", encoding="utf-8")
        self.machine.run("systemctl", "reload", "sensorgw", check=False)
        wait_for("the reason", lambda: "unknown key" in self.machine.journal())
        config.write_text(text, encoding="utf-8")
        self.assertIn("small", self.machine.run("sensorgw", "alerts", "--active"))
        self.machine.run("systemctl", "reload", "sensorgw")
        wait_for("its end", lambda: "small" not in self.machine.run("sensorgw", "alerts", "--active", check=False))
        self.assertEqual(self.machine.show("MainPID"), before)
        self.assertEqual(self.machine.show("ActiveState"), "active")

    def test_4_one_that_hangs_is_restarted(self):
        before = self.machine.show("MainPID")
        drop_in = ROOT / "etc/systemd/system/sensorgw.service.d/test.conf"
        drop_in.parent.mkdir()
        drop_in.write_text("[Service]\nWatchdogSec=5\nRestartSec=1\nTimeoutAbortSec=5\n", encoding="utf-8")
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "restart", "sensorgw")
        before = self.machine.show("MainPID")
        self.machine.run("sh", "-c", f"kill -STOP {before}")
        wait_for("another process", lambda: self.machine.show("MainPID") not in ("0", before) and
                 self.machine.show("ActiveState") == "active", 90)
        self.assertEqual(self.machine.show("NRestarts"), "1")

    def test_5_a_broken_configuration_is_no_reason_to_try_again(self):
        good = (ROOT / "etc/sensorgw/sensorgw.yaml").read_text(encoding="utf-8")
        self.configure(good + "nonsense: 1\n")
        self.machine.run("systemctl", "restart", "sensorgw", check=False)
        self.wait_for_state("failed")
        self.assertEqual(self.machine.show("ExecMainStatus"), "78")
        self.assertIn("nonsense: unknown key", self.machine.journal())
        self.configure(good)
        self.machine.run("systemctl", "restart", "sensorgw")

    def test_6_an_upgrade_restarts_it_only_with_a_valid_configuration(self):
        good, before = (ROOT / "etc/sensorgw/sensorgw.yaml").read_text(encoding="utf-8"), self.machine.show("MainPID")
        self.configure(good + "nonsense: 1\n")
        self.machine.run("dpkg", "-i", "/src/build/package-test/later.deb")
        self.assertEqual((self.machine.show("MainPID"), self.machine.show("ActiveState")), (before, "active"))
        self.configure(good)
        self.machine.run("dpkg", "-i", "/src/build/package-test/later.deb")
        self.wait_for_state("active")
        self.assertNotEqual(self.machine.show("MainPID"), before)

    def test_7_removing_stops_it(self):
        self.machine.run("apt-get", "-y", "purge", "sensorgw")
        running = self.machine.run("sh", "-c", "grep -l '^sensorgw$' /proc/[0-9]*/comm", check=False)
        self.assertNotIn("/proc/", running)


if __name__ == "__main__":
    unittest.main(argv=["unit"], verbosity=2, failfast=True)
