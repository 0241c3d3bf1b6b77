#!/usr/bin/env python3
"""Kills a pull again and again, until it is through; then begins anew. Most kills come when a random number of bytes of
the large file are there, one in five at a random moment of the run. A file in its place had the right bytes each time. `make soak-pull` runs it; usage: soak_pull.py PULL_ONCE [KILLS]"""
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here))
import hub_service  # noqa: E402

NEEDED = ["config.json", "preprocessor_config.json", "tokenizer.json", "README.md", "model.safetensors"]


def main():
    program, kills = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    chance = random.Random(20261123)
    server = subprocess.Popen([sys.executable, "-B", here / "server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    base = f"http://127.0.0.1:{int(server.stdout.readline().split()[0])}"
    # The large file comes in small pieces, so that most kills hit the middle of it.
    fault = [{"path": "/storage/", "times": 10**9, "split": [20_000], "pause": 0.001}]
    urllib.request.urlopen(urllib.request.Request(base + "/__control/faults", json.dumps(fault).encode(), method="POST"))
    files = hub_service.REPOS["test/tiny-clip"]
    killed = finished = in_the_middle = 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gaze-soak-"))
    size, longest = len(files["model.safetensors"]), 1.0
    try:
        while killed < kills:
            began = time.monotonic()
            process = subprocess.Popen([program, base, "test/tiny-clip", folder / "m"], stdout=subprocess.PIPE)
            if chance.random() < 0.2:
                end, bytes_then = chance.uniform(0, longest), size + 1
            else:
                end, bytes_then = 60, chance.randint(there(folder), size)
            while process.poll() is None and time.monotonic() - began < end and there(folder) < bytes_then:
                time.sleep(0.001)
            process.kill()
            output, _ = process.communicate()
            if process.returncode > 0:
                sys.exit(f"a pull failed: {output.decode()}")
            if process.returncode == 0:
                check(folder / "m", files)
                finished += 1
                longest = time.monotonic() - began
                shutil.rmtree(folder / "m")
                continue
            killed += 1
            in_the_middle += there(folder) > 0
            for name in NEEDED:  # a file that is in its place is whole
                path = folder / "m" / name
                assert not path.exists() or path.read_bytes() == files[name], name
        subprocess.run([program, base, "test/tiny-clip", folder / "m"], check=True)
        check(folder / "m", files)
        print(f"{killed} kills, {in_the_middle} with a part of a file there; {finished + 1} pulls came through, all right")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        server.stdin.close()
        server.wait()


def there(folder):
    """Bytes of files under way."""
    try:
        return max((part.stat().st_size for part in folder.glob("m/.gaze-pull/*.part")), default=0)
    except FileNotFoundError:  # it came to its place meanwhile
        return 0


def check(folder, files):
    for name in NEEDED:
        assert (folder / name).read_bytes() == files[name], name
    assert (folder / "gaze-manifest.json").exists()
    assert not list(folder.glob(".gaze-pull/*.part"))


if __name__ == "__main__":
    began = time.monotonic()
    main()
    print(f"{time.monotonic() - began:.0f} s")
