"""`gaze models quantise` as people run it: what comes out, and that nothing broken stays when it cannot end."""
import json
import os
import resource
import shutil
import signal
import subprocess
import time
import unittest

from gaze import GOLDEN, PROGRAM, GazeTest, Result
from scripted import spelt, write_large, write_model

LLAVA, SMOLVLM = GOLDEN / "llava/plain", GOLDEN / "idefics3"
WIDE = GOLDEN / "llava/wide.png"


class Quantise(GazeTest):
    def names(self):
        return [one["name"] for one in self.document("models")["models"]]

    def test_an_installed_model_becomes_another_beside_it(self):
        source = write_model(self.home / "models/someone/talker", [["a", *spelt("中文猫"), "e", "</s>"]], width=512)
        (source / "README.md").write_text("---\nlicense: mit\n---\n")
        for bits, smaller in (("int8", 3.5), ("int4", 3.5)):  # what tokens are has eight bits in both
            result = self.document("models", "quantise", "someone/talker", "--to", bits)
            self.assertEqual(list(result), ["models", "bytes_before", "bytes_after"])
            self.assertGreater(result["bytes_before"] / result["bytes_after"], smaller)
            name = f"someone/talker-{bits}"
            made, = result["models"]
            self.assertEqual((made["name"], made["kind"], made["tasks"], made["licence"]), (name, "llama", ["chat"], "mit"))
            self.assertEqual(made["path"], str(self.home / "models" / name))
            self.assertEqual(self.document("models", "show", name)["models"], [made])
            verified, = self.document("models", "verify", name)["models"]
            self.assertEqual(verified["name"], name)
            for model in (name, self.home / "models" / name, self.home / "models" / name / "model.gguf"):
                self.assertEqual(self.document("ask", "a", "--model", model)["answer"], "中文猫e")
        self.assertEqual(self.names(), ["gaze-mini", "someone/talker", "someone/talker-int4", "someone/talker-int8"])
        self.document("models", "remove", "someone/talker-int4")
        self.assertEqual(self.names(), ["gaze-mini", "someone/talker", "someone/talker-int8"])

    def test_people_are_told_what_to_do_next(self):
        shutil.copytree(SMOLVLM, self.home / "models/someone/small")
        said = self.gaze("models", "quantise", "someone/small", "--to", "int4").out.decode()
        self.assertIn("--model someone/small-int4", said)
        chinese = self.gaze("models", "quantise", SMOLVLM, "--to", "int8", "--output", self.folder / "here", LC_ALL="zh_CN.UTF-8")
        self.assertRegex(chinese.out.decode(), "[一-鿿]")
        self.assertIn(f"--model {self.folder / 'here'}", chinese.out.decode())

    def test_eyes_come_along_and_see_the_same(self):
        for model in (LLAVA, SMOLVLM):  # their rows are no whole blocks: the words stay the same
            output = self.folder / f"{model.name}-8"
            made, = self.document("models", "quantise", model, "--to", "int8", "--output", output)["models"]
            self.assertEqual((made["name"], made["tasks"]), (str(output), ["ask", "chat"]))
            line = ("ask", WIDE, "What is this?", "--precision", "f32", "--max-tokens", "8", "--model")
            self.assertEqual(self.document(*line, output)["ids"], self.document(*line, model)["ids"])

    def test_what_was_written_down_of_the_original_is_not_said_of_it(self):
        source = write_model(self.home / "models/someone/talker", [["a", "e", "</s>"]])
        manifest = {"version": 1, "source": "huggingface", "id": "someone/talker", "commit": "1", "files": {
            "model.safetensors": {"bytes": (source / "model.safetensors").stat().st_size, "sha256": "0" * 64}}}
        (source / "gaze-manifest.json").write_text(json.dumps(manifest))
        (source / "SHA256SUMS").write_text("0" * 64 + "  model.safetensors\n")
        self.document("models", "quantise", "someone/talker", "--to", "int8")
        self.document("models", "verify", "someone/talker-int8")

    def test_what_is_there_is_not_overwritten(self):
        output = self.folder / "out"
        output.mkdir()
        (output / "letter.txt").write_text("mine")
        for place in (output, output / "letter.txt"):
            error = self.assert_error("usage", "models", "quantise", LLAVA, "--to", "int4", "--output", place, status=2)
            self.assertIn(str(place), error["message"])
            self.assertIn("--output", error["hint"])
        self.assertEqual([one.name for one in output.iterdir()], ["letter.txt"])
        self.document("models", "quantise", LLAVA, "--to", "int4", "--output", self.folder / "new" / "deep")
        self.assert_error("usage", "models", "quantise", LLAVA, "--to", "int8", "--output", self.folder / "new" / "deep/",
                          status=2)

    def test_what_cannot_be_quantised_is_said(self):
        installed = self.home / "models/liuhaotian"
        shutil.copytree(GOLDEN / "llava/own", installed / "two-parts")
        error = self.assert_error("unsupported_model", "models", "quantise", "liuhaotian/two-parts", "--to", "int4")
        self.assertIn("llava-hf", error["hint"])
        two_files = self.home / "models/someone/two-files"
        two_files.mkdir(parents=True)
        shutil.copy(GOLDEN / "llava/plain.gguf", two_files)
        shutil.copy(GOLDEN / "llava/plain-mmproj.gguf", two_files / "mmproj.gguf")
        for model in ("someone/two-files", two_files / "plain.gguf"):
            error = self.assert_error("usage", "models", "quantise", model, "--to", "int4", status=2)
            self.assertIn("GGUF", error["message"])
        self.assert_error("unsupported_model", "models", "quantise", "gaze-mini", "--to", "int8")
        self.assert_error("model_not_found", "models", "quantise", "no/such", "--to", "int8")
        once = self.folder / "once"
        self.document("models", "quantise", LLAVA, "--to", "int8", "--output", once)
        self.assert_error("usage", "models", "quantise", once, "--to", "int4", "--output", self.folder / "twice", status=2)
        for line in ([LLAVA], [LLAVA, "--to", "int2"], ["--to", "int4"]):
            self.assert_error("usage", "models", "quantise", *line, status=2)
        self.assertEqual(self.names(), ["gaze-mini", "liuhaotian/two-parts", "someone/two-files"])

    def test_a_full_disk_leaves_nothing(self):
        source = write_large(self.folder / "large", 1)
        for most in (1 << 20, 20 << 20):  # a file may grow to this: the first write fails, or a later one
            def limit():
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            done = subprocess.run([PROGRAM, "--json", "models", "quantise", source, "--to", "int4"], capture_output=True,
                                  env=self.environment(), cwd=self.folder, preexec_fn=limit)
            error = Result(done.returncode, done.stdout, done.stderr).json()["error"]
            self.assertEqual((done.returncode, error["code"]), (1, "disk_full"), error)
            self.assertIn(str(self.home / "models/large-int4"), error["message"])
            self.assertEqual(list((self.home / "models").iterdir()), [])
        self.document("models", "quantise", source, "--to", "int4")
        self.assertEqual(self.names(), ["gaze-mini", "large-int4"])

    def test_a_full_file_system_leaves_nothing(self):
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True).returncode:
            self.skipTest("no file system may be mounted here")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        source = write_large(self.folder / "large", 1)
        error = self.assert_error("disk_full", "models", "quantise", source, "--to", "int4", "--output", disk / "model")
        self.assertIn(f"{disk / 'model'}: ", error["message"])
        self.assertEqual(list(disk.iterdir()), [])
        # What comes after the weights, too: they fit, the tokenizer does not.
        small = write_model(self.folder / "small", [["a", "e", "</s>"]], width=384)
        (small / "notes.txt").write_bytes(b"x" * (8 << 20))
        self.assert_error("disk_full", "models", "quantise", small, "--to", "int4", "--output", disk / "model")
        self.assertEqual(list(disk.iterdir()), [])

    def begun(self, source):
        """A run that writes already, and the folder it writes into."""
        process = self.start("--json", "models", "quantise", source, "--to", "int4")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            hidden = list((self.home / "models").glob(".large-int4.*/model.gguf"))
            if hidden and hidden[0].stat().st_size:
                return process, hidden[0].parent
            time.sleep(0.01)
        self.fail("nothing is written")

    def test_ctrl_c_leaves_nothing(self):
        source = write_large(self.folder / "large", 24)
        process, _ = self.begun(source)
        result = self.interrupted(process)
        self.assertEqual((result.status, result.json()["error"]["code"]), (130, "cancelled"))
        self.assertEqual(list((self.home / "models").iterdir()), [])

    def test_what_a_killed_run_left_is_no_model_and_goes_with_the_next(self):
        source = write_large(self.folder / "large", 24)
        process, left = self.begun(source)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
        self.assertTrue(left.exists())
        self.assertEqual(self.names(), ["gaze-mini"])
        other = left.with_name(f".large-int4.{os.getpid()}")  # of a process that is alive
        other.mkdir()
        shutil.rmtree(source)
        write_large(source, 1)
        self.document("models", "quantise", source, "--to", "int4")
        self.assertEqual(sorted(one.name for one in left.parent.iterdir()), [other.name, "large-int4"])


if __name__ == "__main__":
    unittest.main()
