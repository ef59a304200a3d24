# SPDX-License-Identifier: Apache-2.0
"""The processes of the demo and the integration tests: broker, subscriber, simulator, and the gateway itself.

Every server listens on 127.0.0.1 and a free port; every process is ended by who started it (and by the
kernel when that one dies). Waiting is always for an event, with a bound. The environment names what is tested:
SENSORGW, SENSORGW_SIM, and SENSORGW_SANITIZE, which only makes the bounds wider.
"""
import ctypes
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SENSORGW = os.environ.get("SENSORGW", "sensorgw")
SENSORGW_SIM = os.environ.get("SENSORGW_SIM", "sensorgw-sim")
SANITIZE = os.environ.get("SENSORGW_SANITIZE", "")
PATIENCE = 120 if SANITIZE else 60  # seconds; the most that any event may take
_libc = ctypes.CDLL(None)
_claims = []


def free_port():
    """A port that no other test gets while this one runs. It is below those that the kernel chooses from, which would
    give it to somebody's connection before it is used: also to that of a client that tries the port in vain."""
    while True:
        port, claim = random.SystemRandom().randrange(10000, 32768), socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0sensorgw-test-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)  # kept until the end of the test's process
        return port


def wait_for(what, condition, seconds=PATIENCE):
    """Waits until condition() is true and returns its value; fails with `what` otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def environment():
    env = dict(os.environ)
    env.pop("JOURNAL_STREAM", None)
    return env


class Process:
    """A child in a session of its own (Ctrl-C does not reach it); its output goes to a file."""

    def __init__(self, argv, log, stdin=subprocess.DEVNULL, stdout=None, told=None):
        """`told`: variables for its environment."""
        self.log = log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(argv, stdin=stdin, stdout=stdout or out, stderr=out, start_new_session=True,
                                          preexec_fn=_die_with_parent, env={**environment(), **(told or {})})
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=PATIENCE):
        return self.popen.wait(seconds)

    def stop(self):
        """Ends it whatever it does; for one that should end well there is Gateway.stop()."""
        if self.running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.wait(10)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe:
                pipe.close()

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()


class Broker(Process):
    """A mosquitto that keeps its port over restarts, and nothing else."""

    def __init__(self, folder, port=None, extra=""):
        self.folder, self.port = folder, port or free_port()
        conf = os.path.join(folder, "mosquitto.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write("per_listener_settings true\npersistence false\nmax_inflight_messages 0\nmax_queued_messages 0\n"
                    f"set_tcp_nodelay true\nlistener {self.port} 127.0.0.1\nallow_anonymous true\n{extra}\n")
        os.chmod(conf, 0o644)
        super().__init__(["mosquitto", "-c", conf], os.path.join(folder, "mosquitto.log"))
        wait_for("the broker listens", self._listens)

    def _listens(self):
        if not self.running():
            raise AssertionError("mosquitto ended: " + self.output())
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def publish(self, topic, payload, retain=False, qos=1):
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port), "-t", topic, "-q", str(qos),
                        "-m", payload] + (["-r"] if retain else []), check=True, timeout=PATIENCE)


class Subscriber(Process):
    """mosquitto_sub: `messages` holds (topic, payload) in the order of arrival. Those on MARK only say that it listens."""
    MARK = "mark/listens"

    def __init__(self, folder, broker, *topics):
        argv = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-q", "1", "-F", "%t\t%r\t%p"]
        for topic in (self.MARK, *topics):
            argv += ["-t", topic]
        super().__init__(argv, os.path.join(folder, f"sub-{time.monotonic_ns()}.log"), stdout=subprocess.PIPE)
        self.messages, self.retained, self.listens = [], [], False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for line in self.popen.stdout:
                topic, retained, payload = line.decode("utf-8", "replace").rstrip("\n").split("\t", 2)
                if topic == self.MARK:
                    self.listens = True
                else:
                    (self.retained if retained == "1" else self.messages).append((topic, payload))
        except ValueError:  # closed while reading
            pass

    def alerts(self):
        """What arrived on alert topics, retained or not, as dictionaries."""
        return [json.loads(p) for t, p in self.retained + self.messages if "/alerts/" in t and p]


class Simulator(Process):
    def __init__(self, folder, *options):
        super().__init__([SENSORGW_SIM, *options], os.path.join(folder, "sim.log"), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
        self.served = {}
        for line in iter(self._line, "ready"):
            key, value = line.split("=", 1)
            self.served.setdefault(key, value)

    def _line(self):
        line = self.popen.stdout.readline().decode()
        if not line:
            raise AssertionError("the simulator ended: " + self.output())
        return line.strip()

    def command(self, text):
        self.popen.stdin.write(text.encode() + b"\n")
        self.popen.stdin.flush()

    def ask(self, text):
        """A command that is answered by one line."""
        self.command(text)
        return dict(pair.split("=") for pair in self._line().split()[1:])


def yaml(value):
    """A dictionary in YAML's flow style: JSON, but for words and timespans, which must stand without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(yaml, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"[a-z_]+|\d+[a-zA-Z]+", value):
        return value
    return json.dumps(value, ensure_ascii=False)


