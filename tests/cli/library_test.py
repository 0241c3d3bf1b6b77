"""A library through its life: new, changed, deleted and moved files, two models side by side, watching, Ctrl-C."""
import os
import shutil
import time
import unittest

from gaze import CLIP, SAMPLES, SIGLIP, GazeTest

COUNTS = ("added", "updated", "unchanged", "removed", "skipped")


class Changes(GazeTest):
    def index(self, *arguments, status=0):
        result = self.document("index", *arguments, status=status)
        return [result[name] for name in COUNTS]

    def test_files_come_change_move_and_go(self):
        pictures = self.copy_samples(6)
        names = sorted(path.name for path in pictures.iterdir())
        model = ["--model", CLIP]
        self.assertEqual(self.index("pictures", *model), [6, 0, 0, 0, 0])
        (pictures / "sub").mkdir()
        (pictures / names[0]).rename(pictures / "sub" / names[0])                       # moved
        shutil.copy(SAMPLES / "pizza_0039.jpg", pictures / names[1])                    # changed
        (pictures / names[2]).unlink()                                                  # deleted
        shutil.copy(SAMPLES / "watch_0117.jpg", pictures / "new.jpg")                   # new
        os.utime(pictures / names[3])                                                   # touched, the same content
        shutil.copy(pictures / names[4], pictures / "twin.jpg")                         # a copy
        (pictures / names[5]).write_bytes(b"no picture any more")
        (pictures / names[5]).rename(pictures / "text")
        self.assertEqual(self.index("pictures", *model), [3, 1, 2, 3, 1])
        listed = [one["path"] for one in self.document("library", "list")["pictures"]]
        self.assertEqual(listed, sorted(f"pictures/{name}" for name in
                                        ("sub/" + names[0], names[1], "new.jpg", names[3], names[4], "twin.jpg")))
        self.assertEqual(self.document("library")["vectors"], {str(CLIP): 5})  # the twins are one content
        found = self.document("search", "--image", SAMPLES / "pizza_0039.jpg", *model, "--top", "1")["results"][0]
        self.assertEqual(found["path"], f"pictures/{names[1]}")
        self.assertEqual(self.index(pictures / "new.jpg", *model), [0, 0, 1, 0, 0])  # one file; the rest is left alone
        self.assertEqual(self.document("library")["pictures"], 6)

    def test_links_and_hidden_files(self):
        pictures, outside = self.copy_samples(1), self.copy_samples(3, "outside")
        (pictures / "link").symlink_to(outside)
        (pictures / "link/back").symlink_to(pictures)
        shutil.copy(SAMPLES / "cup_0023.jpg", pictures / ".hidden.jpg")
        self.assertEqual(self.index("pictures", "--model", CLIP)[0], 1)
        self.assertEqual(self.index("pictures", "--model", CLIP, "--follow-links")[0], 3)  # one is the same picture
        self.assertEqual(self.document("library")["pictures"], 4)

    def test_two_models_side_by_side(self):
        pictures = self.copy_samples(5)
        models = self.home / "models"
        shutil.copytree(CLIP, models / "tiny/clip")
        shutil.copytree(SIGLIP, models / "tiny/siglip")
        self.assertEqual(self.index(pictures, "--model", "tiny/siglip")[0], 5)
        self.assertEqual(self.index(pictures / "accordion_0015.jpg", "--model", "tiny/clip")[0], 1)
        self.assertEqual(self.document("library")["vectors"], {"tiny/siglip": 5, "tiny/clip": 1})
        self.assertEqual(self.document("library", "list")["pictures"][0]["models"], ["tiny/clip", "tiny/siglip"])
        # A search takes the one that knows most, and says so where it is not the usual choice.
        usual = self.gaze("search", "a", "--json")
        self.assertEqual((usual.json()["model"], len(usual.json()["results"])), ("tiny/siglip", 5))
        self.assertIsNotNone(usual.json()["results"][0]["relevance"])
        self.assertEqual(self.index(pictures, "--model", "gaze-mini")[0], 5)
        (pictures / "more.jpg").write_bytes((SAMPLES / "watch_0117.jpg").read_bytes())
        self.assertEqual(self.index(pictures, "--model", "gaze-mini")[0], 1)
        best = self.gaze("search", "a", "--json")
        self.assertEqual(best.json()["model"], "gaze-mini")
        self.assertIn("gaze-mini", best.err.decode())
        other = self.document("search", "a", "--model", "tiny/clip")
        self.assertEqual((other["model"], len(other["results"])), ("tiny/clip", 1))
        # Other weights under the same name: their vectors do not mix.
        shutil.rmtree(models / "tiny/clip")
        shutil.copytree(SIGLIP, models / "tiny/clip")
        (models / "tiny/clip/preprocessor_config.json").write_text(
            (SIGLIP / "preprocessor_config.json").read_text() + "\n")
        self.assert_error("library_empty", "search", "a", "--model", "tiny/clip")

    def test_a_library_elsewhere(self):
        pictures, library = self.copy_samples(2), self.folder / "new/place/pictures.db"
        self.document("index", pictures, "--library", library, "--model", CLIP)
        self.assertEqual(self.document("library", "--library", library)["path"], str(library))
        self.assertFalse((self.home / "library.db").exists())


