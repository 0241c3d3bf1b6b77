"""Where settings come from and which of them wins; completion scripts."""
import shutil
import subprocess
import unittest

from gaze import CLIP, PROGRAM, SAMPLES, SIGLIP, GazeTest

DOG = SAMPLES / "dalmatian_0048.jpg"


class Settings(GazeTest):
    def write(self, text):
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text)

    def setting(self, name, *arguments, **environment):
        rows = self.document("config", *arguments, **environment)["settings"]
        row = next(row for row in rows if row["name"] == name)
        return row["value"], row["origin"], row["where"]

    def test_line_then_environment_then_config_then_default(self):
        self.assertEqual(self.setting("precision"), ("auto", "default", ""))
        self.write('threads = 3\nprecision = "bf16"\n[search]\ntop = 7\n')
        self.assertEqual(self.setting("precision"), ("bf16", "config", f"{self.config}:2"))
        self.assertEqual(self.setting("search.top"), ("7", "config", f"{self.config}:4"))
        self.assertEqual(self.setting("precision", GAZE_PRECISION="int8"), ("int8", "environment", "GAZE_PRECISION"))
        self.assertEqual(self.setting("search.top", GAZE_TOP="9"), ("9", "environment", "GAZE_TOP"))
        self.assertEqual(self.setting("precision", "--precision", "f32", GAZE_PRECISION="int8"),
                         ("f32", "command line", ""))
        self.assertEqual(self.setting("threads", GAZE_THREADS=""), ("3", "config", f"{self.config}:1"))

    def test_they_are_in_force(self):
        model = shutil.copytree(SIGLIP, self.home / "models/tiny/siglip")
        self.write('model = "tiny/siglip"\n[match]\nmodel = "%s"\n[search]\ntop = 2\n' % CLIP)
        self.assertEqual(self.document("embed", DOG)["model"], "tiny/siglip")
        self.assertEqual(self.document("match", DOG, "x")["model"], str(CLIP))
        self.assertEqual(self.document("match", DOG, "x", GAZE_MODEL=str(model))["model"], str(model))
        self.assertEqual(self.document("match", DOG, "x", "--model", "gaze-mini", GAZE_MODEL="y")["model"], "gaze-mini")
        self.document("index", self.copy_samples(4))
        self.assertEqual(len(self.document("search", "x")["results"]), 2)
        self.assertEqual(len(self.document("search", "x", GAZE_TOP="3")["results"]), 3)
        result = self.gaze("match", DOG, "x", GAZE_JSON="1")
        self.assertEqual(result.json()["model"], str(CLIP))
        self.write("json = true\n")
        self.assertEqual(self.gaze("--version").json().keys(), {"version"})

    def test_faults_are_named_with_their_place(self):
        for text, place in (("top = 1 2", ":1"), ("[search]\ntop = 0", ":2"), ("[search]\ntop = [1, 2]", ":2"),
                            ("[limits]\nimage_pixels = -1", ":2"), ("[limits]\nno_such = 1", ":2")):
            self.write(text)
            self.assertIn(f"{self.config}{place}", self.assert_error("usage", "search", "x", status=2)["message"])
        self.write("[serach]\ntop = 2\n")
        self.assertIn(f"{self.config}:2", self.gaze("doctor").err.decode())
        self.write("")
        self.assertIn("GAZE_TOP", self.assert_error("usage", "search", "x", status=2, GAZE_TOP="none")["message"])
        self.assert_error("usage", "match", DOG, "x", status=2, GAZE_LIMITS_IMAGE_PIXELS="lots")

    def test_folders(self):
        data = self.folder / "data"
        self.assertEqual(self.document("config", GAZE_HOME="", XDG_DATA_HOME=str(data))["home"], str(data / "gaze"))
        self.assertEqual(self.document("config", GAZE_HOME="")["home"], str(self.folder / ".local/share/gaze"))
        self.assertEqual(self.document("config", GAZE_HOME="here")["home"], str(self.folder / "here"))
        self.assertFalse((self.folder / "here").exists())


class Completion(GazeTest):
    def script(self, shell):
        path = self.folder / f"gaze.{shell}"
        path.write_bytes(self.gaze("completion", shell).out)
        return path

    def complete(self, *words):
        """What bash offers for the last of `words`."""
        line = " ".join(f"'{word}'" for word in ("gaze", *words))
        code = (f"source '{self.script('bash')}'; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _gaze; "
                'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, cwd=self.folder, check=True)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode().split()

    def test_bash(self):
        self.assertIn("search", self.complete("se"))
        self.assertEqual(self.complete("search", "--she"), ["--sheet"])
        self.assertEqual(self.complete("match", "--precision", "b"), ["bf16"])
        self.assertEqual(self.complete("models", "ver"), ["verify"])
        (self.folder / "photo.jpg").touch()
        self.assertIn("photo.jpg", self.complete("match", "ph"))

    def test_scripts_parse(self):
        for shell, check in (("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")):
            with self.subTest(shell):
                if not shutil.which(shell):
                    self.skipTest(f"{shell} is not installed")
                subprocess.run([shell, check, self.script(shell)], check=True)


if __name__ == "__main__":
    unittest.main()
