#!/usr/bin/env python3
"""`gaze caption` end to end, and what lives from its captions: search, files' metadata, matching, questions.
   check_captions.py GAZE SOURCE     (the program, the source folder with samples/ and tests/golden/)
"""
import json
import math
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

GAZE, SOURCE = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
SAMPLES, GOLDEN = SOURCE / "samples", SOURCE / "tests/golden/blip"


class Captions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="gaze-caption-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.pictures = self.folder / "pictures"
        self.pictures.mkdir()
        self.environment = dict(os.environ, GAZE_HOME=str(self.folder / "home"), LANG="C.UTF-8", LC_ALL="C.UTF-8")

    def gaze(self, *arguments, status=0, **options):
        done = subprocess.run([GAZE, *map(str, arguments)], env=self.environment, capture_output=True, **options)
        self.assertEqual(done.returncode, status, (arguments, done.stdout[-500:], done.stderr[-500:]))
        return done

    def json(self, *arguments, status=0, **options):
        return json.loads(self.gaze(*arguments, "--json", status=status, **options).stdout)

    def refused(self, *arguments, code="usage", status=2):
        error = self.json(*arguments, status=status)["error"]
        self.assertEqual(error["code"], code, error)
        return error["message"]

    def take(self, count):
        """Some samples in the folder; their names."""
        names = sorted(p.name for p in SAMPLES.glob("*.jpg"))[:count]
        for name in names:
            shutil.copy(SAMPLES / name, self.pictures / name)
        return names

    def sql(self, query):
        with sqlite3.connect(self.folder / "home/library.db") as database:
            return database.execute(query).fetchall()

    def test_one_picture_is_one_sentence(self):
        picture = SAMPLES / "dalmatian_0048.jpg"
        done = self.gaze("caption", picture)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertIn(b"gaze-mini", done.stderr)  # says which model it took, once
        self.assertEqual(done.stderr.count(b"gaze-mini"), 1)
        chinese = self.gaze("caption", picture, "--language", "zh").stdout.decode()
        self.assertTrue(any("\u4e00" <= c <= "\u9fff" for c in chinese), chinese)
        self.environment["LC_ALL"] = "zh_CN.UTF-8"
        self.assertEqual(self.gaze("caption", picture).stdout.decode(), chinese)

    def test_fields_and_settings(self):
        picture = SAMPLES / "panda_0012.jpg"
        found = self.json("caption", picture, "--n-best", 3)
        self.assertEqual(list(found), ["model", "captions", "failed"])
        one = found["captions"][0]
        self.assertEqual(list(one), ["image", "text", "score", "ids", "candidates"])
        self.assertEqual(one["image"], str(picture))
        self.assertEqual(len(one["candidates"]), 3)
        self.assertEqual(one["candidates"][0], {k: one[k] for k in ("text", "score", "ids")})
        scores = [c["score"] for c in one["candidates"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertLess(scores[0], 0)

        short = self.json("caption", picture, "--max-new-tokens", 4)["captions"][0]
        self.assertEqual(len(short["ids"]), 4)
        self.assertEqual(short, self.json("caption", picture, "--max-length", 5)["captions"][0])
        long = self.json("caption", picture, "--min-length", 20)["captions"][0]
        self.assertGreaterEqual(len(long["ids"]), 19)
        greedy = self.json("caption", picture, "--beams", 1)["captions"][0]
        self.assertEqual(len(greedy["candidates"]), 1)

        model = GOLDEN / "caption_a"
        plain = self.json("caption", picture, "--model", model)["captions"][0]
        prompted = self.json("caption", picture, "--model", model, "--prompt", "the dog")["captions"][0]
        self.assertTrue(prompted["text"].startswith("the "), prompted)
        self.assertNotEqual(plain["ids"], prompted["ids"])
        for option, value in (("--length-penalty", -2), ("--repetition-penalty", 3), ("--no-repeat-ngram", 1)):
            other = self.json("caption", picture, "--model", model, option, value)["captions"][0]
            self.assertNotEqual((other["ids"], other["score"]), (plain["ids"], plain["score"]), option)
        once = self.json("caption", picture, "--model", model, "--no-repeat-ngram", 1)["captions"][0]["ids"]
        self.assertEqual(len(once), len(set(once)))

    def test_what_makes_no_sense_is_said(self):
        picture = SAMPLES / "panda_0012.jpg"
        for wrong in (("--beams", 0), ("--n-best", 9), ("--min-length", 20, "--max-length", 10), ("--prompt", ""),
                      ("--prompt", "  "), ("--max-length", 4000), ("--language", "fr"), ("--early-stopping", "maybe"),
                      ("--max-length", 9, "--max-new-tokens", 9), ("--undo",), ("--force",), ("--dry-run",),
                      ("--prompt", "a photo of")):  # the built-in model takes no prompt
            self.refused("caption", picture, *wrong)
        self.refused("caption")
        self.refused("caption", picture, SAMPLES / "okapi_0009.jpg", "--show", self.folder / "x.png")
        self.assertIn("tokens", self.refused("caption", picture, "--model", GOLDEN / "caption_a", "--prompt", "a " * 600))
        self.refused("caption", picture, "--model", GOLDEN / "caption_a", "--language", "zh")
        self.refused("caption", picture, "--model", GOLDEN / "itm", code="unsupported_model", status=1)

    def test_a_checkpoint_without_a_cross_attention_tensor(self):
        broken = self.folder / "broken"
        shutil.copytree(GOLDEN / "caption_a", broken)
        weights = broken / "model.safetensors"
        weights.chmod(0o644)
        data = weights.read_bytes()
        self.assertIn(b"crossattention.self.key.weight", data)
        weights.write_bytes(data.replace(b"crossattention.self.key.weight", b"crossattention.self.kez.weight", 1))
        message = self.refused("caption", SAMPLES / "panda_0012.jpg", "--model", broken, code="bad_weights", status=1)
        self.assertIn("crossattention.self.key.weight", message)

    def test_broken_files_fail_alone(self):
        names = self.take(11)
        whole = (SAMPLES / names[0]).read_bytes()
        for name in ("cut.jpg", "cut-again.jpg"):
            (self.pictures / name).write_bytes(whole[:2000])
        (self.pictures / "page.png").write_text("<html>")
        (self.pictures / "notes.txt").write_text("no picture, and it does not say so")
        shutil.copy(self.pictures / names[3], self.pictures / "twin.jpg")
        gone, text = self.folder / "gone.jpg", self.pictures / "notes.txt"
        found = self.json("caption", gone, self.pictures, text, status=3)
        self.assertEqual([pathlib.Path(c["image"]).name for c in found["captions"]], sorted(names + ["twin.jpg"]))
        self.assertEqual({pathlib.Path(f["path"]).name: f["code"] for f in found["failed"]},
                         {"gone.jpg": "not_found", "cut.jpg": "bad_image", "cut-again.jpg": "bad_image",
                          "page.png": "bad_image"})
        for failed in found["failed"]:
            self.assertIn(pathlib.Path(failed["path"]).name, failed["message"])
        by_name = {pathlib.Path(c["image"]).name: c["text"] for c in found["captions"]}
        self.assertEqual(by_name["twin.jpg"], by_name[names[3]])

        # One by one they say what they said in batches.
        for name in names[:3]:
            alone = self.json("caption", self.pictures / name, "--library", self.folder / "other.db")
            self.assertEqual(alone["captions"][0]["text"], by_name[name])
        with open(self.pictures / names[0], "rb") as picture:
            self.assertEqual(self.json("caption", "-", stdin=picture)["captions"][0]["text"], by_name[names[0]])
        self.assertEqual(self.json("caption", text, status=3)["failed"][0]["code"], "bad_image")

    def test_captions_are_kept_and_reused(self):
        self.take(10)
        first = self.json("caption", self.pictures)
        self.assertEqual(len(self.sql("SELECT * FROM captions")), 10)
        # What the library says is what is printed: nothing is computed again.
        with sqlite3.connect(self.folder / "home/library.db") as database:
            database.execute("UPDATE captions SET candidates = replace(candidates, 'text\":\"', 'text\":\"kept: ')")
        again = self.json("caption", self.pictures)
        self.assertTrue(all(c["text"].startswith("kept: ") for c in again["captions"]))
        self.assertEqual([c["ids"] for c in again["captions"]], [c["ids"] for c in first["captions"]])
        # A file that moved is known by its content; other settings are another caption.
        moved = self.pictures / "moved"
        moved.mkdir()
        picture = sorted(self.pictures.glob("*.jpg"))[0]
        picture.rename(moved / "here.jpg")
        self.assertTrue(self.json("caption", moved)["captions"][0]["text"].startswith("kept: "))
        self.assertFalse(self.json("caption", moved, "--beams", 1)["captions"][0]["text"].startswith("kept: "))
        self.gaze("library", "check")

    def test_a_run_that_is_stopped_goes_on(self):
        names = self.take(48)

        def stop(how, status):
            kept = len(self.sql("SELECT 1 FROM captions")) if (self.folder / "home/library.db").exists() else 0
            process = subprocess.Popen([GAZE, "caption", self.pictures, "--threads", "1"], env=self.environment,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            lines = [process.stdout.readline() for _ in range(kept + 9)]  # the second batch of this run has come
            process.send_signal(how)
            lines += process.stdout.readlines()
            self.assertEqual(process.wait(60), status)
            process.stdout.close()
            told = [line for line in lines if line.endswith(b"\n")]
            kept_now = len(self.sql("SELECT 1 FROM captions"))
            self.assertGreaterEqual(kept_now, len(told))  # what was told is kept
            self.assertGreater(kept_now, kept)
            self.assertLess(kept_now, len(names))

        stop(signal.SIGKILL, -signal.SIGKILL)
        stop(signal.SIGINT, 130)
        self.gaze("library", "check")
        self.assertEqual(len(self.json("caption", self.pictures)["captions"]), len(names))
        self.assertEqual(len(self.sql("SELECT 1 FROM captions")), len(names))

    def test_the_picture_with_its_caption(self):
        shown = self.folder / "shown.png"
        self.gaze("caption", SAMPLES / "panda_0012.jpg", "--show", shown, "--language", "zh")
        width, height = (int.from_bytes(shown.read_bytes()[i:i + 4], "big") for i in (16, 20))
        self.assertGreater(width, 128)
        self.assertGreater(height, 128)
        self.json("preprocess", shown, "--output", self.folder / "pixels.npy")  # it can be read again

    def bytes_of(self, name):
        return (self.pictures / name).read_bytes()

    def test_captions_in_the_files(self):
        names = self.take(3)
        before = {n: self.bytes_of(n) for n in names}
        times = {n: (self.pictures / n).stat().st_mtime_ns for n in names}
        write = ("caption", self.pictures, "--write-xmp")
        planned = self.json(*write, "--dry-run")
        self.assertEqual([x["change"] for x in planned["xmp"]], ["written"] * 3)
        self.assertEqual({n: self.bytes_of(n) for n in names}, before)

        self.gaze("index", self.pictures)
        written = self.json(*write)
        text = {pathlib.Path(c["image"]).name: c["text"] for c in written["captions"]}
        for name in names:
            self.assertIn(text[name].encode(), self.bytes_of(name))
            self.assertIn(b"dc:description", self.bytes_of(name))
            self.assertEqual((self.pictures / name).stat().st_mtime_ns, times[name])
        # The library followed: nothing is captioned or indexed again, and the search finds them.
        self.assertEqual([x["change"] for x in self.json(*write)["xmp"]], ["unchanged"] * 3)
        self.assertEqual(len(self.sql("SELECT 1 FROM captions")), 3)
        self.assertEqual(self.json("index", self.pictures)["unchanged"], 3)
        self.assertEqual(len(self.json("search", "animal")["results"]), 3)
        self.gaze("library", "check")

        # A person's words stay, unless forced, and come back.
        words = text[names[0]].encode()
        edited, count = re.subn(b"(<dc:description>.*?)" + re.escape(words),
                                lambda found: found[1] + b"our holidays".ljust(len(words), b"."),
                                self.bytes_of(names[0]), count=1, flags=re.DOTALL)
        self.assertEqual(count, 1)
        (self.pictures / names[0]).write_bytes(edited)
        kept = self.json(*write)
        self.assertEqual(sorted(x["change"] for x in kept["xmp"]), ["kept", "unchanged", "unchanged"])
        self.assertIn(b"our holidays", self.bytes_of(names[0]))
        self.json(*write, "--force")
        self.assertIn(words, self.bytes_of(names[0]))
        self.assertEqual([x["change"] for x in self.json(*write, "--undo", "--dry-run")["undone"]], ["written"] * 3)
        self.json(*write, "--undo")
        self.assertIn(b"our holidays", self.bytes_of(names[0]))
        for name in names[1:]:
            self.assertNotIn(text[name].encode(), self.bytes_of(name))
        self.assertEqual([x["change"] for x in self.json(*write, "--undo")["undone"]], ["unchanged"] * 3)

    def test_search_reads_the_captions(self):
        self.take(40)
        self.gaze("index", self.pictures)
        without = self.json("search", "a zeppelin over the harbour", "--top", 40)
        self.assertTrue(all(r["caption"] is None for r in without["results"]))
        self.gaze("caption", self.pictures)
        same = self.json("search", "zeppelin", "--top", 40)  # no caption has the word
        last = same["results"][-1]["path"]
        # The picture that fits the word least gets captions with it, in both languages.
        with sqlite3.connect(self.folder / "home/library.db") as database:
            row = database.execute("SELECT captions.id FROM captions JOIN pictures USING (content) WHERE path = ?",
                                   (os.fsencode(os.path.abspath(last)),)).fetchone()[0]
            database.execute("UPDATE captions SET text = 'two zeppelins, 飞艇' WHERE id = ?", (row,))
            database.execute("UPDATE caption_words SET words = 'two zeppelins 飞艇 飞 艇' WHERE rowid = ?", (row,))
        for words in ("zeppelin", "飞艇", "Zeppelins!", 'zeppelin" OR *'):
            found = self.json("search", words, "--top", 40)["results"]
            self.assertIn(last, [r["path"] for r in found[:2]], words)
            hit = next(r for r in found if r["path"] == last)
            self.assertEqual(hit["caption"], "two zeppelins, 飞艇")
            self.assertEqual(len(found), 40)
            scores = [r["score"] for r in found]
            self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertTrue(all(r["caption"] for r in found))
        by_picture = self.json("search", "--image", last)["results"]
        self.assertAlmostEqual(by_picture[0]["score"], 1, places=3)  # no words, no captions

    def test_matching_both_together(self):
        picture, texts = SAMPLES / "panda_0012.jpg", ["a dog", "the man and the woman", ""]
        found = self.json("match", picture, *texts, "--model", GOLDEN / "itm")
        self.assertEqual(found["normalisation"], "itm")
        self.assertEqual([m["text"] for m in found["matches"]], texts)
        for match in found["matches"]:
            self.assertAlmostEqual(match["probability"], 1 / (1 + math.exp(-match["logit"])), places=6)
        self.assertEqual(len({m["logit"] for m in found["matches"]}), 3)

    def test_reranking(self):
        self.take(12)
        self.gaze("index", self.pictures)
        self.assertIn("model", self.refused("search", "dog", "--rerank", code="model_not_found", status=1))
        shutil.copytree(GOLDEN / "itm", self.folder / "home/models/itm")
        self.refused("search", "--image", SAMPLES / "panda_0012.jpg", "--rerank")
        plain = self.json("search", "the dog", "--top", 12)["results"]
        ranked = self.json("search", "the dog", "--top", 5, "--rerank")["results"]
        chances = {r["path"]: self.json("match", r["path"], "the dog", "--model", "itm")["matches"][0]["probability"]
                   for r in plain}
        best = sorted(chances, key=chances.get, reverse=True)[:5]
        self.assertEqual([r["path"] for r in ranked], best)
        for result in ranked:
            self.assertAlmostEqual(result["relevance"], chances[result["path"]], places=5)

    def test_questions(self):
        picture, model = SAMPLES / "panda_0012.jpg", GOLDEN / "vqa"
        answer = self.json("ask", picture, "what is the dog", "--model", model, "--max-tokens", 6)
        self.assertEqual(list(answer), ["model", "answer", "ids", "finish_reason", "usage", "timings"])
        self.assertEqual(answer["usage"]["completion_tokens"], len(answer["ids"]))
        self.assertLessEqual(len(answer["ids"]), 6)
        self.assertEqual(answer["finish_reason"], "stop" if len(answer["ids"]) < 6 else "length")
        self.assertGreater(answer["usage"]["prompt_tokens"], 4)
        for timing in ("vision_ms", "prefill_ms", "decode_ms"):
            self.assertGreater(answer["timings"][timing], 0)
        self.json("ask", picture, "what is the dog", "--model", model)  # as long as the model can
        self.refused("ask", picture, " ", "--model", model)
        self.refused("ask", "what is it", "--model", model)
        self.refused("ask", picture, picture, "what", "--model", model)
        self.refused("ask", picture, "dog " * 600, "--model", model)
        self.refused("ask", picture, "what", "--model", model, "--system", "be brief")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
