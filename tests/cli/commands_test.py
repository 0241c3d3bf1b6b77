"""Every command with --json has the fields that programs rely on, and says the right thing about real pictures."""
import json
import math
import shutil
import struct
import unittest

from gaze import CLIP, GOLDEN, SAMPLES, SIGLIP, GazeTest
from scripted import write_large

DOG = SAMPLES / "dalmatian_0048.jpg"


def read_npy(path):
    """(shape, values) of a little-endian float32 array."""
    bytes_ = path.read_bytes()
    assert bytes_[:8] == b"\x93NUMPY\x01\x00"
    length = struct.unpack("<H", bytes_[8:10])[0]
    header = eval(bytes_[10:10 + length], {"__builtins__": {}})
    assert header["descr"] == "<f4" and not header["fortran_order"]
    count = math.prod(header["shape"])
    assert len(bytes_) == 10 + length + 4 * count
    return header["shape"], struct.unpack(f"<{count}f", bytes_[10 + length:])


class Commands(GazeTest):
    def test_match(self):
        texts = ["a car", "一条狗", "a flower"]
        result = self.document("match", DOG, *texts)
        self.assertEqual(list(result), ["model", "image", "normalisation", "matches"])
        self.assertEqual((result["model"], result["image"], result["normalisation"]), ("gaze-mini", str(DOG), "softmax"))
        self.assertEqual([one["text"] for one in result["matches"]], texts)
        self.assertEqual(list(result["matches"][0]), ["text", "probability", "logit"])
        probabilities = [one["probability"] for one in result["matches"]]
        self.assertAlmostEqual(sum(probabilities), 1, places=6)
        self.assertEqual(max(probabilities), probabilities[1])
        sigmoid = self.document("match", DOG, "a", "b", "--model", SIGLIP)
        self.assertEqual(sigmoid["normalisation"], "sigmoid")
        for one in sigmoid["matches"]:
            self.assertAlmostEqual(one["probability"], 1 / (1 + math.exp(-one["logit"])), places=9)
        lines = self.gaze("match", DOG, *texts).out.decode().splitlines()
        self.assertTrue(lines[0].startswith("一条狗"), lines)  # people see the best first
        self.assertEqual(len(lines), 3)

    def test_match_from_standard_input(self):
        result = self.document("match", "-", "a dog", "", stdin=DOG.read_bytes())
        self.assertEqual((result["image"], result["matches"][1]["text"]), ("-", ""))

    def test_embed(self):
        other = SAMPLES / "pizza_0039.jpg"
        result = self.document("embed", DOG, other, "--text", "a dog", "--text", "-", stdin="一块披萨\r\n\nx".encode())
        self.assertEqual(list(result), ["model", "dimension", "embeddings", "failed"])
        self.assertEqual([(one["input"], one["kind"]) for one in result["embeddings"]],
                         [(str(DOG), "image"), (str(other), "image"), ("a dog", "text"), ("一块披萨", "text"), ("", "text"),
                          ("x", "text")])
        vectors = [one["vector"] for one in result["embeddings"]]
        for vector in vectors:
            self.assertEqual(len(vector), result["dimension"])
            self.assertAlmostEqual(math.hypot(*vector), 1, places=5)
        cosine = lambda a, b: sum(x * y for x, y in zip(vectors[a], vectors[b]))
        self.assertGreater(cosine(0, 2), cosine(0, 3))
        self.assertGreater(cosine(1, 3), cosine(1, 2))
        output = self.folder / "vectors.npy"
        written = self.document("embed", DOG, other, "--text", "a dog", "--output", output)
        self.assertNotIn("vector", written["embeddings"][0])
        shape, values = read_npy(output)
        self.assertEqual(shape, (3, result["dimension"]))
        for value, expected in zip(values, sum(vectors[:3], [])):
            self.assertAlmostEqual(value, expected, places=5)

    def test_embed_takes_a_picture_or_a_list_from_standard_input(self):
        picture = self.document("embed", "-", stdin=DOG.read_bytes())
        self.assertEqual([one["input"] for one in picture["embeddings"]], ["-"])
        listed = self.document("embed", "-", stdin=f"{DOG}\n\n{SAMPLES / 'no-such.jpg'}\r\n".encode(), status=3)
        self.assertEqual(listed["embeddings"][0]["vector"], picture["embeddings"][0]["vector"])
        self.assertEqual([(one["path"], one["code"]) for one in listed["failed"]],
                         [(str(SAMPLES / "no-such.jpg"), "not_found")])

    def test_tokenize(self):
        result = self.document("tokenize", "-", "<|endoftext|>", "--model", CLIP, stdin=b"an\r\n\ncat\n")
        self.assertEqual(list(result), ["model", "texts"])
        self.assertEqual([one["text"] for one in result["texts"]], ["an", "", "cat", "<|endoftext|>"])
        for one in result["texts"]:
            self.assertEqual(list(one), ["text", "ids", "tokens"])
            self.assertEqual(len(one["ids"]), len(one["tokens"]))
            self.assertEqual((one["tokens"][0], one["tokens"][-1]), ("<|startoftext|>", "<|endoftext|>"))
        self.assertEqual(len(result["texts"][1]["ids"]), 2)
        self.assertGreater(len(result["texts"][3]["ids"]), 3)  # text stays text
        special = self.document("tokenize", "<|endoftext|>", "--special", "--model", CLIP)
        self.assertEqual(len(special["texts"][0]["ids"]), 3)

    def test_preprocess(self):
        output = self.folder / "pixels.npy"
        result = self.document("preprocess", DOG, "--output", output, "--model", CLIP)
        self.assertEqual(result, {"model": str(CLIP), "shape": result["shape"], "dtype": "float32"})
        shape, values = read_npy(output)
        self.assertEqual(list(shape), result["shape"])
        self.assertEqual(shape[:2], (1, 3))
        self.assertTrue(-3 < min(values) < max(values) < 3)

    def test_index_search_and_library(self):
        pictures = self.copy_samples(12)
        (pictures / "notes.txt").write_text("no picture")
        first = self.document("index", pictures)
        self.assertEqual(list(first), ["model", "added", "updated", "unchanged", "removed", "skipped", "failed", "seconds",
                                       "images_per_second"])
        self.assertEqual([first[name] for name in ("added", "updated", "unchanged", "removed", "skipped", "failed")],
                         [12, 0, 0, 0, 1, []])
        again = self.document("index", pictures)
        self.assertEqual((again["added"], again["unchanged"]), (0, 12))

        found = self.document("search", "a butterfly", "--top", "3")
        self.assertEqual(list(found), ["model", "query", "results", "cutoff", "nearest"])
        self.assertEqual((found["query"], found["cutoff"], found["nearest"]), ("a butterfly", None, []))
        self.assertEqual(list(found["results"][0]),
                         ["path", "score", "relevance", "width", "height", "taken", "caption"])
        self.assertEqual([one["score"] for one in found["results"]],
                         sorted((one["score"] for one in found["results"]), reverse=True))
        self.assertIn("butterfly", found["results"][0]["path"])
        self.assertEqual(len(self.document("search", "蝴蝶", "--top", "1000000000")["results"]), 12)
        alike = self.document("search", "--image", pictures / "bonsai_0053.jpg", "--top", "1")["results"][0]
        self.assertEqual(alike["path"], str(pictures / "bonsai_0053.jpg"))
        self.assertGreater(alike["score"], 0.999)

        sheet = self.folder / "sheet.png"
        self.assertEqual(self.gaze("search", "a car", "--sheet", sheet).status, 0)
        self.assertEqual(sheet.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")

        stats = self.document("library")
        self.assertEqual(list(stats), ["path", "bytes", "pictures", "vectors"])
        self.assertEqual((stats["path"], stats["pictures"], stats["vectors"]),
                         (str(self.home / "library.db"), 12, {"gaze-mini": 12}))
        listed = self.document("library", "list")["pictures"]
        self.assertEqual(len(listed), 12)
        self.assertEqual(listed[0]["models"], ["gaze-mini"])
        shutil.rmtree(pictures)
        self.assertEqual(self.document("library", "prune")["pictures"], 0)
        self.assertEqual(self.document("library", "check")["pictures"], 0)

    def test_models(self):
        installed = self.home / "models/someone"
        for name, source in (("tiny-clip", CLIP), ("caption", GOLDEN / "blip/caption_a"), ("itm", GOLDEN / "blip/itm"),
                             ("vqa", GOLDEN / "blip/vqa")):
            shutil.copytree(source, installed / name)
        shutil.copytree(CLIP, installed / "odd")
        (installed / "odd/config.json").write_text('{"architectures": ["OddModel"], "model_type": "odd"}')
        models = {one["name"]: one for one in self.document("models")["models"]}
        self.assertEqual({name: one["tasks"] for name, one in models.items()},
                         {"gaze-mini": ["match", "embed", "index", "search", "caption"],
                          "someone/tiny-clip": ["match", "embed", "index", "search"], "someone/caption": ["caption"],
                          "someone/itm": ["match", "rerank"], "someone/vqa": ["ask"], "someone/odd": []})
        self.assertEqual(list(models["gaze-mini"]), ["name", "kind", "tasks", "parameters", "bytes", "path", "licence"])
        self.assertIn("OddModel", models["someone/odd"]["fault"])
        self.assertEqual(self.document("models", "show", "someone/vqa")["models"], [models["someone/vqa"]])
        for name in ("gaze-mini", "someone/tiny-clip", "someone/caption", "someone/itm", "someone/vqa"):
            verified, = self.document("models", "verify", name)["models"]
            checked = verified.pop("reference")
            self.assertEqual(verified, models[name])
            if name in ("gaze-mini", "someone/tiny-clip"):
                self.assertTrue(min(checked["tokens"], checked["pixels"], checked["logits"]) > 1, checked)
            if name in ("gaze-mini", "someone/caption"):
                self.assertGreater(checked["caption_tokens"], 1)
        self.assert_error("unsupported_model", "models", "verify", "someone/odd")
        self.assertEqual(self.document("models", "remove", "someone/odd")["models"][0]["name"], "someone/odd")
        self.assertFalse((installed / "odd").exists())
        self.assert_error("usage", "models", "remove", "gaze-mini", status=2)
        self.assert_error("usage", "models", "remove", CLIP, status=2)

    def test_verify_compares_with_the_reference(self):
        for name, source in (("clip", CLIP), ("chinese-clip", GOLDEN / "chinese_clip"), ("siglip", SIGLIP),
                             ("blip", GOLDEN / "blip/caption_a")):
            copy = self.folder / name
            shutil.copytree(source, copy)
            self.assertEqual(self.document("models", "verify", copy)["models"][0]["name"], str(copy))
            file = copy / "gaze-reference.json"
            original = json.loads(file.read_text())
            for change, word in ((lambda r: r["texts"][0]["ids"].insert(1, 5), "tokens"),
                                 (lambda r: r["pixels"]["values"].__setitem__(0, r["pixels"]["values"][0] + 1e-3), "pixels"),
                                 (lambda r: r["texts"][1].update(logit=r["texts"][1].get("logit", 0) + 0.1), "logit"),
                                 (lambda r: r["captions"][0]["ids"].append(5), "caption")):
                changed = json.loads(json.dumps(original))
                if word == "caption" and name != "blip" or word == "logit" and name == "blip":
                    continue
                change(changed)
                file.write_text(json.dumps(changed))
                self.assertIn(word, self.assert_error("bad_weights", "models", "verify", copy)["message"])
            for damaged in ("{}", '{"version":2}', '{"version":1,"texts":5}', '{"version":1,"texts":[{"text":"a"}]}', "["):
                file.write_text(damaged)
                self.assert_error("invalid_json", "models", "verify", copy)
            file.unlink()
            self.assertIsNone(self.document("models", "verify", copy)["models"][0]["reference"])

    def test_bench(self):
        result = self.document("bench", CLIP, "--seconds", "0", "--batch", "2", "--threads", "1", "--precision", "f32")
        self.assertEqual(list(result), ["model", "threads", "precision", "isa", "results"])
        self.assertEqual((result["model"], result["threads"], result["precision"]), (str(CLIP), 1, "f32"))
        self.assertEqual([(one["what"], one["unit"]) for one in result["results"]],
                         [("image_tower", "images/s"), ("matmul_limit", "images/s"), ("text_tower", "texts/s"),
                          ("matmul_limit", "texts/s"), ("preprocess", "images/s"), ("memory_read", "GB/s")])
        self.assertTrue(all(one["value"] > 0 for one in result["results"]))

    def test_bench_of_a_language_model(self):
        for model in (GOLDEN / "llama/plain.gguf", GOLDEN / "llava/full"):
            result = self.document("bench", model, "--seconds", "0", "--prompt-tokens", "9", "--new-tokens", "3")
            self.assertEqual((result["model"], result["precision"]), (str(model), "int8"))
            self.assertEqual([(one["what"], one["unit"]) for one in result["results"]],
                             [("prefill", "tokens/s"), ("matmul_limit", "tokens/s"), ("decode", "tokens/s"),
                              ("memory_read", "GB/s")])
            self.assertTrue(all(one["value"] > 0 for one in result["results"]))
        self.assert_error("usage", "bench", GOLDEN / "llama/plain.gguf", "--prompt-tokens", "100000", status=2)

    def test_doctor(self):
        shutil.copytree(CLIP, self.home / "models/tiny-clip")
        result = self.document("doctor")
        self.assertEqual(list(result), ["cpu", "isa", "memory_bytes", "dependencies", "models"])
        self.assertGreater(result["memory_bytes"], 1 << 28)
        self.assertEqual([one["name"] for one in result["models"]], ["gaze-mini", "tiny-clip"])
        for one in result["models"]:
            self.assertEqual(list(one), ["name", "fits", "needs_bytes"])
            self.assertIs(one["fits"], True)
            self.assertTrue(10 << 20 < one["needs_bytes"] < 1 << 30, one)
        self.assertTrue(all(result["dependencies"].values()), result["dependencies"])

    def test_what_does_not_fit_is_told_with_what_would(self):
        memory = self.document("doctor")["memory_bytes"]
        width = 16384
        a_layer = 13 * width**2 * 34 / 32  # in eight bits
        for name, most in (("large", 1.5), ("huge", 10)):
            write_large(self.home / "models" / name, int(most * memory / a_layer), width)
        broken = write_large(self.home / "models/broken", 1)
        (broken / "config.json").write_text((broken / "config.json").read_text().replace('"num_hidden_layers": 1', '"num_hidden_layers": 0'))
        models = {one["name"]: one for one in self.document("doctor")["models"]}
        self.assertEqual(list(models["large"]), ["name", "fits", "needs_bytes", "proposal"])
        self.assertFalse(models["large"]["fits"] or models["huge"]["fits"])
        self.assertGreater(models["large"]["needs_bytes"], 1.2 * memory)
        self.assertIn("num_hidden_layers", models["broken"]["fault"])
        self.assertIn("gaze models quantise large --to int4", models["large"]["proposal"])
        self.assertIn("smaller model", models["huge"]["proposal"])
        self.assertIn(models["large"]["proposal"], self.gaze("doctor").out.decode())
        error = self.assert_error("out_of_memory", "ask", "a", "--model", "large")
        self.assertEqual(error["hint"], models["large"]["proposal"].replace("large", str(self.home / "models/large")))

    def test_the_program_about_itself(self):
        self.assertEqual(list(self.document("--version")), ["version"])
        settings = self.document("config")
        self.assertEqual(settings["file"], str(self.config))
        self.assertEqual(list(settings["settings"][0]), ["name", "value", "origin", "where"])
        helped = self.gaze("--help").out.decode()
        page = self.gaze("help", "--man").out.decode()
        self.assertTrue(page.startswith(".TH GAZE 1"))
        commands = [line.split()[0] for line in helped.split("Commands:\n")[1].split("\n\n")[0].splitlines()
                    if line[2] != " "]
        self.assertIn("search", commands)
        for command in commands:
            self.assertEqual(self.gaze(command, "--help").out, self.gaze("help", command).out)
            self.assertIn(f"gaze {command}", page)


if __name__ == "__main__":
    unittest.main()