class Manager:
    """The other end of NOTIFY_SOCKET: what the gateway tells systemd, with the time of its arrival."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)  # the gateway may run as another user
        self.path, self.messages = path, []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while message := self.socket.recv(4096):
            self.messages.append((time.monotonic(), message.decode()))
        self.socket.close()

    def of(self, what):
        return [(t, m) for t, m in list(self.messages) if m.startswith(what)]

    def close(self):
        os.unlink(self.path)
        self.socket.shutdown(socket.SHUT_RD)  # ends the reader


class Gateway:
    """sensorgw with a configuration given as text, or as a dictionary."""

    def __init__(self, folder, config, name="gw"):
        self.folder, self.name = folder, name
        self.config_path = os.path.join(folder, f"{name}.yaml")
        self.summary_path = os.path.join(folder, f"{name}-summary.json")
        self.database = config["storage"]["path"] if isinstance(config, dict) else os.path.join(folder, f"{name}.db")
        self.process, self.runs = None, 0
        self.prefix, self.told = [], {}  # a command that becomes the gateway, variables for its environment
        self.manager = None
        with open(self.config_path, "w", encoding="utf-8") as f:
            f.write(config if isinstance(config, str) else "".join(f"{k}: {yaml(v)}\n" for k, v in config.items()))
        os.chmod(self.config_path, 0o600)

    def start(self):
        if os.path.exists(self.summary_path):
            os.unlink(self.summary_path)
        self.runs += 1
        if self.manager:
            self.manager.close()
        self.manager = Manager(os.path.join(self.folder, f"notify-{time.monotonic_ns()}"))
        self.process = Process([*self.prefix, SENSORGW, "-c", self.config_path, "run", "--summary-json", self.summary_path],
                               os.path.join(self.folder, f"{self.name}-{self.runs}.log"),
                               told={**self.told, "NOTIFY_SOCKET": self.manager.path})
        wait_for("the gateway is ready", self._is_ready)
        return self

    def _is_ready(self):
        """All of it runs: its database, sources, control socket and pages are there."""
        if not self.process.running():
            raise AssertionError("the gateway ended: " + self.process.output())
        return self.manager.of("READY=1")

    def stop(self, within=None):
        """SIGTERM; returns the summary. Fails when it does not end well and in time."""
        self.process.signal(signal.SIGTERM)
        started = time.monotonic()
        status = self.process.wait(PATIENCE)
        took = time.monotonic() - started
        if status != 0:
            raise AssertionError(f"the gateway ended with {status}: {self.process.output()}")
        if within and not SANITIZE and took > within:
            raise AssertionError(f"stopping took {took:.1f} s: {self.process.output()}")
        with open(self.summary_path, encoding="utf-8") as f:
            return json.load(f)

    def kill(self):
        self.process.signal(signal.SIGKILL)
        self.process.wait()

    def cli(self, *arguments, status=0):
        done = subprocess.run([SENSORGW, "-c", self.config_path, *arguments], capture_output=True, text=True,
                              timeout=PATIENCE, env=environment(), check=False)
        if done.returncode != status:
            raise AssertionError(f"sensorgw {arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout if status == 0 else done.stderr

    def control(self, request):
        """Asks the running gateway through its control socket; the answer's lines, each as a list of words. [] while
        there is none, or the one of a gateway that was killed."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            try:
                s.connect(f"{self.database}.control")
            except (FileNotFoundError, ConnectionRefusedError):
                return []
            s.sendall(request.encode() + b"\n")
            with s.makefile() as answer:
                lines = iter(answer.readline, "")
                return [line.rstrip("\n").split("\t") for line in iter(lambda: next(lines), ".\n")]

    def memory(self):
        """Resident, in bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024

    def is_open(self, source):
        """Whether the source has its port, connection or files now."""
        return any(words[0] == source and words[2] == "open" for words in self.control("sources"))

    def rows(self, sql, *arguments):
        """Asks the live database, read-only; [] while there is none."""
        if not os.path.exists(self.database):
            return []
        try:
            db = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=PATIENCE)
            try:
                return db.execute(sql, arguments).fetchall()
            finally:
                db.close()
        except sqlite3.OperationalError as e:
            if "no such table" in str(e) or "unable to open" in str(e):
                return []
            raise

    def value(self, sql, *arguments):
        rows = self.rows(sql, *arguments)
        return rows[0][0] if rows else None

    def count(self):
        return self.value("SELECT count(*) FROM reading") or 0

    def has_told_all(self):
        """The broker has acknowledged all transitions, and the database knows: a restart sends none of them again."""
        return self.rows("SELECT count(*) FROM alert_event WHERE published_at IS NULL AND withheld IS NULL") == [(0,)]

    def latest(self, sensor):
        """(value, quality) of a sensor's newest reading, or None."""
        rows = self.rows("SELECT value, quality FROM latest WHERE sensor = ?", sensor)
        return rows[0] if rows else None
