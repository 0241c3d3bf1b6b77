"""Holds a request to a published shape: every field known, of its type, within its bounds; required ones there."""
import email.parser
import email.policy


class Refused(Exception):
    """`where` names the field as services do: messages[0].content[1].image_url.url"""

    def __init__(self, where, why):
        super().__init__(f"{where or 'the body'}: {why}")
        self.where = where


class Opt:
    """A field that may be missing."""

    def __init__(self, shape):
        self.shape = shape


class OneOf:
    """One of several shapes; of objects the one whose `type` fits is reported."""

    def __init__(self, *shapes):
        self.shapes = shapes


class Range:
    def __init__(self, kind, low, high):
        self.kind, self.low, self.high = kind, low, high


ANY = object()


def check(value, shape, where=""):
    if shape is ANY:
        return
    if isinstance(shape, OneOf):
        return check_one_of(value, shape, where)
    if isinstance(shape, Range):
        if isinstance(value, bool) or not isinstance(value, shape.kind):
            raise Refused(where, f"expected {shape.kind}, got {value!r}")
        if not shape.low <= value <= shape.high:
            raise Refused(where, f"{value} is not within {shape.low} and {shape.high}")
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            raise Refused(where, "expected an object")
        for name in value:
            if name not in shape:
                raise Refused(f"{where}.{name}".lstrip("."), "unrecognised field")
        for name, field in shape.items():
            optional = isinstance(field, Opt)
            if name in value:
                check(value[name], field.shape if optional else field, f"{where}.{name}".lstrip("."))
            elif not optional:
                raise Refused(f"{where}.{name}".lstrip("."), "required, but missing")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise Refused(where, "expected a list")
        for index, item in enumerate(value):
            check(item, shape[0], f"{where}[{index}]")
    elif callable(shape) and not isinstance(shape, type):
        shape(value, where)
    elif isinstance(shape, (type, tuple)):
        if not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
            raise Refused(where, f"expected {shape}")
    elif value != shape:
        raise Refused(where, f"expected {shape!r}, got {value!r}")


def check_one_of(value, shape, where):
    faults = []
    for choice in shape.shapes:
        try:
            return check(value, choice, where)
        except Refused as refused:
            fits = isinstance(value, dict) and isinstance(choice, dict) and choice.get("type") == value.get("type")
            faults.append((fits, refused))
    raise next((refused for fits, refused in faults if fits), Refused(where, f"none of the shapes allowed: {faults[0][1]}"))


def parse_form(request):
    """multipart/form-data as {name: [{"value": bytes, "filename", "type"}]}."""
    kind = request.headers.get("Content-Type", "")
    if not kind.startswith("multipart/form-data"):
        raise Refused("", "expected multipart/form-data")
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + request.body)
    if message.defects or not message.is_multipart():
        raise Refused("", f"malformed form: {message.defects}")
    fields = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        fields.setdefault(name, []).append({"value": part.get_payload(decode=True), "filename": part.get_filename(),
                                            "type": part["Content-Type"] and part.get_content_type()})
    return fields
