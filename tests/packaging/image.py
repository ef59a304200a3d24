#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the images that script/docker-test built, as the compose file would: its configuration, its broker's access list and
passwords, with 127.0.0.1 and free ports in place of the names of the containers.

image.py BUILDAH OPTION...
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from processes import Process, free_port, wait_for  # noqa: E402  (found through the path above)

BUILDAH = sys.argv[1:]
DOCKER = ROOT / "docker"
# What `read_only`, `cap_drop` and `no-new-privileges` of the compose file mean.
SEAL = """
root=$1 folder=$2 user=$3
shift 3
mkdir -p "$root/run/secrets"
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind -o ro "$folder/sensorgw.yaml" "$root/etc/sensorgw/sensorgw.yaml"
mount --bind -o ro "$folder/docker/secrets" "$root/run/secrets"
mount --bind "$folder/volume" "$root/var/lib/sensorgw"
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs env -i "$@"
"""


def buildah(*arguments, status=0):
    done = subprocess.run([*BUILDAH, *arguments], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != status:
        raise AssertionError(f"buildah {arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def image_config(name):
    return json.loads(buildah("inspect", "--type", "image", f"localhost/sensorgw-{name}"))["Docker"]["config"]


def innermost(pid):
    """The process that runs in the container: the last of the chain that begins with this one."""
    children = [child for tasks in pathlib.Path(f"/proc/{pid}/task").glob("*/children") for child in tasks.read_text(encoding="ascii").split()]
    return innermost(children[0]) if children else int(pid)


class Container:
    """What `docker run` would make of an image, but for the network, which is this machine's."""

    def __init__(self, case, name, mounts=()):
        self.config = image_config(name)
        self.name = buildah("from", "--pull-never", f"localhost/sensorgw-{name}")
        case.addCleanup(buildah, "rm", self.name)
        self.options, self.sealed = ["run", "--isolation", "chroot"], None
        for source, target in mounts:
            self.options += ["-v", f"{source}:{target}"]

    def seal(self, folder):
        """From now on commands run in a read-only root and without capabilities; all that can be written is /tmp and the volume."""
        user = self.config["User"]
        os.mkdir(f"{folder}/volume", 0o750)
        os.chown(f"{folder}/volume", *map(int, user.split(":")))
        self.sealed = ["unshare", "--mount", "--propagation", "private", "bash", "-euc", SEAL, "seal", buildah("mount", self.name), folder,
                       user, *self.config["Env"]]

    def argv(self, *command):
        return [*self.sealed, *command] if self.sealed else [*BUILDAH, *self.options, self.name, "--", *command]

    def start(self, case, log, *arguments):
        process = Process(self.argv(*self.config["Entrypoint"], *(arguments or self.config["Cmd"])), log)
        case.addCleanup(process.stop)
        return process

    def run(self, *command, status=0):
        done = subprocess.run(self.argv(*command), capture_output=True, text=True, timeout=60, check=False)
        if status is not None and done.returncode != status:
            raise AssertionError(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr


class Image(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="image-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)
        shutil.copytree(DOCKER, f"{self.folder}/docker", ignore=shutil.ignore_patterns("secrets"))
        subprocess.run([f"{self.folder}/docker/make-secrets"], check=True, stdout=subprocess.DEVNULL)
        os.chmod(f"{self.folder}/docker/secrets", 0o755)  # the broker of this test is no container

    def broker(self):
        """A mosquitto with the configuration of the compose file."""
        port, folder = free_port(), f"{self.folder}/docker"
        text = (DOCKER / "mosquitto.conf").read_text(encoding="utf-8")
        for old, new in {"listener 1883": f"listener {port} 127.0.0.1", "/mosquitto/config/passwords": f"{folder}/secrets/broker_passwords",
                         "/mosquitto/config/": f"{folder}/", "/mosquitto/data/": f"{self.folder}/",
                         "persistence true": "persistence false"}.items():
            self.assertIn(old, text)
            text = text.replace(old, new)
        pathlib.Path(self.folder, "broker.conf").write_text(text, encoding="utf-8")
        process = Process(["mosquitto", "-c", f"{self.folder}/broker.conf"], f"{self.folder}/broker.log")
        self.addCleanup(process.stop)
        wait_for("the broker listens", lambda: subprocess.run(
            ["mosquitto_pub", *self.client(port), "-t", "sensorgw/x", "-m", ""], capture_output=True, check=False).returncode == 0)
        return port

    def client(self, port):
        password = pathlib.Path(self.folder, "docker/secrets/phone_password").read_text(encoding="utf-8").strip()
        return ["-p", str(port), "-u", "phone", "-P", password]

    def gateway(self, port):
        """A container whose configuration is the compose file's, with the simulator running."""
        simulator = Container(self, "simulator").start(self, f"{self.folder}/sim.log", "--tcp", "0", "--period", "6")
        modbus = wait_for("the simulator", lambda: re.search(r"^tcp=(\d+)", simulator.output(), re.M))[1]
        text = (DOCKER / "sensorgw.yaml").read_text(encoding="utf-8")
        text = text.replace("broker:1883", f"127.0.0.1:{port}").replace("simulator:1502", f"127.0.0.1:{modbus}")
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
        pathlib.Path(self.folder, "sensorgw.yaml").write_text(text, encoding="utf-8")
        container = Container(self, "gateway", [
            (f"{self.folder}/sensorgw.yaml", "/etc/sensorgw/sensorgw.yaml:ro"),
            (f"{self.folder}/docker/secrets/mqtt_password", "/run/secrets/mqtt_password:ro")])
        self.assertEqual(container.config["User"], "990:990")
        return container

    def runs_well(self, gateway, port):
        """Starts it, sees an alert, a value and its health, and stops it."""
        self.assertIn("uid=990", gateway.run("id"))
        self.assertIn("is valid", gateway.run("sensorgw", "check"))
        alerts = Process(["mosquitto_sub", *self.client(port), "-v", "-q", "1", "-t", "sensorgw/docker/alerts/#"], f"{self.folder}/alerts.log")
        self.addCleanup(alerts.stop)
        running = gateway.start(self, f"{self.folder}/gateway.log")
        try:
            wait_for("an alert", lambda: '"state":"raised"' in alerts.output().replace(" ", ""))
            print(alerts.output().splitlines()[0])
            print(wait_for("a value", lambda: re.search(r"boiler/flow_temp.*good.*", gateway.run("sensorgw", "sensors", status=None)))[0])
            health = gateway.config["Healthcheck"]["Test"]
            self.assertEqual(health[0], "CMD")
            print(gateway.run(*health[1:]))
        except AssertionError:
            print(running.output())
            raise
        os.kill(innermost(running.pid), signal.SIGTERM)  # `docker stop` tells the entry point; buildah passes nothing on
        self.assertEqual(running.wait(20), 0, running.output())
        self.assertIn("stopped after", running.output())
        self.assertEqual(gateway.run("stat", "-c", "%u %a", "/var/lib/sensorgw/sensorgw.db").strip(), "990 640")
        gateway.run(*health[1:], status=1)  # nobody answers any more

    def test_the_compose_files_set_up_reads_and_alerts(self):
        port = self.broker()
        gateway = self.gateway(port)
        self.assertIn("Permission denied", gateway.run("touch", "/usr/bin/x", status=1))
        self.runs_well(gateway, port)

    def test_it_needs_no_root_that_can_be_written_and_no_capability(self):
        port = self.broker()
        gateway = self.gateway(port)
        gateway.seal(self.folder)
        self.assertIn("Read-only file system", gateway.run("touch", "/var/tmp/x", status=1))
        self.assertIn("CapBnd:\t0000000000000000", gateway.run("cat", "/proc/self/status"))
        self.runs_well(gateway, port)

    def test_the_broker_lets_nobody_in_without_a_password_and_keeps_a_phone_from_the_gateways_topics(self):
        port = self.broker()
        for who in ([], ["-u", "phone", "-P", "wrong"]):
            done = subprocess.run(["mosquitto_pub", "-p", str(port), *who, "-t", "sensorgw/x", "-m", "x"], capture_output=True, check=False)
            self.assertNotEqual(done.returncode, 0, who)
        heard = Process(["mosquitto_sub", *self.client(port), "-v", "-t", "sensorgw/#", "-W", "60"], f"{self.folder}/heard.log")
        self.addCleanup(heard.stop)
        secret = pathlib.Path(self.folder, "docker/secrets/mqtt_password").read_text(encoding="utf-8").strip()
        gateway = ["-p", str(port), "-u", "sensorgw", "-P", secret]

        def heard_the_gateway():
            subprocess.run(["mosquitto_pub", *self.client(port), "-t", "sensorgw/docker/status", "-m", "forged"], check=True, capture_output=True)
            subprocess.run(["mosquitto_pub", *gateway, "-t", "sensorgw/docker/status", "-m", "online"], check=True, capture_output=True)
            return "online" in heard.output()
        wait_for("the gateway's word", heard_the_gateway)
        self.assertNotIn("forged", heard.output())


if __name__ == "__main__":
    unittest.main(argv=["image"], verbosity=2)
