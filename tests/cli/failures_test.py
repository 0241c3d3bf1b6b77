"""What goes wrong is said in the right words, with the right status, and nothing else breaks."""
import base64
import os
import shutil
import sqlite3
import subprocess
import unittest

from gaze import CLIP, PROGRAM, ROOT, SAMPLES, GazeTest

DOG = SAMPLES / "dalmatian_0048.jpg"


class Usage(GazeTest):
    def test_values_that_make_no_sense(self):
        for line in (["--threads", "0"], ["--threads", "many"], ["--precision", "f64"], ["--threads"], ["--top", "1"]):
            self.assert_error("usage", "match", DOG, "x", *line, status=2)
        for line in (["--top", "0"], ["--top", "-1"], ["--top", "1.5"], ["--top="], ["--top", "99999999999999999999"]):
            self.assert_error("usage", "search", "x", *line, status=2)
        for line in (["--batch", "0"], ["--seconds", "-1"], ["--seconds", "nan"], ["--decode", "exact"]):
            self.assert_error("usage", "bench", *line, status=2)

    def test_lines_that_make_no_sense(self):
        for line in ([], ["serach", "x"], ["match"], ["match", DOG], ["search"], ["search", "x", "y"], ["--no-such"],
                     ["search", "x", "--image", DOG], ["embed"], ["preprocess", DOG], ["index"], ["models", "burn"],
                     ["models", "show"], ["library", "burn"], ["completion", "csh"], ["help", "burn"], ["index", "--to", "p"],
                     ["doctor", "me"], ["models", "burn", "x"]):
            self.assert_error("usage", *line, status=2)
        self.assertIn("did you mean search?", self.gaze("serach", "x").err.decode())

    def test_everything_after_two_dashes_is_text(self):
        texts = ["--json", "--help", "-", "match", "++"]
        result = self.document("tokenize", "--model", CLIP, "--json", "--", *texts[:1])
        self.assertEqual(result["texts"][0]["text"], "--json")
        result = self.gaze("tokenize", "--json", "--model", CLIP, "--", *texts, stdin=b"from standard input").json()
        self.assertEqual([one["text"] for one in result["texts"]], texts[:2] + ["from standard input"] + texts[3:])


class Inputs(GazeTest):
    def test_pictures(self):
        broken = self.folder / "broken.jpg"
        broken.write_bytes(DOG.read_bytes()[:3000])
        for path, code in ((self.folder / "no.jpg", "not_found"), (self.folder, "not_found"), (broken, "bad_image"),
                           (ROOT / "LICENSE", "bad_image"), (os.devnull, "bad_image")):
            self.assertIn(str(path), self.assert_error(code, "match", path, "x")["message"])
            self.assert_error(code, "preprocess", path, "--output", self.folder / "x.npy")
        self.assertFalse((self.folder / "x.npy").exists())
        self.assert_error("image_too_large", "match", DOG, "x", GAZE_LIMITS_IMAGE_PIXELS="100")
        self.assert_error("bad_image", "match", "-", "x", stdin=b"")
        self.assert_error("not_found", "preprocess", DOG, "--output", self.folder / "no/x.npy")

    def test_models(self):
        self.assertIn("gaze-mini", self.assert_error("model_not_found", "match", DOG, "x", "--model", "no/such")["hint"])
        empty = self.folder / "empty"
        empty.mkdir()
        self.assert_error("model_not_found", "match", DOG, "x", "--model", empty)
        damaged = self.folder / "damaged"
        shutil.copytree(CLIP, damaged)
        weights = damaged / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1])
        self.assertIn("model.safetensors", self.assert_error("bad_weights", "embed", DOG, "--model", damaged)["message"])
        (damaged / "config.json").write_text("{")
        self.assert_error("invalid_json", "embed", DOG, "--model", damaged)
        (damaged / "config.json").write_text('{"architectures": ["OddModel"]}')
        shutil.copy(CLIP / "model.safetensors", weights)
        error = self.assert_error("unsupported_model", "embed", DOG, "--model", damaged)
        self.assertIn("OddModel", error["message"])
        self.assertIn("CLIPModel", error["hint"])
        self.assert_error("usage", "bench", DOG, "--model", CLIP, "--top", "2", status=2)

    def test_a_hundredth_of_a_folder_is_broken(self):
        pictures = self.copy_samples(49, "pictures/deep")
        for i, sample in enumerate(sorted(pictures.iterdir())):
            other = bytearray(sample.read_bytes())
            other += bytes([i])  # other content, same picture
            (pictures.parent / f"copy-{i}.jpg").write_bytes(bytes(other))
        broken = pictures / "broken.jpg"
        broken.write_bytes(DOG.read_bytes()[:2000])
        result = self.document("index", "pictures", "--model", CLIP, status=3)
        self.assertEqual(result["added"], 98)
        self.assertEqual([(one["path"], one["code"]) for one in result["failed"]],
                         [("pictures/deep/broken.jpg", "bad_image")])
        again = self.gaze("index", "pictures", "--model", CLIP)
        self.assertEqual(again.status, 3)
        self.assertIn("pictures/deep/broken.jpg", again.err.decode())
        self.assertIn("98 unchanged", again.out.decode())
        self.assertEqual(self.document("library")["pictures"], 98)
        embedded = self.document("embed", DOG, broken, "--model", CLIP, status=3)
        self.assertEqual([one["path"] for one in embedded["failed"]], [str(broken)])
        self.assertEqual(len(embedded["embeddings"]), 1)

    def test_names_that_are_not_utf8(self):
        pictures = self.folder / "pictures"
        pictures.mkdir()
        name = os.fsencode(pictures) + b"/caf\xe9 \x1b[31m.jpg"
        with open(name, "wb") as file:
            file.write(DOG.read_bytes())
        shown = name.decode("utf-8", "replace")
        self.assertEqual(self.document("index", pictures, "--model", CLIP)["added"], 1)
        whole = base64.b64encode(name).decode()
        for one in (self.document("search", "a", "--model", CLIP)["results"][0],
                    self.document("library", "list")["pictures"][0]):
            self.assertEqual((one["path"], one["path_base64"]), (shown, whole))
        self.assertEqual(self.document("match", name, "x", "--model", CLIP)["path_base64"], whole)
        self.assertEqual(self.document("embed", name, "--model", CLIP)["embeddings"][0]["path_base64"], whole)
        self.assertNotIn(b"\x1b", self.gaze("library", "list").out)
        self.assertEqual(self.gaze("search", "a", "--model", CLIP, "--sheet", self.folder / "sheet.png").status, 0)
        with open(name, "wb") as file:
            file.write(b"\xff\xd8\xff\xe0 broken")
        failed = self.document("index", pictures, "--model", CLIP, status=3)["failed"][0]
        self.assertEqual((failed["path"], failed["path_base64"]), (shown, whole))

    def test_text_that_is_not_utf8(self):
        result = self.document("match", DOG, b"caf\xe9", "cat")
        self.assertEqual(result["matches"][0]["text"], "caf\ufffd")
        self.document("tokenize", "-", stdin=b"\xff\xfe\n\x00\n")
        self.assert_error("usage", b"\xff", status=2)


