"""`make install` into an empty folder: everything works from there, and programs can be built against libgaze."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from gaze import CLIP, SAMPLES, GazeTest

BUILD = os.environ.get("GAZE_BUILD", "")
DOG = SAMPLES / "dalmatian_0048.jpg"
SOURCE = """
#include <cstdio>
#include <models/dual_encoder.h>
#include <tasks/match.h>

int main(int, char** arguments) {
  const auto model = gaze::load_dual_encoder(arguments[1]);
  const std::string texts[] = {"a dog", "a car"};
  const gaze::Matches result = gaze::match(*model, arguments[2], texts, {}, false, {});
  std::printf("%d\\n", result.matches[0].probability > result.matches[1].probability);
}
"""


class Install(GazeTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gaze-install-")
        cls.addClassCleanup(folder.cleanup)
        cls.prefix = pathlib.Path(folder.name) / "a prefix"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.prefix], check=True, stdout=subprocess.DEVNULL)
        cls.program = str(cls.prefix / "bin/gaze")

    def test_the_program_brings_its_model(self):
        shown = self.document("models", "show", "gaze-mini", program=self.program)["models"][0]
        self.assertEqual(shown["path"], str(self.prefix / "share/gaze/models/gaze-mini"))
        matches = self.document("match", DOG, "a dog", "a car", program=self.program)["matches"]
        self.assertGreater(matches[0]["probability"], 0.5)

    def test_manual_and_completions_are_written(self):
        for name, start in (("man/man1/gaze.1", ".TH GAZE 1"), ("man/zh_CN/man1/gaze.1", ".TH GAZE 1"),
                            ("bash-completion/completions/gaze", "# bash"), ("zsh/site-functions/_gaze", "#compdef gaze"),
                            ("fish/vendor_completions.d/gaze.fish", "# fish")):
            self.assertTrue((self.prefix / "share" / name).read_text().startswith(start), name)
        self.assertIn("查找", (self.prefix / "share/man/zh_CN/man1/gaze.1").read_text())
        if shutil.which("man"):
            page = subprocess.run(["man", "--warnings", "-l", self.prefix / "share/man/man1/gaze.1"], capture_output=True,
                                  env=self.environment(MANWIDTH="80"), check=True)
            self.assertEqual(page.stderr.decode(), "")
            self.assertIn(b"gaze search", page.stdout)

    def test_a_missing_or_damaged_model_is_explained(self):
        model = self.prefix / "share/gaze/models/gaze-mini"
        kept = self.folder / "kept"
        shutil.copytree(model, kept)
        self.addCleanup(lambda: (shutil.rmtree(model, ignore_errors=True), shutil.copytree(kept, model)))
        weights = model / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        error = self.assert_error("bad_weights", "match", DOG, "x", program=self.program)
        self.assertIn("built-in model is damaged", error["message"])
        self.assertIn(f"make install PREFIX={self.prefix}", error["hint"])
        self.assert_error("bad_weights", "models", "verify", "gaze-mini", program=self.program)
        shutil.rmtree(model)
        error = self.assert_error("model_not_found", "match", DOG, "x", program=self.program)
        self.assertIn("built-in model is missing", error["message"])
        self.assertIn(f"make install PREFIX={self.prefix}", error["hint"])
        # Nothing else is broken.
        self.assertEqual(self.document("models", program=self.program)["models"], [])
        self.assertEqual(self.document("doctor", program=self.program)["models"], [])
        pictures = self.copy_samples(2)
        self.document("index", pictures, "--model", CLIP, program=self.program)
        self.assertEqual(len(self.document("search", "x", program=self.program)["results"]), 2)

    def test_a_program_of_ten_lines(self):
        source, built = self.folder / "ten.cpp", self.folder / "ten"
        source.write_text(SOURCE)
        found = subprocess.run(["pkg-config", "--cflags", "--libs", "gaze"], capture_output=True, check=True, text=True,
                               env={**os.environ, "PKG_CONFIG_PATH": str(self.prefix / "lib/pkgconfig")}).stdout
        subprocess.run(f"c++ -std=c++20 '{source}' -o '{built}' {found}", shell=True, check=True)
        done = subprocess.run([built, self.prefix / "share/gaze/models/gaze-mini", DOG], capture_output=True, check=True,
                              env=self.environment(LD_LIBRARY_PATH=str(self.prefix / "lib")))
        self.assertEqual(done.stdout, b"1\n")


if __name__ == "__main__":
    unittest.main()
