# SPDX-License-Identifier: Apache-2.0
"""A disk that is full: alerts go on, what was not stored is counted, and storing resumes by itself."""
import os
import shutil
import subprocess
import unittest

from harness import GatewayTest, Process, main

HOT = {"name": "hot", "sensor": "room/t", "high": {"warning": 75}}


def can_mount():
    return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True,
                          check=False).returncode == 0


@unittest.skipUnless(shutil.which("unshare") and can_mount(), "needs user namespaces")
class DiskFull(GatewayTest):
    def small_disk(self):
        """A mount namespace, held open by a sleeping process, with 2 MB at DIR/disk; its path as we see it."""
        os.mkdir(self.path("disk"))
        holder = self.kept(Process(["unshare", "-rm", "sh", "-c", f"mount -t tmpfs -o size=2m none {self.path('disk')} "
                                    f"&& touch {self.path('mounted')} && exec sleep 600"], self.path("unshare.log")))
        self.wait_for("the small disk", lambda: os.path.exists(self.path("mounted")))
        return f"/proc/{holder.pid}/root{self.path('disk')}"

    def test_alerts_go_on_and_storing_resumes(self):
        disk = self.small_disk()
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        path, source = self.file_source(every="20ms")
        gateway = self.gateway([source], [HOT], broker, storage={"path": f"{disk}/gw.db"})
        self.wait_for("readings", lambda: gateway.count() > 20)
        with open(f"{disk}/ballast", "wb") as f:
            try:
                while True:
                    f.write(b"x" * 4096)
                    f.flush()
            except OSError:
                pass
        self.wait_for("commits fail", lambda: "No space" in gateway.process.output()
                      or "full" in gateway.process.output())
        self.write(path, "80")
        alert = self.wait_for("the alert, although it cannot be stored", lambda: [
            a for a in subscriber.alerts() if a["state"] == "raised"])[0]
        self.assertEqual(alert["value"], 80)
        rows = gateway.count()
        os.unlink(f"{disk}/ballast")
        self.wait_for("storing resumes", lambda: gateway.count() > rows + 50)
        self.check_books(gateway, gateway.stop())


if __name__ == "__main__":
    main()
