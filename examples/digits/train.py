#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the three models of the quickstart on scikit-learn's handwritten digits and writes them as small ONNX files.

    python3 -m venv venv && venv/bin/pip install scikit-learn skl2onnx && venv/bin/python train.py

  digits-1.onnx  an honest first try: logistic regression on 240 of the rows
  digits-2.onnx  truly better: scaled pixels into a small neural network
  digits-3.onnx  silently worse: the network of version 2, exported by a pipeline that lost the scaling of two pixels in
                 three. It answers as fast, raises no error and looks alike from outside
  traffic.csv    the part of the data no model was trained on: 64 pixels and the true digit a row

All seeds are fixed, so a second run writes models with the same answers.
"""
import pathlib

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

HERE = pathlib.Path(__file__).parent
SEED = 20260301


def export(model, name):
    onnx = to_onnx(model, np.zeros((1, 64), np.float32), options={"zipmap": False}, target_opset=17)
    (HERE / name).write_bytes(onnx.SerializeToString())


def broken_scaler(scaler):
    """The bug of version 3: a scaler that leaves some columns as they came."""
    broken = StandardScaler().fit(np.zeros((2, 64)))
    kept = np.arange(64) % 3 == 0
    broken.mean_ = np.where(kept, scaler.mean_, 0.0)
    broken.scale_ = np.where(kept, scaler.scale_, 4.0)
    broken.var_ = broken.scale_**2
    return broken


def main():
    pixels, digit = load_digits(return_X_y=True)
    train_x, hold_x, train_y, hold_y = train_test_split(pixels, digit, test_size=600, random_state=SEED, stratify=digit)

    few = np.random.default_rng(SEED).choice(len(train_x), 240, replace=False)
    first = LogisticRegression(C=0.002, max_iter=2000).fit(train_x[few], train_y[few])
    second = make_pipeline(StandardScaler(), MLPClassifier((48,), max_iter=600, alpha=0.3, random_state=SEED)).fit(train_x, train_y)
    third = make_pipeline(broken_scaler(second[0]), second[1])

    for number, model in enumerate((first, second, third), 1):
        export(model, f"digits-{number}.onnx")
        print(f"digits-{number}.onnx  accuracy on held-back data {model.score(hold_x, hold_y):.3f}")
    rows = np.column_stack([hold_x.astype(int), hold_y])
    header = ",".join([f"p{i}" for i in range(64)] + ["digit"])
    np.savetxt(HERE / "traffic.csv", rows, fmt="%d", delimiter=",", header=header, comments="")


if __name__ == "__main__":
    main()
