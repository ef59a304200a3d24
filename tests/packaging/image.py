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
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from processes import Process, free_port, wait_for  # noqa: E402  (found through the path above)

BUILDAH = sys.argv[1:]
DOCKER = ROOT / "docker"


def buildah(*arguments, status=0):
    done = subprocess.run([*BUILDAH, *arguments], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != status:
        raise AssertionError(f"buildah {arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def image_config(name):
    return json.loads(buildah("inspect", "--type", "image", f"localhost/sensorgw-{name}"))["Docker"]["config"]


class Container:
    """What `docker run` would make of an image, but for the network, which is this machine's."""

    def __init__(self, case, name, mounts=()):
        self.config = image_config(name)
        self.name = buildah("from", "--pull-never", f"localhost/sensorgw-{name}")
        case.addCleanup(buildah, "rm", self.name)
        self.options = ["run", "--isolation", "chroot"]
        for source, target in mounts:
            self.options += ["-v", f"{source}:{target}"]

    def argv(self, *command):
        return [*BUILDAH, *self.options, self.name, "--", *command]

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

    def test_the_compose_files_set_up_reads_and_alerts(self):
        port = self.broker()
        simulator = Container(self, "simulator").start(self, f"{self.folder}/sim.log", "--tcp", "0", "--period", "6")
        modbus = wait_for("the simulator", lambda: re.search(r"^tcp=(\d+)", simulator.output(), re.M))[1]
        text = (DOCKER / "sensorgw.yaml").read_text(encoding="utf-8")
        text = text.replace("broker:1883", f"127.0.0.1:{port}").replace("simulator:1502", f"127.0.0.1:{modbus}")
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
        pathlib.Path(self.folder, "sensorgw.yaml").write_text(text, encoding="utf-8")
        gateway = Container(self, "gateway", [
            (f"{self.folder}/sensorgw.yaml", "/etc/sensorgw/sensorgw.yaml:ro"),
            (f"{self.folder}/docker/secrets/mqtt_password", "/run/secrets/mqtt_password:ro")])
        self.assertEqual(gateway.config["User"], "990:990")
        self.assertIn("uid=990", gateway.run("id"))
        self.assertIn("Permission denied", gateway.run("touch", "/usr/bin/x", status=1))
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
        running.stop()
        self.assertIn("stopped after", running.output())
        self.assertEqual(running.popen.returncode, 0)
        self.assertEqual(gateway.run("stat", "-c", "%u %a", "/var/lib/sensorgw/sensorgw.db").strip(), "990 640")


if __name__ == "__main__":
    unittest.main(argv=["image"], verbosity=2)
