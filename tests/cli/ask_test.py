"""`gaze ask` and `gaze chat` with models on this machine, as people and programs run them."""
import json
import math
import pathlib
import shutil
import signal
import time
import unittest

from gaze import GOLDEN, GazeTest
from gguf_parts import split
from scripted import spelt, write_model

LLAVA, SMOLVLM = GOLDEN / "llava/plain", GOLDEN / "idefics3"
WIDE, TALL = GOLDEN / "llava/wide.png", GOLDEN / "llava/tall.png"
GREEDY = ("--precision", "f32", "--max-tokens", "12")


def cases_of(model):
    """(question, prompt, files, repetition penalty, the reference's ids)"""
    told = json.loads((model / "cases.json").read_text())
    for case in told["cases"]:
        files = [GOLDEN / "llava" / told["pictures"][k] for k in case["pictures"]]
        yield case["question"], case["prompt"], files, case["repetition_penalty"], case["ids"]


class Ask(GazeTest):
    def talkative(self, *chains, **more):
        """A model that begins its chain after a question that ends in "a"."""
        return write_model(self.folder / f"model{len(list(self.folder.iterdir()))}", chains, **more)

    def test_words_are_the_references(self):
        for model in (LLAVA, SMOLVLM):
            for question, prompt, files, penalty, ids in list(cases_of(model))[:10]:
                line = [*files, question or prompt, *([] if question else ["--raw-prompt"])]
                result = self.document("ask", *line, "--model", model, *GREEDY, "--repetition-penalty", penalty)
                self.assertEqual(result["ids"], ids, (model, prompt))

    def test_fields(self):
        result = self.document("ask", WIDE, TALL, "Is it a cat or a dog?", "--model", LLAVA, *GREEDY)
        self.assertEqual(list(result), ["model", "answer", "ids", "finish_reason", "usage", "timings"])
        self.assertEqual(result["model"], str(LLAVA))
        self.assertEqual(result["finish_reason"], "length")
        self.assertEqual(result["usage"]["image_tokens"], 2 * 9)
        self.assertEqual(result["usage"]["completion_tokens"], 12)
        self.assertEqual(set(result["usage"]), {"prompt_tokens", "completion_tokens", "image_tokens"})
        self.assertEqual(list(result["timings"]), ["vision_ms", "prefill_ms", "decode_ms", "tokens_per_second"])
        alone = self.document("ask", "What is this?", "--model", LLAVA, *GREEDY)
        self.assertEqual((alone["usage"]["image_tokens"], alone["timings"]["vision_ms"]), (0, 0))
        piped = self.document("ask", "-", "What is this?", "--model", LLAVA, *GREEDY, stdin=WIDE.read_bytes())
        named = self.document("ask", WIDE, "What is this?", "--model", LLAVA, *GREEDY)
        self.assertEqual(piped["ids"], named["ids"])

    def test_characters_come_whole(self):
        model = self.talkative(["a", *spelt("中文猫"), "e", *spelt("🐱"), "</s>"])
        result = self.document("ask", "a", "--model", model)
        self.assertEqual((result["answer"], result["finish_reason"]), ("中文猫e🐱", "stop"))
        process = self.start("ask", "a", "--model", model)
        came = b""
        while piece := process.stdout.read1(64):
            came += piece
            came.decode()  # each piece ends where a character does
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
        self.assertEqual((process.wait(60), came.decode()), (0, "中文猫e🐱\n"))
        cut = self.document("ask", "a", "--model", model, "--max-tokens", "4")
        self.assertEqual((cut["answer"], cut["finish_reason"]), ("中\ufffd", "length"))

    def test_stops(self):
        model = self.talkative(["a", *spelt("中文猫"), "e", "t", *spelt("🐱"), "</s>"])
        for stops, answer, ids in ((["猫"], "中文", 9), (["文猫e"], "中", 10), (["no", "et"], "中文猫", 11), (["x"], "中文猫et🐱", 16),
                                   (["中"], "", 3)):
            line = ["ask", "a", "--model", model, *(word for stop in stops for word in ("--stop", stop))]
            result = self.document(*line)
            self.assertEqual((result["answer"], result["finish_reason"], len(result["ids"])), (answer, "stop", ids))
            self.assertEqual(self.gaze(*line).out.decode().rstrip("\n"), answer)
        self.assert_error("usage", "ask", "a", "--model", model, "--stop", "", status=2)

    def test_choices_and_how_sure_it_is(self):
        # After the question: "in" with the logit 3, " A" with 2, all others 0. After each the end is likely.
        end = {"</s>": 9.0}
        model = self.talkative(["a", {"in": 3.0, "▁A": 2.0}], ["in", end], ["▁A", end])
        result = self.document("ask", "a", "--model", model, "--choices", " A, in", "--precision", "f32")
        self.assertEqual(list(result)[-1], "choices")
        self.assertEqual([list(one) for one in result["choices"]], [["text", "probability", "log_probability"]] * 2)
        self.assertEqual([one["text"] for one in result["choices"]], ["A", "in"])
        self.assertEqual((result["answer"], result["finish_reason"]), ("in", "stop"))
        self.assertAlmostEqual(sum(one["probability"] for one in result["choices"]), 1)

    def test_choices_of_equal_length_differ_by_their_logits(self):
        end = {"</s>": 9.0}
        model = self.talkative(["a", {"e": 3.0, "u": 2.0}], ["e", end], ["u", end])
        result = self.document("ask", "a", "--model", model, "--choices", "u,e", "--precision", "f32")
        odds = result["choices"][1]["log_probability"] - result["choices"][0]["log_probability"]
        self.assertAlmostEqual(odds, 1, places=4)
        self.assertAlmostEqual(result["choices"][1]["probability"], 1 / (1 + math.exp(-1)), places=4)
        whole = math.exp(3) + math.exp(2) + 362
        end_of_it = math.exp(9) / (math.exp(9) + 363)
        self.assertAlmostEqual(result["choices"][1]["log_probability"], math.log(math.exp(3) / whole * end_of_it), places=4)
        shown = self.gaze("ask", "a", "--model", model, "--choices", "u,e", "--precision", "f32").out.decode().splitlines()
        self.assertEqual([line.split()[0] for line in shown], ["e", "u"])  # people see the likeliest first
        self.assertEqual(shown[0].split()[1], "0.7311")
        file = self.folder / "choices.txt"
        file.write_text("u\r\n\ne\n")
        self.assertEqual(self.document("ask", "a", "--model", model, "--choices", file, "--precision", "f32")["choices"],
                         result["choices"])

    def test_choices_that_make_no_sense(self):
        for choices in ("", "yes", "yes,yes", ",,", ",".join(map(str, range(1001)))):
            self.assert_error("usage", "ask", WIDE, "a", "--model", LLAVA, "--choices", choices, status=2)
        for more in (["--beams", "2"], ["--temperature", "1"], ["--stop", "x"]):
            self.assert_error("usage", "ask", WIDE, "a", "--model", LLAVA, "--choices", "a,b", *more, status=2)
        self.assert_error("usage", "ask", WIDE, "a", "--model", LLAVA, "--choices", "a," + "cat " * 150, status=2)

    def test_answers_by_a_schema_are_valid_however_long_they_may_be(self):
        schema = {"type": "object", "required": ["count", "what"], "properties": {
            "animals": {"type": "array", "items": {"enum": ["cat", "dog", "猫"]}, "maxItems": 3},
            "count": {"type": "integer"}, "what": {"type": "string"}}}
        file = self.folder / "schema.json"
        file.write_text(json.dumps(schema))
        for model in (LLAVA, SMOLVLM):
            for given, most, more in ((file, 100, []), (json.dumps(schema), 40, ["--temperature", "1", "--seed", "5"]),
                                      (file, 25, ["--repetition-penalty", "1.3"])):
                result = self.document("ask", WIDE, "What?", "--model", model, "--json-schema", given, "--max-tokens", most,
                                       *more)
                answer = json.loads(result["answer"])
                self.assertEqual(set(answer) - {"animals"}, {"count", "what"})
                self.assertIs(type(answer["count"]), int)
                self.assertLessEqual(set(answer.get("animals", [])), {"cat", "dog", "猫"})
                self.assertLessEqual(len(result["ids"]), most)
                self.assertIn(result["finish_reason"], ("stop", "length"))
        streamed = self.gaze("ask", WIDE, "What?", "--model", LLAVA, "--json-schema", file).out
        json.loads(streamed)
        for bad in ('{"type":"object","properties":{"x":{"type":"string","format":"date"}}}', "{}", '{"type":"thing"}'):
            self.assert_error("usage", "ask", WIDE, "a", "--model", LLAVA, "--json-schema", bad, status=2)
        self.assert_error("usage", "ask", WIDE, "a", "--model", LLAVA, "--json-schema", file, "--max-tokens", "5", status=2)
        self.assert_error("usage", "ask", WIDE, "a", "--model", LLAVA, "--json-schema", file, "--beams", "2", status=2)
        self.assert_error("invalid_json", "ask", WIDE, "a", "--model", LLAVA, "--json-schema", "{\"a\"")
        self.assert_error("not_found", "ask", WIDE, "a", "--model", LLAVA, "--json-schema", self.folder / "no.json")

    def test_keys_and_values_take_what_is_asked_for(self):
        def said(*more):
            result = self.document("ask", WIDE, "What is this?", "--model", LLAVA, "--precision", "f32", "--choices",
                                   "a dog,two cats", *more)
            return [one["log_probability"] for one in result["choices"]]
        exact, half, small = said(), said("--kv-cache", "bf16"), said("--kv-cache", "int8")
        self.assertEqual(exact, said("--kv-cache", "auto", "--no-cache"))
        for some, others in ((exact, half), (half, small), (exact, small)):
            self.assertNotEqual(some, others)
            for one, other in zip(some, others):
                self.assertAlmostEqual(one, other, delta=0.2)
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text('[ask]\nkv-cache = "int8"\n')
        self.assertEqual(said(), small)  # from what was kept of it, in int8 too
        self.assert_error("usage", "ask", "a", "--model", LLAVA, "--kv-cache", "int4", status=2)

    def test_explained_answers_are_a_picture(self):
        output = self.folder / "looked.png"
        for model in (LLAVA, SMOLVLM):
            plain = self.document("ask", WIDE, TALL, "What is this?", "--model", model, *GREEDY)
            result = self.document("ask", WIDE, TALL, "What is this?", "--model", model, *GREEDY, "--explain", output)
            self.assertEqual(result["ids"], plain["ids"])
            self.assertTrue(output.read_bytes().startswith(b"\x89PNG"))
            output.unlink()
            self.document("ask", WIDE, "What?", "--model", model, "--choices", "a cat,a dog", "--explain", output)
            self.assertTrue(output.exists())
            output.unlink()
        self.assert_error("usage", "ask", "What?", "--model", LLAVA, "--explain", output, status=2)  # there is no picture
        failed = self.document("ask", WIDE, "What?", "--model", LLAVA, "--explain", self.folder / "no/x.png", status=1)
        self.assertEqual(failed["error"]["code"], "not_found")

    def test_what_was_seen_is_kept_and_can_be_forgotten(self):
        self.assertEqual(self.document("models", "cache")["cache"]["pictures"], 0)
        first = self.document("ask", WIDE, TALL, "What is this?", "--model", LLAVA, *GREEDY)
        cache = self.document("models", "cache")["cache"]
        self.assertEqual(list(cache), ["path", "pictures", "bytes", "most_bytes"])
        self.assertEqual(cache["pictures"], 2)
        self.assertTrue(0 < cache["bytes"] < cache["most_bytes"])
        self.assertEqual(self.document("ask", WIDE, TALL, "What is this?", "--model", LLAVA, *GREEDY)["ids"], first["ids"])
        other = pathlib.Path(cache["path"]) / "notes.txt"
        other.write_text("of somebody else")
        self.assertEqual(self.document("models", "cache", "clear")["cache"]["removed"]["pictures"], 2)
        self.assertEqual(list(other.parent.iterdir()), [other])
        self.assert_error("usage", "models", "cache", "burn", status=2)
        self.document("ask", WIDE, "What is this?", "--model", LLAVA, "--no-cache", *GREEDY)
        self.assertEqual(self.document("models", "cache")["cache"]["pictures"], 0)

    def test_a_prompt_that_is_too_long_is_refused_before_any_work(self):
        for line, said in ((["cat " * 300], "the model reads at most 159"), ([*[WIDE] * 20, "a"], "the model reads at most 159")):
            error = self.assert_error("usage", "ask", *line, "--model", LLAVA, status=2)
            self.assertIn(said, error["message"])
        long = self.document("ask", "a " * 60, "--model", LLAVA, "--max-tokens", "1000", "--precision", "f32")
        self.assertEqual(long["usage"]["prompt_tokens"] + long["usage"]["completion_tokens"], 160)
        self.assertEqual(long["finish_reason"], "length")

    def test_what_makes_no_sense_is_wrong_usage(self):
        for question in ("", "  \n\t"):
            self.assert_error("usage", "ask", WIDE, question, "--model", LLAVA, status=2)
            self.assert_error("usage", "ask", question, "--model", LLAVA, "--raw-prompt", status=2)
        self.assert_error("usage", "ask", WIDE, "--model", LLAVA, status=2)
        self.assert_error("usage", "ask", WIDE, "a", "--model", LLAVA, "--raw-prompt", status=2)  # no place for it
        self.assert_error("usage", "ask", WIDE, "a", "--model", LLAVA, "--temperature", "-1", status=2)
        self.assert_error("usage", "ask", WIDE, "a", "--model", GOLDEN / "llama/plain.gguf", status=2)  # reads text only
        self.assert_error("not_found", "ask", self.folder / "no.jpg", "a", "--model", LLAVA)
        self.assert_error("bad_image", "ask", LLAVA / "config.json", "a", "--model", LLAVA)

    def test_ctrl_c_ends_an_answer_and_breaks_nothing(self):
        endless = self.talkative(["a", *spelt("中文"), spelt("中")[0]], positions=200_000)
        process = self.start("ask", "a", "--model", endless, "--max-tokens", "150000")
        came = process.stdout.read1(64)
        result = self.interrupted(process)
        self.assertEqual(result.status, 130, result.err)
        said = (came + result.out).decode()
        self.assertTrue(said.endswith("\n") and ("中文" * len(said)).startswith(said[:-1]), said)
        process = self.start("ask", "a", "--model", endless, "--max-tokens", "150000", "--json")
        time.sleep(0.2)
        result = self.interrupted(process)
        self.assertEqual((result.status, result.json()["error"]["code"]), (130, "cancelled"))
        again = self.document("ask", WIDE, "What is this?", "--model", LLAVA, *GREEDY)
        self.assertEqual(again["usage"]["completion_tokens"], 12)

    def test_sampling_repeats_with_its_seed(self):
        def answer(seed):
            return self.document("ask", WIDE, "What is this?", "--model", LLAVA, "--temperature", "1.5", "--seed", seed)["ids"]
        self.assertEqual(answer(7), answer(7))
        self.assertNotEqual(answer(7), answer(8))


