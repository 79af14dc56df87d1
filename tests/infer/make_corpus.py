#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of fuzz_onnx: one tiny model an operator. Run it again after adding one.

  python3 tests/infer/make_corpus.py [FOLDER]
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F32, I64, BOOL, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
X = [("X", F32, [2, 3])]
XY = [("X", F32, [2, 3]), ("Z", F32, [1, 3])]
INTS = [("X", I64, [2, 3]), ("Z", I64, [3])]
BOOLS = [("X", BOOL, [2, 3]), ("Z", BOOL, [2, 3])]


def ints(*values):
    return np.array(values, np.int64)


UNARY = """Abs Neg Relu Sign Sqrt Exp Log Sigmoid Tanh LeakyRelu Elu Selu Celu ThresholdedRelu Softplus Softsign HardSigmoid HardSwish Mish Gelu Erf Floor Ceil Round
Reciprocal Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Shrink IsNaN IsInf Softmax LogSoftmax Hardmax Identity Flatten Shape Size NonZero Transpose
ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp ArgMax ArgMin Dropout LpNormalization EyeLike Trilu""".split()
BINARY = "Add Sub Mul Div Mod Pow PRelu Equal Greater GreaterOrEqual Less LessOrEqual Sum Mean Max Min".split()

# (operator, inputs, constants by name, attributes, number of outputs, domain)
MORE = [
    ("Clip", X, {"lo": np.float32(-1), "hi": np.float32(1)}, {}, 1, ""), ("Where", [("C", BOOL, [2, 3])] + XY, {}, {}, 1, ""),
    ("Div", INTS, {}, {}, 1, ""), ("Mod", INTS, {}, {"fmod": 0}, 1, ""), ("BitShift", [("X", TensorProto.UINT8, [3]), ("Z", TensorProto.UINT8, [3])], {}, {"direction": "LEFT"}, 1, ""),
    ("And", BOOLS, {}, {}, 1, ""), ("Or", BOOLS, {}, {}, 1, ""), ("Xor", BOOLS, {}, {}, 1, ""), ("Not", BOOLS[:1], {}, {}, 1, ""),
    ("MatMul", X, {"W": np.ones((3, 2), np.float32)}, {}, 1, ""), ("MatMul", [("X", F32, [2, 2, 3]), ("Z", F32, [3, 2])], {}, {}, 1, ""),
    ("Gemm", X, {"W": np.ones((2, 3), np.float32), "B": np.ones(2, np.float32)}, {"transB": 1, "alpha": 0.5}, 1, ""),
    ("Reshape", X, {"s": ints(3, -1)}, {}, 1, ""), ("Squeeze", [("X", F32, [1, 3])], {"a": ints(0)}, {}, 1, ""), ("Unsqueeze", X, {"a": ints(0, -1)}, {}, 1, ""),
    ("Expand", X, {"s": ints(2, 2, 3)}, {}, 1, ""), ("Tile", X, {"r": ints(2, 1)}, {}, 1, ""), ("Slice", X, {"s": ints(0, -1), "e": ints(2, -9), "a": ints(0, 1), "t": ints(1, -1)}, {}, 1, ""),
    ("Concat", XY, {}, {"axis": 0}, 1, ""), ("Split", X, {"s": ints(1, 2)}, {"axis": 1}, 2, ""), ("Pad", X, {"p": ints(0, 1, 1, 2), "v": np.float32(7)}, {"mode": "constant"}, 1, ""),
    ("Pad", X, {"p": ints(1, 1, 1, 2)}, {"mode": "reflect"}, 1, ""), ("Gather", X, {"i": ints(0, -1)}, {"axis": 1}, 1, ""), ("GatherElements", X, {"i": ints(0, -1).reshape(1, 2)}, {"axis": 1}, 1, ""),
    ("GatherND", X, {"i": ints(0, 1).reshape(1, 2)}, {}, 1, ""), ("ScatterElements", X, {"i": ints(0, 1).reshape(1, 2), "u": np.ones((1, 2), np.float32)}, {"axis": 1, "reduction": "add"}, 1, ""),
    ("ScatterND", X, {"i": ints(1).reshape(1, 1), "u": np.ones((1, 3), np.float32)}, {"reduction": "max"}, 1, ""), ("Compress", X, {"c": np.array([True, False])}, {"axis": 1}, 1, ""),
    ("Cast", X, {}, {"to": I64}, 1, ""), ("Cast", X, {}, {"to": TEXT}, 1, ""), ("Cast", [("X", TEXT, [3])], {}, {"to": F32}, 1, ""), ("CastLike", X, {"l": np.float16(1)}, {}, 1, ""),
    ("TopK", X, {"k": ints(2)}, {"axis": 1, "largest": 0}, 2, ""), ("CumSum", X, {"a": ints(1)}, {"exclusive": 1, "reverse": 1}, 1, ""),
    ("Range", [("X", I64, [])], {"e": np.int64(5), "d": np.int64(2)}, {}, 1, ""), ("OneHot", [("X", I64, [3])], {"d": np.int64(4), "v": np.float32([0, 1])}, {"axis": 0}, 1, ""),
    ("ConstantOfShape", [], {"s": ints(2, 2)}, {"value": numpy_helper.from_array(np.float32([3]))}, 1, ""), ("StringConcat", [("X", TEXT, [2]), ("Z", TEXT, [1])], {}, {}, 1, ""),
    ("BatchNormalization", X, {k: np.ones(3, np.float32) for k in "sbmv"}, {}, 1, ""), ("LayerNormalization", X, {"s": np.ones(3, np.float32), "b": np.ones(3, np.float32)}, {}, 3, ""),
    ("Scaler", X, {}, {"offset": [1.0, 2.0, 3.0], "scale": [2.0]}, 1, "ai.onnx.ml"), ("Normalizer", X, {}, {"norm": "L2"}, 1, "ai.onnx.ml"), ("Binarizer", X, {}, {"threshold": 0.5}, 1, "ai.onnx.ml"),
    ("Imputer", X, {}, {"imputed_value_floats": [1.0], "replaced_value_float": float("nan")}, 1, "ai.onnx.ml"), ("FeatureVectorizer", XY[:1], {}, {"inputdimensions": [3]}, 1, "ai.onnx.ml"),
    ("OneHotEncoder", [("X", TEXT, [2, 1])], {}, {"cats_strings": ["a", "b"]}, 1, "ai.onnx.ml"), ("LabelEncoder", [("X", TEXT, [2])], {}, {"keys_strings": ["a", "b"], "values_int64s": [1, 2]}, 1, "ai.onnx.ml"),
    ("CategoryMapper", [("X", TEXT, [2])], {}, {"cats_strings": ["a", "b"], "cats_int64s": [1, 2]}, 1, "ai.onnx.ml"), ("ArrayFeatureExtractor", X, {"i": ints(2, 0)}, {}, 1, "ai.onnx.ml"),
    ("LinearClassifier", X, {}, {"coefficients": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "intercepts": [0.5, 0.5], "classlabels_ints": [0, 1], "post_transform": "SOFTMAX"}, 2, "ai.onnx.ml"),
    ("LinearRegressor", X, {}, {"coefficients": [1.0, 2.0, 3.0], "intercepts": [0.5]}, 1, "ai.onnx.ml"), ("ZipMap", [("X", F32, [2, 2])], {}, {"classlabels_strings": ["a", "b"]}, 1, "ai.onnx.ml"),
    ("SVMRegressor", X, {}, {"kernel_type": "RBF", "kernel_params": [0.5, 0.0, 3.0], "support_vectors": [1.0, 2.0, 3.0, 0.0, 1.0, 0.0], "coefficients": [1.0, -1.0], "rho": [0.1], "n_supports": 2}, 1, "ai.onnx.ml"),
    ("SVMClassifier", X, {}, {"kernel_type": "POLY", "kernel_params": [0.5, 1.0, 2.0], "support_vectors": [1.0, 2.0, 3.0, 0.0, 1.0, 0.0], "coefficients": [1.0, -1.0], "rho": [0.1], "vectors_per_class": [1, 1],
                             "classlabels_ints": [0, 1], "prob_a": [-1.0], "prob_b": [0.1]}, 2, "ai.onnx.ml"),
    ("TreeEnsembleRegressor", X, {}, dict(nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0], nodes_values=[0.5, 0.0, 0.0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0],
                                          nodes_falsenodeids=[2, 0, 0], target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[1.0, 2.0], n_targets=1, aggregate_function="AVERAGE"), 1, "ai.onnx.ml"),
    ("TreeEnsembleClassifier", X, {}, dict(nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0], nodes_values=[0.5, 0.0, 0.0], nodes_modes=["BRANCH_LT", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0],
                                           nodes_falsenodeids=[2, 0, 0], nodes_missing_value_tracks_true=[1, 0, 0], class_treeids=[0, 0], class_nodeids=[1, 2], class_ids=[0, 1], class_weights=[1.0, 2.0], classlabels_strings=["a", "b"]), 2, "ai.onnx.ml"),
    ("TreeEnsemble", X, {}, dict(nodes_featureids=[0, 1], nodes_splits=numpy_helper.from_array(np.float32([0.5, 0])), nodes_modes=numpy_helper.from_array(np.uint8([0, 6])), nodes_truenodeids=[1, 0], nodes_trueleafs=[0, 1],
                                 nodes_falsenodeids=[1, 2], nodes_falseleafs=[1, 1], leaf_targetids=[0, 0, 0], leaf_weights=numpy_helper.from_array(np.float32([1, 2, 3])), tree_roots=[0], n_targets=1,
                                 membership_values=numpy_helper.from_array(np.float32([1, 2, np.nan]))), 1, "ai.onnx.ml"),
]


