# SPDX-License-Identifier: Apache-2.0
# Writes the models of the endpoint's tests: version k of a model that answers k + (sum of the row's two features).
# Needs onnx (tests/requirements.txt).  Usage: make_models.py DIR
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def model(k):
    weights = numpy_helper.from_array(np.ones((2, 1), np.float32), "w")
    bias = numpy_helper.from_array(np.array([k], np.float32), "b")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["s"]), helper.make_node("Add", ["s", "b"], ["y"])],
        f"answers-{k}",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [weights, bias],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="")
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made.SerializeToString()


directory = pathlib.Path(sys.argv[1])
for k in range(1, 5):
    (directory / f"answers_{k}.onnx").write_bytes(model(k))
