# SPDX-License-Identifier: Apache-2.0
"""What the system tests stand on: a registry in a scratch folder, the mlcm program, the digits service, Prometheus and what it scrapes.

Everything listens on loopback and is ended by the test that started it. Nothing sleeps for a fixed time: `until` polls a condition.
"""
import fcntl
import http.server
import json
import os
import pathlib
import pty
import shutil
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

SOURCE = pathlib.Path(os.environ["MLCM_SOURCE_DIR"])
BIN = pathlib.Path(os.environ["MLCM_BIN_DIR"])
DIGITS = SOURCE / "examples" / "digits"
# preload.c: failing memory and a clock that runs; None where a sanitizer has its own malloc in that place
PRELOAD = None if os.environ.get("MLCM_SANITIZED") else str(BIN / "mlcm_preload.so")


def until(condition, what, seconds=60):
    """Waits until condition() answers something true, and answers that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Registry:
    """A scratch registry and the program that works on it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mlcm-system-"))
        self.dir = self.folder / "registry"
        self.env = {**os.environ, "MLCM_REGISTRY": str(self.dir)}
        self.mlcm("init")

    def close(self):
        shutil.rmtree(self.folder)

    def raw(self, *args, stdin=None):
        return subprocess.run([BIN / "mlcm", *map(str, args)], env=self.env, input=stdin, capture_output=True, text=True, timeout=120)

    def mlcm(self, *args, code=0):
        done = self.raw(*args)
        assert done.returncode == code, f"mlcm {args}: exit status {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *args, code=0):
        return json.loads(self.mlcm(*args, "--json", code=code))

    def digits(self, *versions):
        for version in versions:
            alias = ["--alias", "champion"] if version == 1 else []
            self.mlcm("register", "digits", DIGITS / f"digits-{version}.onnx", *alias)

    def start(self, version, checks, steps="[{weight: 50%, for: 1s}]", expire="{after: 2m, action: rollback}", more=""):
        """Starts a rollout of digits/VERSION; `checks` is a list of flow mappings."""
        plan = self.folder / f"plan-{version}.yaml"
        lines = "\n".join(f"  - {check}" for check in checks)
        plan.write_text(f"mlcm: rollout/v1\nendpoint: digits\ncandidate: digits/{version}\ntick: 100ms\nsteps: {steps}\n"
                        f"expire: {expire}\n{more}checks:\n{lines}\n")
        return self.mlcm("rollout", "start", plan)

    def status(self):
        return self.json("rollout", "status", "digits")

    def decisions(self):
        n = self.status()["n_decisions"]
        return [self.json("rollout", "explain", "digits", "--decision", i) for i in range(1, n + 1)]


class CliTest(unittest.TestCase):
    """A registry of its own for each test, and the program on it."""

    def setUp(self):
        self.registry = Registry()
        self.addCleanup(self.registry.close)
        self.mlcm, self.json, self.raw = self.registry.mlcm, self.registry.json, self.registry.raw

    def register(self, version=1, *more):
        return self.json("register", "digits", DIGITS / f"digits-{version}.onnx", *more)

    def file(self, name, text):
        path = self.registry.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def fails(self, code, pattern, *args, stdin=None):
        """The program must end with this exit status, print nothing on stdout, and say something like the pattern on stderr."""
        done = self.raw(*args, stdin=stdin)
        self.assertEqual((done.returncode, done.stdout), (code, ""), f"mlcm {args}: {done.stderr}")
        self.assertRegex(done.stderr, pattern)

    def start_on_terminal(self, *args, columns=100, rows=40, term="xterm", **env):
        """The program on a terminal of its own: answers the process and the terminal's other end."""
        parent, child = pty.openpty()
        self.resize(child, columns, rows)
        env = {"LC_ALL": "C.UTF-8", "NO_COLOR": "", **self.registry.env, **({"TERM": term} if term is not None else {}), **env}
        if term is None:
            env.pop("TERM", None)
        process = subprocess.Popen([BIN / "mlcm", *map(str, args)], env=env, stdout=child, stderr=child)
        os.close(child)
        return process, parent

    @staticmethod
    def resize(terminal, columns, rows):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @staticmethod
    def read_terminal(terminal, part=None):
        """What appears on it until `part` is there, or until the program has ended."""
        out = b""
        while part is None or part.encode() not in out:
            try:
                out += os.read(terminal, 65536)
            except OSError: # the other end is closed
                break
        return out.decode()

    def on_terminal(self, *args, code=None, **more):
        """What the program prints when its output is a terminal; see start_on_terminal."""
        process, terminal = self.start_on_terminal(*args, **more)
        out = self.read_terminal(terminal)
        process.wait()
        os.close(terminal)
        if code is not None:
            self.assertEqual(process.returncode, code, out)
        return out


class Process:
    def __init__(self, *args, **options):
        self.process = subprocess.Popen([str(a) for a in args], **options)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


class Service(Process):
    """The service of the quickstart: four threads that classify held-back digits and report late labels."""

    def __init__(self, registry, min_requests=0):
        super().__init__(BIN / "digits-service", registry.dir, DIGITS / "traffic.csv", min_requests, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)

    def stop(self):
        """Ends it and answers what it counted."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return json.loads(out)


class Exporter:
    """A page that Prometheus scrapes; its text can be changed, and it can answer with an error."""

    def __init__(self, text):
        self.text, self.status = text, 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = outer.text.encode()
                self.send_response(outer.status)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Prometheus(Process):
    """Debian's prometheus on a port of its own, scraping one exporter every second."""

    def __init__(self, folder, exporter, port=None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = folder / "prometheus.yml"
        config.write_text("global: {scrape_interval: 500ms, scrape_timeout: 400ms}\n"
                          f"scrape_configs: [{{job_name: model, static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]}}]\n")
        self.log = open(folder / "prometheus.log", "ab")
        super().__init__("prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
                         f"--web.listen-address=127.0.0.1:{self.port}", stdout=self.log, stderr=self.log)

    def close(self):
        super().close()
        self.log.close()