def model_of(op, inputs, constants, attributes, n_outputs, domain):
    names = [n for n, _, _ in inputs] + list(constants)
    outputs = [f"Y{i}" for i in range(n_outputs)]
    node = helper.make_node(op, names, outputs, domain=domain, **attributes)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs], [helper.make_tensor_value_info(o, F32, None) for o in outputs],
                              [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()])
    imports = [helper.make_opsetid("", 24), helper.make_opsetid("ai.onnx.ml", 5 if op == "TreeEnsemble" else 3)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def map_model():
    """DictVectorizer and CastMap read maps."""
    value = helper.make_tensor_type_proto(F32, [])
    info = onnx.ValueInfoProto(name="X")
    info.type.map_type.key_type = I64
    info.type.map_type.value_type.CopyFrom(value)
    nodes = [helper.make_node("DictVectorizer", ["X"], ["A"], domain="ai.onnx.ml", int64_vocabulary=[3, 1]), helper.make_node("CastMap", ["X"], ["B"], domain="ai.onnx.ml", cast_to="TO_STRING", map_form="SPARSE", max_map=4)]
    graph = helper.make_graph(nodes, "g", [info], [helper.make_tensor_value_info("A", F32, None), helper.make_tensor_value_info("B", TEXT, None)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=8)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "fuzz/corpus/onnx")
    folder.mkdir(parents=True, exist_ok=True)
    plan = [(op, X, {}, {"lambd": 0.5} if op == "Shrink" else {}, 1, "") for op in UNARY] + [(op, XY, {}, {"fmod": 1} if op == "Mod" else {}, 1, "") for op in BINARY] + MORE
    for i, case in enumerate(plan):
        (folder / f"{case[0].lower()}_{i}").write_bytes(model_of(*case).SerializeToString())
    (folder / "maps").write_bytes(map_model().SerializeToString())
    print(f"{len(plan) + 1} seeds in {folder}")


main()