class Libraries(GazeTest):
    def test_empty_or_missing(self):
        self.assertIn("gaze index", self.assert_error("library_empty", "search", "x")["hint"])
        self.assert_error("library_empty", "library")
        pictures = self.copy_samples(2)
        self.document("index", pictures, "--model", CLIP)
        error = self.assert_error("library_empty", "search", "x", "--model", "gaze-mini")
        self.assertIn("gaze index FOLDER --model gaze-mini", error["hint"])

    def test_damaged(self):
        self.home.mkdir()
        library = self.home / "library.db"
        for content in (b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 5000):
            library.write_bytes(content)
            for command in (["search", "x"], ["library"], ["index", SAMPLES]):
                self.assertIn(str(library), self.assert_error("library_damaged", *command)["message"])
            self.assertEqual(library.read_bytes(), content)
        library.unlink()
        with sqlite3.connect(library) as other:
            other.execute("CREATE TABLE bookmarks (url TEXT)")
        other.close()
        self.assert_error("library_damaged", "index", SAMPLES)
        library.unlink()
        library.mkdir()
        self.assertEqual(self.gaze("index", SAMPLES).status, 1)

    def test_damaged_later(self):
        pictures = self.copy_samples(12)
        self.document("index", pictures, "--model", CLIP)
        library = self.home / "library.db"
        content = bytearray(library.read_bytes())
        for at in range(8192, len(content), 4096):
            content[at:at + 64] = os.urandom(64)
        library.write_bytes(content)
        self.assert_error("library_damaged", "library", "check")

    def test_locked(self):
        pictures = self.copy_samples(1)
        self.document("index", pictures, "--model", CLIP)
        (pictures / "accordion_0015.jpg").rename(pictures / "other.jpg")
        library = sqlite3.connect(self.home / "library.db", isolation_level=None)
        self.addCleanup(library.close)
        library.execute("BEGIN IMMEDIATE")
        self.assertEqual(len(self.document("search", "x", "--model", CLIP)["results"]), 0)  # readers go on; the file moved
        self.assertEqual(self.document("index", pictures, "--model", CLIP, status=1)["error"]["code"], "library_locked")
        library.execute("ROLLBACK")
        self.assertEqual(self.document("index", pictures, "--model", CLIP)["added"], 1)


class Outputs(GazeTest):
    def test_a_full_disk_and_a_reader_that_left(self):
        with open("/dev/full", "wb") as disk:
            full = subprocess.run([PROGRAM, "--version"], stdout=disk, stderr=subprocess.PIPE, env=self.environment())
        self.assertEqual(full.returncode, 1)
        self.assertIn(b"standard output", full.stderr)
        left = subprocess.run(f"'{PROGRAM}' config | true; exit ${{PIPESTATUS[0]}}", shell=True, executable="/bin/bash",
                              env=self.environment(), stderr=subprocess.PIPE)
        self.assertEqual((left.returncode, left.stderr), (0, b""))

    def test_quiet(self):
        loud, quiet = self.gaze("match", DOG, "x"), self.gaze("match", DOG, "x", "--quiet")
        self.assertIn(b"gaze-mini", loud.err)
        self.assertEqual((quiet.err, quiet.out), (b"", loud.out))
        failed = self.gaze("match", "no.jpg", "x", "--quiet")  # but what failed is said
        self.assertIn(b"no.jpg", failed.err)

    def test_chinese(self):
        error = self.document("match", self.folder / "no.jpg", "x", status=1, LC_ALL="zh_CN.UTF-8")["error"]
        self.assertEqual(error["code"], "not_found")
        self.assertRegex(error["message"], "[一-鿿]")
        for variables in ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, {"LC_ALL": "", "LC_MESSAGES": "zh_TW", "LANG": "C"}):
            self.assertRegex(self.gaze("--help", **variables).out.decode(), "搜索|查找|图片")
        self.assertNotRegex(self.gaze("--help", LC_ALL="C", LANG="zh_CN.UTF-8").out.decode().split("Examples")[0], "[一-鿿]")


if __name__ == "__main__":
    unittest.main()
