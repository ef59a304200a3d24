# SPDX-License-Identifier: Apache-2.0
"""A small file system of its own, in a mount namespace that needs no rights; it goes with the process that holds it."""
import errno
import json
import os
import subprocess
import sys

from processes import Process, wait_for


def can_mount():
    return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True,
                          check=False).returncode == 0


class Mount(Process):
    """A tmpfs of `size` bytes over `folder`. A gateway whose prefix is `enter` lives in it."""

    def __init__(self, folder, size):
        self.folder = folder
        super().__init__(["unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size={size} tmpfs "$0" && echo mounted &&'
                          ' exec sleep 1000', folder], folder + ".log")
        wait_for("the mount", lambda: "mounted" in self.output())
        self.enter = ["nsenter", f"--target={self.pid}", "--user", "--mount", "--preserve-credentials"]

    def seen(self, path):
        """The path from outside. (SQLite would follow it to the outside.)"""
        return f"/proc/{self.pid}/root{path}"

    def rows(self, database, sql, *arguments):
        """Asks a database inside; [] while there is none."""
        script = ("import json, sqlite3, sys\n"
                  "db = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True, timeout=60)\n"
                  "print(json.dumps(db.execute(sys.argv[2], json.loads(sys.argv[3])).fetchall()))")
        done = subprocess.run([*self.enter, sys.executable, "-c", script, database, sql, json.dumps(arguments)],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return [tuple(row) for row in json.loads(done.stdout)]
        if "no such table" in done.stderr or "unable to open" in done.stderr:
            return []
        raise AssertionError(done.stderr)

    def free(self):
        s = os.statvfs(self.seen(self.folder))
        return s.f_bavail * s.f_frsize

    def fill(self, leave):
        """Another program's file, which leaves so many bytes free, unless the gateway takes them meanwhile."""
        with open(self.seen(self.folder + "/filler"), "wb", buffering=0) as f:
            while (n := self.free() - leave) > 0:
                try:
                    f.write(bytes(min(n, 65536)))
                except OSError as e:
                    if e.errno != errno.ENOSPC:
                        raise

    def empty(self):
        os.unlink(self.seen(self.folder + "/filler"))

    def remount(self, how):
        subprocess.run([*self.enter, "mount", "-o", f"remount,{how}", self.folder], check=True)
