"""Splits a GGUF model as llama.cpp's gguf-split does: metadata in the first part, tensors spread over all."""
import struct

FIXED = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of a value, by its type
TEXT, ARRAY = 8, 9
ALIGNMENT = 32


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value, = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def skip(self, count):
        self.at += count

    def skip_value(self, kind):
        if kind == TEXT:
            self.skip(self.take("Q"))
        elif kind == ARRAY:
            inner, count = self.take("I"), self.take("Q")
            for _ in range(count):
                self.skip_value(inner)
        else:
            self.skip(FIXED[kind])


def padded(data):
    return data + b"\0" * (-len(data) % ALIGNMENT)


def pair(key, kind, value):
    return struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + value


def split(source, folder, count, stem="model"):
    """Writes `count` parts into the folder and returns their paths."""
    whole = source.read_bytes()
    reader = Reader(whole)
    reader.at = 8
    tensors, keys = reader.take("Q"), reader.take("Q")
    begin = reader.at
    for _ in range(keys):
        reader.skip(reader.take("Q"))
        reader.skip_value(reader.take("I"))
    metadata = whole[begin:reader.at]
    heads, offsets = [], []
    for _ in range(tensors):
        begin = reader.at
        reader.skip(reader.take("Q"))
        reader.skip(8 * reader.take("I") + 4)  # extents, type
        heads.append(whole[begin:reader.at])
        offsets.append(reader.take("Q"))
    data = whole[reader.at + -reader.at % ALIGNMENT:]
    ends = {begin: min([end for end in offsets if end > begin], default=len(data)) for begin in offsets}
    paths = []
    for number in range(count):
        own = [i for i in range(tensors) if i * count // tensors == number]
        described, bytes_ = b"", b""
        for i in own:
            described += heads[i] + struct.pack("<Q", len(bytes_))
            bytes_ += padded(data[offsets[i]:ends[offsets[i]]])
        pairs = [pair("split.no", 2, struct.pack("<H", number)), pair("split.count", 2, struct.pack("<H", count)),
                 pair("split.tensors.count", 5, struct.pack("<i", tensors))]
        more = keys if number == 0 else 0
        head = b"GGUF" + struct.pack("<IQQ", 3, len(own), len(pairs) + more) + (metadata if more else b"") + b"".join(pairs)
        paths.append(folder / f"{stem}-{number + 1:05}-of-{count:05}.gguf")
        paths[-1].write_bytes(padded(head + described) + bytes_)
    return paths
