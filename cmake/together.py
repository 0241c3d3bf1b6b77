#!/usr/bin/env python3
"""Which sources can be compiled as one file that includes them all: nearly all of a small source's time goes into the
headers of libraries, which are then read once.

    together.py LINES SOURCE…      a line a group, its sources apart by tabs; no group is longer than LINES, but for one
                                   of a single source

Apart stay sources that define a file-local name or a macro twice, those that call something of their own like a type
of another header, those with `using namespace` or pragmas, and kernels that are compiled several times.
"""
import functools
import pathlib
import re
import sys

DEFINED = re.compile(r"(?:(?:struct|class|enum class|union) (\w+)|using (?:[\w:]*::)?(\w+)|[^\s#/}].*?(\w+)\s*[=({;\[])")
ALONE = re.compile(r"-inl\.h|foreach_target\.h|^using namespace|^#pragma GCC", re.MULTILINE)
SOURCES = pathlib.Path(__file__).resolve().parent.parent / "src"


def top_level(text):
    """Lines outside of all braces but those of namespaces, each with its namespace; an anonymous one is "" within it."""
    inside = []
    for line in text.splitlines():
        if found := re.match(r"namespace ([\w:]*) ?{", line):
            inside.append(found[1])
        elif line.startswith("}  // namespace"):
            inside.pop()
        elif line and not line[0].isspace():
            yield line, inside


def local_names(text):
    """What a source defines for itself, by its namespace and name: in an anonymous namespace, as static, as a macro
    (None, which clashes with everything), or by a using declaration (its line, which may be said twice)."""
    names = {("", name): None for name in re.findall(r"^#define (\w+)", text, re.MULTILINE)}
    for line, inside in top_level(text):
        if re.match(r"(INSTANTIATE_)?TEST", line) or not ("" in inside or line.startswith(("using ", "static "))):
            continue
        if found := DEFINED.match(line):
            place = "::".join(filter(None, inside))
            names[place, next(name for name in found.groups() if name)] = line if line.startswith("using ") else None
    return names


@functools.cache
def header_types():
    """The types that headers define, as local_names() has them."""
    return {("::".join(inside), found[1]): None for header in SOURCES.rglob("*.h")
            for line, inside in top_level(header.read_text(encoding="utf-8"))
            if (found := re.match(r"(?:struct|class|enum class) (\w+) (?!.*;$)", line)) and "" not in inside}


def clash(some, others):
    return any(name in others and (line is None or line != others[name]) for name, line in some.items())


def in_groups(sources, lines=sys.maxsize):
    """The sources as lists that can each be read as one file of at most so many lines."""
    alone, groups = [], []
    for source in sources:
        text = source.read_text(encoding="utf-8")
        names, length = local_names(text), text.count("\n")
        if ALONE.search(text) or clash(names, header_types()):
            alone.append([source])
            continue
        for group in groups:
            if not clash(group["names"], names) and group["length"] + length <= lines:
                group["sources"].append(source)
                group["names"] |= names
                group["length"] += length
                break
        else:
            groups.append({"sources": [source], "names": names, "length": length})
    return alone + [group["sources"] for group in groups]


if __name__ == "__main__":
    for each in in_groups([pathlib.Path(source) for source in sys.argv[2:]], int(sys.argv[1])):
        print(*each, sep="\t")
