"""gaze tag: labels of real pictures, what fits none of them, whole folders, what is refused."""
import json
import math
import shutil
import unittest

from gaze import GOLDEN, SAMPLES, SIGLIP, GazeTest

DOG = SAMPLES / "dalmatian_0048.jpg"


class Tag(GazeTest):
    def tags(self, *arguments, **more):
        """{label: probability} and that of none, of one picture."""
        image, = self.document("tag", *arguments, **more)["images"]
        return {one["label"]: one["probability"] for one in image["tags"]}, image["none_probability"]

    def test_fields_and_order(self):
        result = self.document("tag", DOG, "--labels", "a car, 狗,flower")
        self.assertEqual([result["model"], result["normalisation"], result["failed"]], ["gaze-mini", "softmax", []])
        image, = result["images"]
        self.assertEqual(list(image), ["image", "tags", "none_probability"])
        self.assertEqual(image["image"], str(DOG))
        self.assertEqual([list(one) for one in image["tags"]], [["label", "probability"]] * 3)
        self.assertEqual(image["tags"][0]["label"], "狗")  # best first
        probabilities = [one["probability"] for one in image["tags"]]
        self.assertEqual(probabilities, sorted(probabilities, reverse=True))
        self.assertAlmostEqual(sum(probabilities) + image["none_probability"], 1, places=6)

    def test_none_of_them_fits(self):
        for fitting, others in (("dog,car", "airplane,pizza"), ("狗,汽车", "飞机,披萨")):
            tags, none = self.tags(DOG, "--labels", fitting)
            self.assertGreater(tags[fitting.split(",")[0]], 0.5)
            self.assertLess(none, 0.5)
            self.assertGreater(self.tags(DOG, "--labels", others)[1], 0.5)
        tags, none = self.tags(DOG, "--labels", "dog")  # alone it is not certain
        self.assertGreater(none, 0.001)

    def test_threshold_and_form(self):
        whole, none = self.tags(DOG, "--labels", "dog,cat,car")
        some, same = self.tags(DOG, "--labels", "dog,cat,car", "--threshold", "0.5")
        self.assertEqual(some, {label: p for label, p in whole.items() if p >= 0.5})
        self.assertEqual((list(some), none), (["dog"], same))
        self.assertNotEqual(self.tags(DOG, "--labels", "dog,cat,car", "--form", "{}")[0], whole)

    def test_sigmoids_stand_for_themselves(self):
        result = self.document("tag", DOG, "--labels", "a,b", "--model", SIGLIP, "--form", "{}")
        self.assertEqual(result["normalisation"], "sigmoid")
        tags = {one["label"]: one["probability"] for one in result["images"][0]["tags"]}
        matches = self.document("match", DOG, "a", "b", "--model", SIGLIP)["matches"]
        for one in matches:
            self.assertAlmostEqual(tags[one["text"]], one["probability"], places=6)
        self.assertAlmostEqual(result["images"][0]["none_probability"], math.prod(1 - p for p in tags.values()), places=6)

    def test_folders_and_broken_files(self):
        pictures = self.copy_samples(3)
        (pictures / "broken.jpg").write_bytes(DOG.read_bytes()[:2000])
        (pictures / "notes.txt").write_text("no picture")
        labels = self.folder / "labels.txt"
        labels.write_text("accordion\r\n\n飞机\n")
        result = self.document("tag", pictures, self.folder / "gone.jpg", "--labels", labels, status=3)
        self.assertEqual([one["image"] for one in result["images"]],
                         [str(path) for path in sorted(pictures.glob("*.jpg")) if path.name != "broken.jpg"])
        self.assertEqual([(one["path"], one["code"]) for one in result["failed"]],
                         [(str(self.folder / "gone.jpg"), "not_found"), (str(pictures / "broken.jpg"), "bad_image")])
        self.assertEqual(result["images"][0]["tags"][0]["label"], "accordion")
        people = self.gaze("tag", pictures, "--labels", labels)
        self.assertEqual(people.status, 3)
        lines = people.out.decode().splitlines()
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[0], r": accordion [01]\.\d\d")
        self.assertIn("broken.jpg", people.err.decode())

    def test_standard_input_and_people(self):
        tags, _ = self.tags("-", "--labels", "dog,cat", stdin=DOG.read_bytes())
        self.assertGreater(tags["dog"], tags["cat"])
        listed = self.document("tag", "-", "--labels", "dog", stdin=f"{DOG}\n".encode())
        self.assertEqual(listed["images"][0]["image"], str(DOG))
        lines = self.gaze("tag", DOG, "--labels", "cat,dog").out.decode().splitlines()
        self.assertTrue(lines[0].startswith("dog"), lines)
        self.assertTrue(lines[2].startswith("none of these"), lines)
        chinese = self.gaze("tag", DOG, "--labels", "猫,狗", LC_ALL="zh_CN.UTF-8").out.decode()
        self.assertIn("以上都不是", chinese)
        self.assertIn("标签", self.gaze("tag", "--help", LC_ALL="zh_CN.UTF-8").out.decode())

    def test_refused(self):
        for arguments in (("tag", DOG), ("tag", "--labels", "a"), ("tag", DOG, "--labels", ""), ("tag", DOG, "--labels", "a,a"),
                          ("tag", DOG, "--labels", "a", "--threshold", "1.5"), ("tag", DOG, "--labels", "a", "--form", "x"),
                          ("tag", DOG, "--labels", ",".join(map(str, range(1001)))),
                          ("tag", DOG, "--labels", "a", "--dry-run"), ("tag", DOG, "--labels", "a", "--route", "gaze-mini")):
            self.assert_error("usage", *arguments, status=2)
        self.assert_error("unsupported_model", "tag", DOG, "--labels", "a", "--model", GOLDEN / "blip/caption_a")
        self.assert_error("model_not_found", "tag", DOG, "--labels", "a", "--model", "no/such")
        missing = self.document("tag", self.folder / "gone.jpg", "--labels", "a", status=3)
        self.assertEqual((missing["images"], missing["failed"][0]["code"]), ([], "not_found"))

    def test_ctrl_c(self):
        pictures = self.copy_samples(30)
        for copy in range(20):
            shutil.copytree(pictures, pictures / str(copy), ignore=lambda folder, names: [n for n in names if "." not in n])
        process = self.start("tag", pictures, "--labels", "dog,cat", "--json")
        stopped = self.interrupted(process)
        self.assertEqual(stopped.status, 130, stopped.err)
        self.assertEqual(json.loads(stopped.out)["error"]["code"], "cancelled")


if __name__ == "__main__":
    unittest.main()