class ModelsInSeveralFiles(GazeTest):
    def setUp(self):
        super().setUp()
        self.models = self.home / "models/someone/large"
        self.models.mkdir(parents=True)
        self.parts = split(GOLDEN / "llava/plain.gguf", self.models, 3)
        shutil.copy(GOLDEN / "llava/plain-mmproj.gguf", self.models / "mmproj.gguf")

    def test_answer_as_the_whole_does(self):
        question = ("ask", WIDE, "What is this?", *GREEDY)
        whole = self.document(*question, "--model", GOLDEN / "llava/plain.gguf", "--mmproj", self.models / "mmproj.gguf")
        for model in ("someone/large", self.models):
            self.assertEqual(self.document(*question, "--model", model)["ids"], whole["ids"])
        alone = self.document(*question, "--model", self.parts[0], "--mmproj", self.models / "mmproj.gguf")
        self.assertEqual(alone["ids"], whole["ids"])

    def test_are_one_model(self):
        listed = self.document("models")["models"][1:]
        self.assertEqual([one["name"] for one in listed], ["someone/large"])
        eyes = self.models / "mmproj.gguf"
        self.assertEqual(listed[0]["bytes"], sum(one.stat().st_size for one in [*self.parts, eyes]))
        self.document("models", "verify", "someone/large")
        other = self.models / "other.gguf"
        shutil.copy(GOLDEN / "llava/plain.gguf", other)
        first = f"someone/large/{self.parts[0].name}"
        self.assertEqual([one["name"] for one in self.document("models")["models"][1:]], [first, "someone/large/other.gguf"])
        self.document("models", "remove", first)
        self.assertEqual(sorted(self.models.iterdir()), [eyes, other])

    def test_what_does_not_belong_together_is_refused(self):
        def refused(code, *words, model=self.parts[0], status=1):
            error = self.assert_error(code, "ask", "a", "--model", model, status=status)
            for word in words:
                self.assertIn(word, error["message"] + error["hint"])
        refused("usage", "part 2", self.parts[0].name, model=self.parts[1], status=2)
        whole = [one.read_bytes() for one in self.parts]
        self.parts[1].write_bytes(whole[2])
        refused("bad_weights", self.parts[1].name, "split.no is 2")
        self.parts[1].write_bytes(whole[1][:len(whole[1]) // 2])
        refused("bad_weights", self.parts[1].name)
        self.parts[1].write_bytes((GOLDEN / "llava/plain.gguf").read_bytes())
        refused("bad_weights", self.parts[1].name, "split.count 1")
        self.parts[1].unlink()
        refused("not_found", self.parts[1].name, "3 files", "llama-gguf-split --merge")
        alone = self.folder / "renamed.gguf"
        alone.write_bytes(whole[0])
        refused("bad_weights", "split.count 3", model=alone)


class Caption(GazeTest):
    def test_chat_models_describe_what_they_are_asked_to(self):
        for model in (LLAVA, SMOLVLM):
            line = ["caption", WIDE, TALL, "--model", model, "--language", "zh", "--max-new-tokens", "8", "--precision", "f32"]
            result = self.document(*line)
            self.assertEqual([one["image"] for one in result["captions"]], [str(WIDE), str(TALL)])
            asked = self.document("ask", WIDE, "用一句话描述这张图片，只写这句话。", "--model", model, "--max-tokens", "8",
                                  "--precision", "f32")
            self.assertEqual(result["captions"][0]["text"], " ".join(asked["answer"].split("\n")).strip(" "))
            again = self.document(*line)  # from the library
            self.assertEqual([one["text"] for one in again["captions"]], [one["text"] for one in result["captions"]])
            other = self.document("caption", WIDE, "--model", model, "--prompt", "What is this?", "--max-new-tokens", "8")
            self.assertNotEqual(other["captions"][0]["text"], result["captions"][0]["text"])
        mixed = self.document("caption", WIDE, self.folder / "no.jpg", "--model", LLAVA, "--max-new-tokens", "4", status=3)
        self.assertEqual([one["code"] for one in mixed["failed"]], ["not_found"])
        self.assertEqual(len(mixed["captions"]), 1)
        self.assert_error("usage", "caption", WIDE, "--model", LLAVA, "--n-best", "2", status=2)
        self.assert_error("usage", "caption", "-", "--model", LLAVA, stdin=WIDE.read_bytes(), status=2)


class Chat(GazeTest):
    def test_a_talk_with_its_commands(self):
        saved = self.folder / "talk.md"
        lines = [f"/image {self.folder}/no.jpg", "What is this?", f"/image {TALL}", "And this?", f"/save {saved}", "/reset",
                 "What is this?", "/nonsense", "/quit", "never asked"]
        result = self.gaze("chat", WIDE, "--model", LLAVA, *GREEDY, stdin="\n".join(lines).encode())
        self.assertEqual(result.status, 0, result.err)
        first = self.gaze("ask", WIDE, "What is this?", "--model", LLAVA, *GREEDY).out
        self.assertTrue(result.out.startswith(first), result.out)
        alone = self.gaze("ask", "What is this?", "--model", LLAVA, *GREEDY).out
        self.assertTrue(result.out.endswith(alone), result.out)  # all was forgotten, the pictures too
        text = saved.read_text()
        self.assertEqual(text.count("!["), 2)
        self.assertIn("**And this?**", text)
        said = result.err.decode()
        self.assertIn("no such file", said)
        self.assertIn("there are: /image FILE", said)

    def test_ctrl_c_stops_the_answer_and_not_the_talk(self):
        model = write_model(self.folder / "endless", [["a", *spelt("中文"), spelt("中")[0]]], positions=200_000)
        process = self.start("chat", "--model", model, "--max-tokens", "150000")
        process.stdin.write(b"a\n")
        process.stdin.flush()
        came = process.stdout.read1(64)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(b"/quit\n", timeout=60)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("(stopped)", err.decode())
        self.assertEqual(set((came + out).decode()) - set("中文\n"), set())

    def test_one_bad_question_does_not_end_it(self):
        result = self.gaze("chat", WIDE, "--model", LLAVA, *GREEDY, stdin=("cat " * 300 + "\nWhat is this?\n").encode())
        self.assertEqual(result.status, 0, result.err)
        self.assertIn("the model reads at most", result.err.decode())
        self.assertEqual(result.out, self.gaze("ask", WIDE, "What is this?", "--model", LLAVA, *GREEDY).out)


if __name__ == "__main__":
    unittest.main()
