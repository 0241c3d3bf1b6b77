"""Runs the built program as people and programs do. GAZE_PROGRAM names it; nothing outside a temporary folder changes."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
SAMPLES = ROOT / "samples"
PROGRAM = os.environ.get("GAZE_PROGRAM", str(ROOT / "build/gaze"))
CLIP, SIGLIP = GOLDEN / "clip/openai", GOLDEN / "siglip"  # tiny models: fast, and of another family than the built-in


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def json(self):
        lines = self.out.decode("utf-8").splitlines()
        assert len(lines) == 1, f"one JSON document, not {self.out!r} (standard error: {self.err!r})"
        return json.loads(lines[0])


class GazeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="gaze-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.home = self.folder / "home"
        self.config = self.folder / "config/gaze/config.toml"

    def environment(self, **more):
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "LSAN_OPTIONS",
                                                    "UBSAN_OPTIONS") if name in os.environ}
        return {**kept, "HOME": str(self.folder), "GAZE_HOME": str(self.home), "LC_ALL": "C.UTF-8",
                "XDG_CONFIG_HOME": str(self.folder / "config"), "OMP_WAIT_POLICY": "passive", **more}

    def gaze(self, *arguments, stdin=b"", cwd=None, program=PROGRAM, **environment):
        done = subprocess.run([program, *map(os.fsencode, map(str_or_bytes, arguments))], input=stdin, cwd=cwd or self.folder,
                              env=self.environment(**environment), capture_output=True, timeout=300)
        return Result(done.returncode, done.stdout, done.stderr)

    def document(self, *arguments, status=0, **more):
        """The JSON document of a command that ends with `status`."""
        result = self.gaze("--json", *arguments, **more)
        self.assertEqual(result.status, status, result.out + result.err)
        return result.json()

    def assert_error(self, code, *arguments, status=1, **more):
        """Fails as a document on standard output, and as a message on standard error without --json."""
        error = self.document(*arguments, status=status, **more)["error"]
        self.assertEqual(error["code"], code, error)
        self.assertEqual(list(error), ["code", "message", "hint"])
        plain = self.gaze(*arguments, **more)
        self.assertEqual((plain.status, plain.out), (status, b""), plain.err)
        self.assertIn(error["message"], plain.err.decode())
        return error

    def start(self, *arguments, **environment):
        """The program running on; whoever starts it ends it with interrupted()."""
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.folder, env=self.environment(**environment),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def interrupted(self, process):
        """What it says after Ctrl-C, which comes no sooner than the program can hear it."""
        deadline = time.monotonic() + 60
        while not catches(process.pid, signal.SIGINT) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        try:
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)  # standard input stays open: its end is not what ends the program
            self.assertIsNotNone(process.poll(), "Ctrl-C does not end it")
            return Result(process.returncode, process.stdout.read(), process.stderr.read())
        finally:
            for pipe in (process.stdin, process.stdout, process.stderr):
                pipe.close()

    def copy_samples(self, count, to="pictures"):
        """`count` sample pictures in a folder of their own."""
        folder = self.folder / to
        folder.mkdir(parents=True, exist_ok=True)
        for sample in sorted(SAMPLES.glob("*.jpg"))[:count]:
            shutil.copy(sample, folder)
        return folder


def catches(pid, number):
    """True once the process has a handler for this signal (proc(5), SigCgt)."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return int(caught, 16) >> (number - 1) & 1 == 1


def str_or_bytes(argument):
    return argument if isinstance(argument, bytes) else str(argument)
