# SPDX-License-Identifier: Apache-2.0
"""The smallest ONNX files, byte by byte: models of one operator or two, of any type and shape."""

TYPES = {"f32": 1, "u8": 2, "i8": 3, "u16": 4, "i16": 5, "i32": 6, "i64": 7, "string": 8, "bool": 9, "f16": 10, "f64": 11, "u32": 12, "u64": 13, "bf16": 16}


def number(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(tag, value):
    """A protobuf field: a whole number, or bytes with their length."""
    if isinstance(value, int):
        return number(tag << 3) + number(value)
    value = value.encode() if isinstance(value, str) else value
    return number(tag << 3 | 2) + number(len(value)) + value


def port(name, dtype, shape):
    """A ValueInfoProto; a dimension that is a text is free, a shape of None is not said."""
    dims = b"" if shape is None else field(2, b"".join(field(1, field(2 if isinstance(d, str) else 1, d)) for d in shape))
    return field(1, name) + field(2, field(1, field(1, TYPES[dtype]) + dims))


def maps(name):
    """The ValueInfoProto of a sequence of maps from class names to f32: what ZipMap gives."""
    value = field(1, field(1, TYPES["f32"]))
    return field(1, name) + field(2, field(4, field(1, field(5, field(1, TYPES["string"]) + field(2, value)))))


def attribute(name, value):
    """An AttributeProto: a whole number, or a list of texts."""
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    return field(1, name) + b"".join(field(9, text) for text in value) + field(20, 8)


def node(op, inputs, outputs, domain="", **attributes):
    return (b"".join(field(1, name) for name in inputs) + b"".join(field(2, name) for name in outputs) + field(4, op) +
            b"".join(field(5, attribute(*a)) for a in attributes.items()) + field(7, domain))


def whole_numbers(name, values):
    """A TensorProto of i64 with one dimension."""
    return field(1, len(values)) + field(2, TYPES["i64"]) + b"".join(field(7, v) for v in values) + field(8, name)


def model(nodes, inputs, outputs, constants=()):
    """A ModelProto from node(), port() or maps(), and whole_numbers()."""
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g") + b"".join(field(5, c) for c in constants)
    graph += b"".join(field(11, p) for p in inputs) + b"".join(field(12, p) for p in outputs)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17)) + field(8, field(1, "ai.onnx.ml") + field(2, 3))


def identity(*inputs):
    """A model for inputs (name, dtype, shape); the output of "x" is "x_out"."""
    return model([node("Identity", [name], [name + "_out"]) for name, _, _ in inputs], [port(*p) for p in inputs],
                 [port(name + "_out", dtype, shape) for name, dtype, shape in inputs])
