# SPDX-License-Identifier: Apache-2.0
"""The smallest ONNX files: each output is the Identity of the input of the same place, of any type and shape."""

TYPES = {"f32": 1, "u8": 2, "i8": 3, "u16": 4, "i16": 5, "i32": 6, "i64": 7, "string": 8, "bool": 9, "f16": 10, "f64": 11, "u32": 12, "u64": 13}


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
    """A ValueInfoProto; a dimension that is a text is free."""
    dims = b"".join(field(1, field(2 if isinstance(d, str) else 1, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, TYPES[dtype]) + field(2, dims)))


def identity(*inputs):
    """A model for inputs (name, dtype, shape); the output of "x" is "x_out"."""
    graph = b"".join(field(1, field(1, name) + field(2, name + "_out") + field(4, "Identity")) for name, _, _ in inputs)
    graph += field(2, "g")
    graph += b"".join(field(11, port(*p)) for p in inputs)
    graph += b"".join(field(12, port(name + "_out", dtype, shape)) for name, dtype, shape in inputs)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))
