#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/infer/operators: every operator over its element types and odd shapes, with the answers of ONNX's own reference evaluator
(NumPy), for test_operators.c.

  pip install -r tests/requirements.txt
  python3 tests/infer/make_operators.py [FOLDER]

A family is one model, NAME.onnx, of many nodes, and NAME.data: a model whose initializers are the values of its inputs and what its
outputs must be. Run it again only to add cases: the files are committed, so that the C test needs no Python.
"""
import pathlib
import shutil
import sys

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

REALS = ["float16", "bfloat16", "float32", "float64"]
SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
NUMBERS = REALS + SIGNED + UNSIGNED
ANY = NUMBERS + ["bool", "str"]
ML = "ai.onnx.ml"
rng = np.random.default_rng(20261124)


def dtype_of(name):
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def some(name, *shape, low=-9, high=9):
    """Small whole numbers and halves, which every type holds exactly; texts; bools."""
    if name == "str":
        return np.array(rng.choice(["", "a", "bb", "Łódź"], size=shape), dtype=object)
    if name == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    whole = rng.integers(0 if name in UNSIGNED else low, high, shape)
    return (whole / 2).astype(dtype_of(name)) if name in REALS else whole.astype(dtype_of(name))


def proto_of(value, name):
    if value.dtype == object:
        return helper.make_tensor(name, TensorProto.STRING, value.shape, [str(v).encode() for v in value.reshape(-1)])
    return numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)


class Family:
    """Nodes of one model. An input given as a pair (value, "const") is an initializer, all others are inputs of the graph."""

    def __init__(self, name, opset=24, ml=3):
        self.name, self.opset, self.ml = name, opset, ml
        self.nodes, self.inputs, self.constants, self.outputs, self.data = [], [], [], [], []

    def imports(self):
        return [helper.make_opsetid("", self.opset), helper.make_opsetid(ML, self.ml)]

    def add(self, op, *values, n_outputs=1, domain="", want=None, **attributes):
        """One node with these inputs (None: left out). `want`: the answers, where the reference evaluator has none or is wrong."""
        k, names, feeds = len(self.nodes), [], {}
        for i, value in enumerate(values):
            constant = isinstance(value, tuple)
            value = value[0] if constant else value
            names.append("" if value is None else f"{'c' if constant else 'x'}{k}_{i}")
            if value is None:
                continue
            value = np.asarray(value)
            feeds[names[-1]] = value
            proto = proto_of(value, names[-1])
            info = helper.make_tensor_value_info(names[-1], proto.data_type, value.shape)
            (self.constants if constant else self.data).append(proto)
            if not constant:
                self.inputs.append(info)
        outputs = [f"y{k}_{i}" for i in range(n_outputs)]
        node = helper.make_node(op, names, outputs, name=f"{op}_{k}", domain=domain, **attributes)
        if want is None:
            infos = [helper.make_tensor_value_info(n, proto_of(v, n).data_type, v.shape) for n, v in feeds.items()]
            graph = helper.make_graph([node], "one", infos, [helper.make_empty_tensor_value_info(o) for o in outputs])
            want = ReferenceEvaluator(helper.make_model(graph, opset_imports=self.imports(), ir_version=10)).run(None, feeds)
        self.nodes.append(node)
        for name, value in zip(outputs, want):
            value = np.asarray(value)
            if value.dtype.kind in "US":
                value = value.astype(object)
            proto = proto_of(value, name)
            self.data.append(proto)
            self.outputs.append(helper.make_tensor_value_info(name, proto.data_type, value.shape))

    def write(self, folder):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.constants)
        model = helper.make_model(graph, opset_imports=self.imports(), ir_version=8)
        (folder / f"{self.name}.onnx").write_bytes(model.SerializeToString())
        data = helper.make_model(helper.make_graph([], "data", [], [], self.data), ir_version=8)
        (folder / f"{self.name}.data").write_bytes(data.SerializeToString())


def axes(*values):
    return np.array(values, dtype=np.int64)


# ---- Families ----


def unary():
    f = Family("unary")
    for t in NUMBERS:
        f.add("Abs", some(t, 3, 5))
        f.add("Sign", some(t, 7))
    for t in REALS + SIGNED:
        f.add("Neg", some(t, 4))
        f.add("Relu", some(t, 2, 2))
    for t in SIGNED + UNSIGNED:
        f.add("BitwiseNot", some(t, 5))
    for t in REALS:
        f.add("IsNaN", np.array([0, np.nan, np.inf, 2], dtype=dtype_of(t)))
    f.add("IsInf", np.float32([1, np.inf, -np.inf, np.nan]))
    f.add("IsInf", np.float32([1, np.inf, -np.inf, np.nan]), detect_negative=0)
    f.add("IsInf", np.float64([1, np.inf, -np.inf, np.nan]), detect_positive=0)
    f.add("Not", some("bool", 6))
    x = np.float32([-30, -2, -0.5, -0.0, 0, 0.25, 0.5, 1, 7, 30])
    for op in ("Sqrt", "Exp", "Sigmoid", "Tanh", "Softplus", "Softsign", "HardSigmoid", "HardSwish", "Mish", "Erf", "Floor", "Ceil", "Round",
               "Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh", "Elu", "Selu", "Celu", "LeakyRelu", "ThresholdedRelu", "Swish", "Gelu"):
        with np.errstate(all="ignore"):
            f.add(op, np.abs(x) if op == "Sqrt" else x / 4 if op in ("Exp", "Sinh", "Cosh") else x)
    f.add("Gelu", x, approximate="tanh")
    f.add("Log", np.abs(x) + 1)
    f.add("Reciprocal", x + np.float32(0.125))
    for op in ("Asin", "Acos", "Atanh"):
        f.add(op, np.float32([-0.75, 0, 0.5]))
    f.add("Acosh", np.float32([1, 1.5, 9]))
    f.add("Relu", np.float32([np.nan, -1, 1]))
    for t in ("float32", "float64", "int32", "int8"):
        f.add("Shrink", np.array([-6, -1, 0, 1, 6], dtype=t), lambd=1.5, bias=1.0)
    for shape in ((), (0,), (2, 0, 3), (1, 1, 1, 1, 1, 1, 1, 2), (300,)):
        f.add("Abs", some("float32", *shape))
    return f


def binary():
    f = Family("binary")
    shapes = [((2, 3), (2, 3)), ((2, 3), ()), ((), (2, 1)), ((2, 1), (1, 3)), ((3,), (2, 1, 3)), ((0, 3), (1, 3)), ((2, 1, 3, 1), (4, 1, 2)), ((150, 2), (150, 1))]
    for op in ("Add", "Sub", "Mul"):
        for t in NUMBERS:
            f.add(op, some(t, 2, 3), some(t, 3))
    for a, b in shapes:
        f.add("Sub", some("float32", *a), some("float32", *b))
    for t in NUMBERS:
        b = some(t, 4)
        b[b == 0] = 3
        a = some(t, 4)
        f.add("Div", a, b) if t in REALS + UNSIGNED else f.add("Div", a, b, want=[np.trunc(a.astype(float) / b).astype(a.dtype)])
        if t not in REALS:
            f.add("Mod", a, b)
            f.add("Mod", a, b, fmod=1, want=[np.fmod(a, b)])
        else:
            f.add("Mod", a, b, fmod=1)
        for op in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"):
            f.add(op, a, np.where(rng.random(4) < 0.4, a, b).astype(a.dtype))
    f.add("Div", np.int32([-8, 5]), np.int32([-1, -1]))
    f.add("Mod", np.int32([-8, 5]), np.int32([-1, -1]))
    f.add("Equal", some("bool", 5), some("bool", 5))
    f.add("Equal", some("str", 6), some("str", 6))
    f.add("Equal", some("str", 3, 1), some("str", 2))
    for op in ("And", "Or", "Xor"):
        f.add(op, some("bool", 2, 2), some("bool", 2))
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        for t in SIGNED + UNSIGNED:
            f.add(op, some(t, 5), some(t, 5))
    for t in UNSIGNED:
        for way in ("LEFT", "RIGHT"):
            f.add("BitShift", some(t, 3), np.array([0, 1, 2], dtype=t), direction=way)
    f.add("BitShift", np.uint64([7]), np.uint64([64]), direction="LEFT", want=[np.uint64([0])])
    for a in ("float32", "float64", "int32", "int64", "uint8", "float16"):
        for b in ("float32", "int32", "uint8", "float64"):
            x, y = np.array([1, 2, 3, 0], dtype=a), np.array([2, 3, 0, 1], dtype=b)
            f.add("Pow", x, y, want=[np.power(x.astype(float), y.astype(float)).astype(a)])
    f.add("Pow", np.int64([1, -1, -1, 3, -2]), np.int64([-5, -3, -4, -1, 3]), want=[np.int64([1, -1, 1, 0, -8])])
    for t in REALS + SIGNED:
        f.add("PRelu", some(t, 2, 3), some(t, 3))
    f.add("StringConcat", some("str", 2, 1), some("str", 3))
    f.add("StringConcat", some("str", 0), some("str", 1))
    return f


def variadic():
    f = Family("variadic")
    for t in REALS:
        f.add("Sum", some(t, 2, 3), some(t, 3), some(t, 2, 1))
        f.add("Mean", some(t, 4), some(t, 4), want=None)
    for t in NUMBERS:
        f.add("Max", some(t, 2, 3), some(t, 3))
        f.add("Min", some(t, 5), some(t, 5), some(t, 1))
    f.add("Max", np.float32([1, np.nan, 2]), np.float32([np.nan, 1, 3]))
    f.add("Min", np.float32([1, np.nan, 2]), np.float32([np.nan, 1, 3]))
    f.add("Sum", some("float32", 0, 2), some("float32", 2))
    f.add("Sum", some("float32", 3))
    return f


def reduce():
    f = Family("reduce")
    plans = [(None, {}), (axes(0), {}), (axes(-1), dict(keepdims=0)), (axes(0, 2), dict(keepdims=0)), (axes(1), dict(keepdims=1))]
    def truth(op, x, dims, keep):
        dims = tuple(int(d) for d in dims) if dims is not None else None
        v = x.astype(np.float64) if x.dtype.kind not in "iu" else x.astype(object)
        base = op[6:]
        with np.errstate(all="ignore"):
            full = {"Sum": lambda: v.sum(dims, keepdims=keep), "Prod": lambda: v.prod(dims, keepdims=keep), "Max": lambda: x.max(dims, keepdims=keep),
                    "Min": lambda: x.min(dims, keepdims=keep), "L1": lambda: abs(v).sum(dims, keepdims=keep), "SumSquare": lambda: (v * v).sum(dims, keepdims=keep),
                    "L2": lambda: np.sqrt((v * v).sum(dims, keepdims=keep).astype(float)), "LogSum": lambda: np.log(v.sum(dims, keepdims=keep).astype(float)),
                    "LogSumExp": lambda: np.log(np.exp(v.astype(float)).sum(dims, keepdims=keep)), "Mean": lambda: np.trunc(v.astype(float).mean(dims, keepdims=keep)) if x.dtype.kind in "iu" else v.mean(dims, keepdims=keep)}[base]()
        return np.asarray(full).astype(x.dtype)
    for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"):
        for t in NUMBERS:
            x = np.abs(some(t, 2, 3, 2, low=1, high=3)) + np.array(1, dtype=dtype_of(t))
            x = x.astype(dtype_of(t))
            f.add(op, x, axes(1), want=[truth(op, x, (1,), True)])
        for dims, more in plans:
            x = some("float32", 2, 3, 2, low=1, high=5) + np.float32(1)
            values = [x] if dims is None else [x, dims]
            f.add(op, *values, want=[truth(op, x, dims, bool(more.get("keepdims", 1)))], **more)
    for op in ("ReduceL1", "ReduceMax", "ReduceMin", "ReduceSum"):
        f.add(op, np.int32([[-3, 2], [4, -5]]), axes(0))
    f.add("ReduceMax", some("bool", 3, 2), axes(0))
    f.add("ReduceMin", some("bool", 3, 2), axes(0))
    f.add("ReduceSum", some("float32", 2, 3), axes(), noop_with_empty_axes=1)
    f.add("ReduceSum", some("float32", 2, 3), axes())
    f.add("ReduceSum", some("float32", 2, 300), axes(1))
    f.add("ReduceSum", some("float32", 2, 0), axes(1))
    f.add("ReduceMax", some("float32", 0, 2), axes(1))
    f.add("ReduceMean", some("float32"), want=None)
    f.add("ReduceLogSumExp", np.float32([[np.inf, 1], [-np.inf, -np.inf], [np.nan, 2]]), axes(1), want=[np.float32([[np.inf], [-np.inf], [np.nan]])])
    for op, empty in (("ReduceMax", np.int8([-128, -128])), ("ReduceMin", np.int8([127, 127])), ("ReduceProd", np.int8([1, 1])), ("ReduceMean", np.int8([0, 0]))):
        f.add(op, np.zeros((2, 0), np.int8), axes(1), keepdims=0, want=[empty])
    f.add("ReduceMax", np.zeros((1, 0), np.uint64), axes(1), keepdims=0, want=[np.uint64([0])])
    f.add("ReduceMin", np.zeros((1, 0), np.float32), axes(1), keepdims=0, want=[np.float32([np.inf])])
    return f


def reduce_old():
    f = Family("reduce_old", opset=11, ml=1)
    f.add("ReduceSum", some("float32", 2, 3, 2), axes=[0, -1])
    f.add("ReduceMean", some("float32", 2, 3), keepdims=0)
    return f


def move():
    f = Family("move")
    for t in ANY:
        x = some(t, 2, 3, 2)
        f.add("Transpose", x)
        f.add("Transpose", x, perm=[1, 2, 0])
        f.add("Expand", some(t, 3, 1), axes(2, 1, 4))
        f.add("Tile", some(t, 2, 3), axes(2, 2))
        f.add("Slice", x, axes(0, 2), axes(2, -9), axes(0, 1), axes(1, -1))
        f.add("Slice", x, axes(1), axes(3))
        f.add("Concat", x, some(t, 2, 1, 2), axis=1)
        f.add("Split", x, axes(1, 2), axis=1, n_outputs=2)
        f.add("Reshape", x, axes(0, -1))
        f.add("Flatten", x)
        f.add("Squeeze", some(t, 1, 3, 1))
        f.add("Squeeze", some(t, 1, 3, 1), axes(-1))
        f.add("Unsqueeze", x, axes(0, -1))
        f.add("Identity", x)
        f.add("Shape", x)
        f.add("Size", x)
        f.add("Pad", some(t, 2, 3), axes(1, 0, 0, 2), some(t), want=None)
        for mode in ("edge", "reflect", "wrap"):
            f.add("Pad", some(t, 2, 3), axes(0, 1, 1, 1), mode=mode)
    f.add("Transpose", some("float32"))
    f.add("Tile", some("float32", 2, 0), axes(2, 2))
    f.add("Tile", some("float32", 2, 3), axes(0, 2))
    f.add("Expand", some("float32", 2, 1), axes(1, 0))
    for start, end, step in ((0, 99, 2), (-99, 2, 1), (9, -99, -3), (3, 1, 1), (1, 3, -1), (-1, -4, -1)):
        f.add("Slice", some("int32", 5), axes(start), axes(end), axes(0), axes(step))
    f.add("Slice", some("int32", 5), axes(0), axes(5), axes(0), axes(2**62))
    f.add("Slice", some("int32", 5), np.int32([1]), np.int32([3]), np.int32([0]))
    f.add("Split", some("float32", 7), axis=0, n_outputs=3, num_outputs=3)
    f.add("Reshape", some("float32", 2, 3), axes(3, 2))
    f.add("Reshape", some("float32", 0, 3), axes(3, -1))
    f.add("Reshape", some("float32", 0, 3), axes(3, 0), allowzero=1)
    f.add("Flatten", some("float32", 2, 3), axis=2)
    f.add("Flatten", some("float32", 2, 3), axis=0)
    f.add("Flatten", some("float32", 2, 3, 4), axis=-1)
    f.add("Flatten", some("float32"), axis=0)
    f.add("Shape", some("float32", 2, 3, 4), start=-2)
    f.add("Shape", some("float32", 2, 3, 4), start=1, end=-1)
    f.add("Shape", some("float32", 2, 3), start=2, end=1)
    f.add("Shape", some("float32", 2, 3), start=-9, end=9)
    f.add("Pad", some("float32", 3), axes(2, 4), mode="reflect", want=None)
    f.add("Pad", some("float32", 1), axes(2, 1), mode="wrap")
    f.add("Pad", np.float32([1, 2, 3, 4]), axes(-1, -2), want=[np.float32([2])])
    f.add("Pad", some("float32", 2, 2), axes(1, 1), np.float32(5), axes(-1))
    f.add("Pad", np.zeros((0, 2), np.float32), axes(1, 0, 0, 0), np.float32(5), want=[np.full((1, 2), 5, np.float32)])
    f.add("Dropout", some("float32", 3), n_outputs=2)
    f.add("Dropout", some("float32", 3), np.float32(0.5), np.bool_(False), n_outputs=1)
    return f


def move_old():
    f = Family("move_old", opset=6, ml=1)
    x = some("float32", 4, 5)
    f.add("Slice", x, starts=[1, -3], ends=[3, 5], axes=[0, 1], want=[x[1:3, -3:5]])
    f.add("Slice", x, starts=[1], ends=[3], want=[x[1:3]])
    f.add("Split", x, axis=1, split=[2, 3], n_outputs=2, want=[x[:, :2], x[:, 2:]])
    f.add("Squeeze", x[:, :1], axes=[1], want=[x[:, 0]])
    f.add("Unsqueeze", x, axes=[0], want=[x[None]])
    f.add("Pad", x, pads=[0, 1, 1, 0], value=2.5, want=[np.pad(x, ((0, 1), (1, 0)), constant_values=2.5)])
    f.add("Dropout", x, is_test=1, n_outputs=2, want=[x, np.ones_like(x)])
    f.add("Softmax", x, axis=2, want=[np.ones_like(x)])
    e = np.exp(x - x.max(1, keepdims=True))
    f.add("Softmax", x, want=[e / e.sum(1, keepdims=True)])
    f.add("TopK", x, axis=1, k=2, n_outputs=2, want=[-np.sort(-x, 1)[:, :2], np.argsort(-x, 1, kind="stable")[:, :2]])
    f.add("Clip", x, min=-1.0, max=2.0, want=[np.clip(x, -1, 2)])
    y = some("float32", 4)
    f.add("Add", x, y, broadcast=1, axis=0, want=[x + y[:, None]])
    f.add("Add", x, some("float32", 5) * 0, broadcast=1, want=[x])
    f.add("Mul", x, np.float32(2), broadcast=1, want=[x * 2])
    return f


def gather():
    f = Family("gather")
    for t in ANY:
        x = some(t, 3, 4)
        f.add("Gather", x, axes(2, -3, 0))
        f.add("Gather", x, np.int32([[1], [-1]]), axis=1)
        f.add("GatherElements", x, np.int64([[0, -1], [1, 2]]), axis=1, want=[np.array([[x[0, 0], x[0, -1]], [x[1, 1], x[1, 2]]], dtype=x.dtype)])
        f.add("GatherND", x, np.int64([[0, 1], [-1, -1]]))
        f.add("Compress", x, np.array([True, False, True]), axis=0)
        f.add("Compress", x, np.array([False, True, True]))
        updates, want = some(t, 2, 2), x.copy()
        want[0, 0], want[0, -1], want[1, 1], want[1, 2] = updates.reshape(-1)
        f.add("ScatterElements", x, np.int64([[0, -1], [1, 2]]), updates, axis=1, want=[want])
        f.add("ScatterND", x, np.int64([[0], [-1]]), some(t, 2, 4))
        f.add("ArrayFeatureExtractor", x, axes(2, 0), domain=ML, want=[x[:, [2, 0]]])
        f.add("Where", some("bool", 3, 1), x, some(t, 4))
        f.add("NonZero", x if t != "str" else some("bool", 2, 2))
    for t in NUMBERS:
        for how in ("add", "mul", "max", "min"):
            x, up = some(t, 4), some(t, 4)
            at = np.int64([0, 1, 3, 2])
            want = x.copy()
            want[at] = {"add": x[at] + up, "mul": x[at] * up, "max": np.maximum(x[at], up), "min": np.minimum(x[at], up)}[how]
            f.add("ScatterElements", x, at, up, reduction=how, want=[want])
            f.add("ScatterND", x, at[:, None], up, reduction=how, want=[want])
    nan = np.float32([np.nan, 1, 2])
    f.add("ScatterElements", nan, axes(0, 1, 2), np.float32([1, 5, 0]), reduction="max", want=[np.float32([np.nan, 5, 2])])
    f.add("ScatterElements", nan, axes(0, 1, 2), np.float32([1, 5, 0]), reduction="min", want=[np.float32([np.nan, 1, 0])])
    f.add("NonZero", np.array(["", "x", "yy"], dtype=object), want=[np.int64([[1, 2]])])
    f.add("Gather", some("float32", 3, 0), axes(1))
    f.add("Gather", some("float32", 3), np.int64(1))
    f.add("GatherND", some("float32", 2, 3, 2), np.int64([[1], [0]]), batch_dims=1)
    f.add("GatherND", some("float32", 2, 0), np.int64([[1], [0]]), want=[np.zeros((2, 0), np.float32)])
    f.add("ScatterND", some("float32", 3), np.zeros((0, 1), np.int64), np.zeros((0,), np.float32))
    f.add("ArrayFeatureExtractor", np.float32([5, 6, 7]), axes(2, 1), domain=ML, want=[np.float32([[7, 6]])])
    return f


def matrices():
    f = Family("matrices")
    for t in NUMBERS:
        a, b, c = some(t, 3, 4, low=-3, high=4), some(t, 4, 10, low=-3, high=4), some(t, 10, low=-3, high=4)
        product = (a.astype(np.float64) @ b.astype(np.float64))
        wide = product.astype(np.int64).astype(a.dtype) if t not in REALS else product.astype(a.dtype)
        f.add("MatMul", a, b, want=[wide])
        f.add("MatMul", a, (b, "const"), want=[wide])
        for trans in (0, 1):
            left, right = (a.T.copy(), b.T.copy()) if trans else (a, b)
            total = product + c.astype(np.float64)
            total = total.astype(np.int64).astype(a.dtype) if t not in REALS else total.astype(a.dtype)
            f.add("Gemm", left, right, c, transA=trans, transB=trans, want=[total])
            f.add("Gemm", left, (right, "const"), c, transA=trans, transB=trans, want=[total])
        f.add("Gemm", a, b, want=[wide])
    f.add("Gemm", some("float32", 2, 3), some("float32", 3, 2), some("float32", 2, 1), alpha=0.5, beta=2.0)
    f.add("Gemm", some("float32", 2, 3), some("float32", 3, 2), some("float32"), beta=0.0)
    f.add("Gemm", some("float32", 2, 3), some("float32", 3, 200), some("float32", 2, 200))
    f.add("Gemm", some("float32", 0, 3), some("float32", 3, 2), some("float32", 2))
    for a, b in (((4,), (4,)), ((4,), (4, 2)), ((2, 4), (4,)), ((2, 1, 3, 4), (5, 4, 2)), ((3, 2, 4), (4, 3)), ((2, 0), (0, 3)), ((0, 2), (2, 3)), ((2, 2, 4), (2, 4, 9))):
        f.add("MatMul", some("float32", *a), some("float32", *b))
    shared = (some("float32", 4, 2), "const")
    f.add("MatMul", some("float32", 3, 4), shared)
    return f


def select():
    f = Family("select")
    for t in NUMBERS:
        x = some(t, 3, 4)
        f.add("Clip", x, np.array(1, dtype=dtype_of(t)), np.array(3, dtype=dtype_of(t)))
        f.add("Clip", x, None, np.array(2, dtype=dtype_of(t)))
        f.add("Clip", x, np.array(1, dtype=dtype_of(t)))
        for op in ("ArgMax", "ArgMin"):
            f.add(op, x, axis=1)
            f.add(op, x, axis=-2, keepdims=0, select_last_index=1)
        for largest in (0, 1):
            order = np.argsort((-1 if largest else 1) * x.astype(np.float64), axis=1, kind="stable")[:, :2]
            f.add("TopK", x, axes(2), axis=1, largest=largest, n_outputs=2, want=[np.take_along_axis(x, order, 1), order])
    f.add("ArgMax", np.float32([[1, np.nan, 3, np.nan]]), axis=1, want=[np.int64([[1]])])
    f.add("ArgMax", np.zeros((0, 3), np.float32), axis=1, keepdims=0, want=[np.zeros((0,), np.int64)])
    x = some("float32", 4, 3, 2)
    order = np.argsort(-x, axis=0, kind="stable")[:3]
    f.add("TopK", x, axes(3), axis=0, n_outputs=2, want=[np.take_along_axis(x, order, 0), order])
    f.add("TopK", some("float32", 2, 3), axes(0), n_outputs=2, want=[np.zeros((2, 0), np.float32), np.zeros((2, 0), np.int64)])
    f.add("TopK", np.float32([1, np.nan, 3]), axes(2), n_outputs=2, want=[np.float32([np.nan, 3]), axes(1, 2)])
    f.add("Where", some("bool", 2, 1, 2), some("float32", 3, 1), some("float32"))
    f.add("Where", some("bool", 0, 2), some("float32", 2), some("float32", 1))
    return f


def make():
    f = Family("make")
    for t in NUMBERS + ["bool"]:
        f.add("ConstantOfShape", axes(2, 3), value=numpy_helper.from_array(np.array([1], dtype=dtype_of(t))), want=[np.full((2, 3), 1, dtype_of(t))])
        f.add("EyeLike", some(t, 2, 3), k=1, want=[np.eye(2, 3, 1).astype(dtype_of(t))])
        f.add("Trilu", some(t, 3, 4), want=None)
    f.add("ConstantOfShape", axes(2))
    f.add("ConstantOfShape", axes())
    f.add("ConstantOfShape", axes(2, 0))
    f.add("EyeLike", some("float32", 3, 2), dtype=TensorProto.INT64, k=-1)
    f.add("EyeLike", some("float32", 3, 2), k=2**40, want=[np.zeros((3, 2), np.float32)])
    f.add("EyeLike", some("float32", 3, 2), k=-(2**40), want=[np.zeros((3, 2), np.float32)])
    f.add("EyeLike", some("float32", 3, 2), k=2**63 - 1, want=[np.zeros((3, 2), np.float32)])
    f.add("EyeLike", some("float32", 3, 0), want=[np.zeros((3, 0), np.float32)])
    f.add("Trilu", some("float32", 2, 3, 3), np.int64(-1), upper=0)
    f.add("Trilu", some("float32", 3, 3), np.int64(1))
    for t in REALS + SIGNED:
        def scalar(v):
            return np.array(v, dtype=dtype_of(t))
        f.add("Range", scalar(1), scalar(8), scalar(2), want=[np.arange(1, 8, 2).astype(dtype_of(t))])
        f.add("Range", scalar(8), scalar(1), scalar(-3), want=[np.arange(8, 1, -3).astype(dtype_of(t))])
        f.add("Range", scalar(8), scalar(1), scalar(3), want=[np.zeros(0, dtype_of(t))])
        f.add("Range", scalar(1), scalar(8), scalar(-3), want=[np.zeros(0, dtype_of(t))])
    for t in NUMBERS:
        f.add("OneHot", np.array([0, 2, 1], dtype=dtype_of(t)), np.int64(3), some("float32", 2), want=None)
        x = some(t, 3, 4)
        for more in ({}, dict(exclusive=1), dict(reverse=1), dict(exclusive=1, reverse=1)):
            y = x[:, ::-1] if more.get("reverse") else x
            total = np.cumsum(y.astype(np.float64 if t in REALS else np.int64), axis=1)
            if more.get("exclusive"):
                total = total - y.astype(total.dtype)
            total = total[:, ::-1] if more.get("reverse") else total
            f.add("CumSum", x, np.int32(1), want=[total.astype(dtype_of(t))], **more)
    f.add("CumSum", some("float32", 2, 0), np.int64(0))
    f.add("CumSum", some("float32", 2, 3), np.int64(-2))
    f.add("OneHot", np.int64([[0, -1], [5, -7]]), np.float32(3), np.array(["no", "yes"], dtype=object), axis=1,
          want=[np.array([[["yes", "no"], ["no", "no"], ["no", "yes"]], [["no", "no"]] * 3], dtype=object)])
    f.add("OneHot", np.int64([1]), np.int64([0]), np.float32([0, 1]), want=[np.zeros((1, 0), np.float32)])
    return f


def cast():
    f = Family("cast")
    values = {t: np.array([0, 1, 2, 100], dtype=dtype_of(t)) for t in NUMBERS}
    values["bool"] = np.array([False, True, True, False])
    for a, x in values.items():
        for b in list(NUMBERS) + ["bool"]:
            to = helper.np_dtype_to_tensor_dtype(dtype_of(b))
            f.add("Cast", x, to=to, want=[x.astype(np.float64).astype(dtype_of(b))])
        f.add("CastLike", x, np.float32(0), want=[x.astype(np.float32)])
        if a in REALS:
            f.add("Cast", x, to=TensorProto.STRING, want=[np.array(["0", "1", "2", "100"], dtype=object)])
        else:
            f.add("Cast", x, to=TensorProto.STRING, want=[np.array([str(int(v)) for v in x], dtype=object)])
    f.add("Cast", np.float32([np.nan, np.inf, -np.inf, 0.1, 1e-7, 16777217]), to=TensorProto.STRING,
          want=[np.array(["NaN", "INF", "-INF", "0.1", "1e-07", "16777216"], dtype=object)])
    f.add("Cast", np.float64([0.1, 1 / 3]), to=TensorProto.STRING, want=[np.array(["0.1", "0.3333333333333333"], dtype=object)])
    f.add("Cast", np.uint64([2**64 - 1]), to=TensorProto.STRING, want=[np.array(["18446744073709551615"], dtype=object)])
    texts = np.array(["1", " +2\t", "-3.75", "1e2"], dtype=object)
    for t in REALS:
        f.add("Cast", texts, to=helper.np_dtype_to_tensor_dtype(dtype_of(t)), want=[np.array([1, 2, -3.75, 100], dtype=dtype_of(t))])
    for t in SIGNED:
        f.add("Cast", texts, to=helper.np_dtype_to_tensor_dtype(dtype_of(t)), want=[np.array([1, 2, -3, 100], dtype=t)])
    f.add("Cast", np.array(["NaN", "INF", "-INF"], dtype=object), to=TensorProto.FLOAT, want=[np.float32([np.nan, np.inf, -np.inf])])
    edge = np.float64([-1e30, 1e30, np.nan, -0.5])
    for t in SIGNED + UNSIGNED:
        info = np.iinfo(t)
        f.add("Cast", edge, to=helper.np_dtype_to_tensor_dtype(np.dtype(t)), want=[np.array([info.min, info.max, 0, 0], dtype=t)])
    f.add("Cast", np.float32([np.nan, 0, 2]), to=TensorProto.BOOL, want=[np.array([True, False, True])])
    halves = np.float64([65504, 65519, 65520, 1e9, -1e9, 6e-8, 1e-9, -0.0, 2.0**-14, 1.0009765625, np.nan, np.inf, 1 + 2**-11, 1 + 3 * 2**-11])
    f.add("Cast", halves, to=TensorProto.FLOAT16, want=[halves.astype(np.float16)])
    f.add("Cast", halves.astype(np.float16), to=TensorProto.DOUBLE, want=[halves.astype(np.float16).astype(np.float64)])
    f.add("Cast", halves.astype(np.float32), to=TensorProto.BFLOAT16, want=[halves.astype(np.float32).astype(ml_dtypes.bfloat16)])
    f.add("Cast", np.zeros((0, 2), np.float32), to=TensorProto.STRING, want=[np.zeros((0, 2), dtype=object)])
    return f


def normal():
    f = Family("normal")
    for t in REALS:
        x = some(t, 3, 4)
        for op in ("Softmax", "LogSoftmax", "Hardmax"):
            v = x.astype(np.float64)
            e = np.exp(v - v.max(1, keepdims=True))
            soft = e / e.sum(1, keepdims=True)
            hard = np.zeros_like(v)
            hard[np.arange(3), v.argmax(1)] = 1
            f.add(op, x, want=[{"Softmax": soft, "LogSoftmax": np.log(soft), "Hardmax": hard}[op].astype(x.dtype)])
        s, b = some(t, 4), some(t, 4)
        v = x.astype(np.float64)
        centred = (v - v.mean(1, keepdims=True)) / np.sqrt(v.var(1, keepdims=True) + 1e-5)
        mean, inverse = v.mean(1, keepdims=True), 1 / np.sqrt(v.var(1, keepdims=True) + 1e-5)
        f.add("LayerNormalization", x, s, b, n_outputs=3, want=[(centred * s.astype(float) + b.astype(float)).astype(x.dtype), mean.astype(np.float32), inverse.astype(np.float32)])
        f.add("LayerNormalization", x, s, want=[(centred * s.astype(float)).astype(x.dtype)])
        rms = v / np.sqrt((v * v).mean(1, keepdims=True) + 1e-5)
        f.add("RMSNormalization", x, s, want=[(rms * s.astype(float)).astype(x.dtype)])
        size = np.sqrt((v * v).sum(0, keepdims=True))
        f.add("LpNormalization", x, axis=0, want=[(v / np.where(size == 0, 1, size)).astype(x.dtype)])
        size = np.abs(v).sum(1, keepdims=True)
        f.add("LpNormalization", x, p=1, want=[(v / np.where(size == 0, 1, size)).astype(x.dtype)])
        x = some(t, 2, 3, 2)
        p = [np.abs(some(t, 3)) + np.array(1, dtype=dtype_of(t)) for _ in range(4)]
        w = [q.astype(float)[None, :, None] for q in p]
        f.add("BatchNormalization", x, *p, want=[((x.astype(float) - w[2]) / np.sqrt(w[3] + 1e-5) * w[0] + w[1]).astype(x.dtype)])
    f.add("Softmax", some("float32", 2, 3, 2), axis=1)
    f.add("Softmax", some("float32", 2, 0), axis=1, want=[np.zeros((2, 0), np.float32)])
    f.add("Softmax", np.float32([[np.nan, 1]]), want=[np.float32([[np.nan, np.nan]])])
    f.add("LpNormalization", np.zeros((1, 3), np.float32))
    one = np.float32([2])
    f.add("BatchNormalization", np.float32([3, 4]), one, one, one, one, want=[((np.float64([3, 4]) - 2) / np.sqrt(2 + 1e-5) * 2 + 2).astype(np.float32)])
    f.add("BatchNormalization", some("float32", 0, 1), one, one, one, one, want=[np.zeros((0, 1), np.float32)])
    f.add("LayerNormalization", np.zeros((0, 3), np.float32), np.ones(3, np.float32), want=[np.zeros((0, 3), np.float32)])
    return f


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "operators")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    n = 0
    for family in (unary, binary, variadic, reduce, reduce_old, move, move_old, gather, matrices, select, make, cast, normal):
        f = family()
        f.write(folder)
        n += len(f.nodes)
    print(f"{n} nodes, {sum(p.stat().st_size for p in folder.iterdir())} bytes in {folder}")


main()