class Watching(GazeTest):
    def wait_for(self, condition):
        deadline = time.monotonic() + 200
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)

    def test_watch_prints_what_changes_until_it_is_interrupted(self):
        pictures = self.copy_samples(2)
        process = self.start("index", "pictures", "--watch", "--model", CLIP)
        first = process.stdout.readline().decode()
        self.assertIn("2 added", first)
        process.stdout.readline()
        shutil.copy(SAMPLES / "watch_0117.jpg", pictures / "new.jpg")
        self.assertRegex(process.stdout.readline().decode(), r"^\d\d:\d\d:\d\d  1 added, 0 updated, 0 removed$")
        (pictures / "new.jpg").unlink()
        (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
        self.assertIn("0 added, 0 updated, 1 removed", process.stdout.readline().decode())
        end = self.interrupted(process)
        self.assertEqual((end.status, end.out), (130, b""))
        self.assertEqual(end.err.decode().count("broken.jpg"), 1)

    def test_watch_ends_with_the_document_of_all(self):
        pictures = self.copy_samples(2)
        process = self.start("index", "pictures", "--watch", "--json", "--model", CLIP)
        scan = self.home / "library.db.scan-1"  # written at the end of each run that stored something
        self.wait_for(scan.exists)
        first = scan.stat().st_mtime_ns
        shutil.copy(SAMPLES / "watch_0117.jpg", pictures / "new.jpg")
        self.wait_for(lambda: scan.stat().st_mtime_ns != first)
        time.sleep(1)
        end = self.interrupted(process)
        self.assertEqual(end.status, 130)
        self.assertEqual([end.json()[name] for name in COUNTS], [3, 0, 0, 0, 0])


class CtrlC(GazeTest):
    def assert_cancelled(self, process):
        result = self.interrupted(process)
        self.assertEqual(result.status, 130, result.err)
        self.assertEqual(result.json()["error"]["code"], "cancelled")

    def test_while_standard_input_is_read(self):
        for line in (["tokenize", "-"], ["embed", "-"], ["embed", "--text", "-"], ["match", "-", "a dog"],
                     ["preprocess", "-", "--output", "x.npy"]):
            process = self.start(*line, "--json", "--model", CLIP)
            process.stdin.write(b"first line\n")
            process.stdin.flush()
            time.sleep(1)
            self.assert_cancelled(process)
        self.assertFalse((self.folder / "x.npy").exists())

    def test_while_indexing_keeps_what_is_done(self):
        pictures = self.folder / "pictures"
        pictures.mkdir()
        sample = (SAMPLES / "ferry_0003.jpg").read_bytes()
        for i in range(3000):
            (pictures / f"{i}.jpg").write_bytes(sample + i.to_bytes(2, "big"))  # each another content
        process = self.start("index", "pictures", "--json", "--threads", "1")
        library = self.home / "library.db"
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            stats = self.gaze("library", "--json").json()
            if stats.get("pictures", 0) > 0:
                break
        self.assert_cancelled(process)
        done = self.document("library", "check")["pictures"]
        self.assertTrue(0 < done < 3000, done)
        for path in sorted(pictures.iterdir())[20:]:
            path.unlink()
        again = self.document("index", "pictures")
        self.assertEqual(again["added"] + again["unchanged"], 20)

    def test_while_measuring(self):
        process = self.start("bench", CLIP, "--seconds", "600", "--json")
        time.sleep(2)
        self.assert_cancelled(process)


if __name__ == "__main__":
    unittest.main()
