# SPDX-License-Identifier: Apache-2.0
"""The models that inference is checked with: small ones of every kind, trained with fixed seeds and exported to ONNX.

cases(seed) yields (name, model, inputs), where inputs is a dict from input name to array. `write` stores one as a case in ONNX's own form
(model.onnx, test_data_set_0/input_K.pb, output_K.pb) with what onnxruntime answers.
"""
import pathlib
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import (AdaBoostClassifier, ExtraTreesRegressor, GradientBoostingClassifier, GradientBoostingRegressor,
                              HistGradientBoostingClassifier, HistGradientBoostingRegressor, IsolationForest, RandomForestClassifier,
                              RandomForestRegressor, VotingClassifier)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron, Ridge, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (Binarizer, KBinsDiscretizer, MaxAbsScaler, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder,
                                   PolynomialFeatures, RobustScaler, StandardScaler)
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.decomposition import PCA

# skl2onnx hands lists of bool to attributes of ints, which newer protobuf refuses.
_make_attribute = helper.make_attribute


def _plain_ints(key, value, *args, **kwargs):
    if isinstance(value, (list, tuple, np.ndarray)) and any(isinstance(v, (bool, np.bool_)) for v in value):
        value = [int(v) for v in value]
    return _make_attribute(key, value, *args, **kwargs)


helper.make_attribute = _plain_ints

OPSET = {"": 18, "ai.onnx.ml": 3}
N_ROWS = 24


def export(model, types, **options):
    """ONNX bytes of a scikit-learn model. Options are those of the last step."""
    chosen = {id(model): options} if options else None
    return convert_sklearn(model, initial_types=types, options=chosen, target_opset=OPSET)


def floats(x):
    return [("X", FloatTensorType([None, x.shape[1]]))]


def classifiers(rng):
    iris, cancer, digits = load_iris(return_X_y=True), load_breast_cancer(return_X_y=True), load_digits(return_X_y=True)
    three = (iris[0].astype(np.float32), iris[1])
    two = (cancer[0][:, :8].astype(np.float32), cancer[1])
    ten = (digits[0][:600].astype(np.float32), digits[1][:600])
    words = (three[0], np.array(["setosa", "versicolor", "virginica"])[three[1]])
    yes_no = (two[0], np.array(["no", "yes"])[two[1]])
    scale = StandardScaler
    plan = [
        ("logistic_3", make_pipeline(scale(), LogisticRegression()), three),
        ("logistic_2", make_pipeline(scale(), LogisticRegression()), two),
        ("logistic_words", make_pipeline(scale(), LogisticRegression()), words),
        ("logistic_ovr", OneVsRestClassifier(LogisticRegression(max_iter=500)), three),
        ("ridge_classifier", make_pipeline(scale(), RidgeClassifier()), three),
        ("sgd_log", make_pipeline(scale(), SGDClassifier(loss="log_loss", random_state=1)), three),
        ("perceptron", make_pipeline(scale(), Perceptron(random_state=1)), three),
        ("mlp_relu", make_pipeline(scale(), MLPClassifier((16, 8), max_iter=60, random_state=2)), ten),
        ("mlp_tanh_2", make_pipeline(scale(), MLPClassifier((6,), activation="tanh", max_iter=60, random_state=2)), two),
        ("mlp_logistic", make_pipeline(scale(), MLPClassifier((6,), activation="logistic", max_iter=60, random_state=2)), words),
        ("tree", DecisionTreeClassifier(max_depth=5, random_state=3), three),
        ("forest_10", RandomForestClassifier(8, max_depth=5, random_state=3), ten),
        ("forest_2", RandomForestClassifier(11, max_depth=4, random_state=3), two),
        ("forest_words", RandomForestClassifier(9, max_depth=4, random_state=3), words),
        ("gradient_3", GradientBoostingClassifier(n_estimators=8, max_depth=3, random_state=4), three),
        ("gradient_2", GradientBoostingClassifier(n_estimators=10, max_depth=3, random_state=4), two),
        ("hist_gradient_2", HistGradientBoostingClassifier(max_iter=8, max_depth=4, random_state=4), two),
        ("hist_gradient_3", HistGradientBoostingClassifier(max_iter=6, max_depth=3, random_state=4), three),
        ("ada_boost", AdaBoostClassifier(n_estimators=5, random_state=4), three),
        ("svc_rbf_3", make_pipeline(scale(), SVC(random_state=5)), three),
        ("svc_rbf_2", make_pipeline(scale(), SVC(C=0.5, random_state=5)), two),
        ("svc_poly_words", make_pipeline(scale(), SVC(kernel="poly", degree=2, coef0=1.0)), words),
        ("svc_sigmoid_yes", make_pipeline(scale(), SVC(kernel="sigmoid", C=0.1)), yes_no),
        ("svc_linear_3", make_pipeline(scale(), SVC(kernel="linear")), three),
        ("nu_svc", make_pipeline(scale(), NuSVC(nu=0.2)), three),
        ("gaussian_nb", GaussianNB(), three),
        ("multinomial_nb", MultinomialNB(), (ten[0] / 64, ten[1])),
        ("bernoulli_nb", BernoulliNB(), ten),
        ("voting", VotingClassifier([("a", LogisticRegression(max_iter=500)), ("b", DecisionTreeClassifier(max_depth=3, random_state=1))], voting="soft", flatten_transform=False), three),
        ("pca_logistic", make_pipeline(scale(), PCA(5), LogisticRegression()), ten),
        ("min_max_poly", make_pipeline(MinMaxScaler(), PolynomialFeatures(2), LogisticRegression(max_iter=300)), three),
        ("robust_normal_l2", make_pipeline(RobustScaler(), Normalizer("l2"), LogisticRegression()), three),
        ("max_abs_normal_l1", make_pipeline(MaxAbsScaler(), Normalizer("l1"), LogisticRegression()), three),
        ("normal_max", make_pipeline(Normalizer("max"), LogisticRegression()), three),
        ("binarized", make_pipeline(Binarizer(threshold=3.0), LogisticRegression()), three),
        ("bins", make_pipeline(KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), LogisticRegression()), three),
    ]
    for name, model, (x, y) in plan:
        model.fit(x, y)
        rows = x[rng.choice(len(x), N_ROWS)] + rng.normal(0, 0.05, (N_ROWS, x.shape[1])).astype(np.float32)
        if name.startswith(("multinomial", "bernoulli")):
            rows = np.abs(rows)
        last = model.steps[-1][1] if hasattr(model, "steps") else model
        yield name, export(model, floats(x)), {"X": rows.astype(np.float32)}
        if name in ("logistic_words", "forest_10", "gradient_2", "mlp_relu"):
            plain = convert_sklearn(model, initial_types=floats(x), options={id(last): {"zipmap": False}}, target_opset=OPSET)
            yield name + "_nozipmap", plain, {"X": rows.astype(np.float32)}
        if name in ("logistic_3", "gradient_3", "logistic_2"):
            raw = convert_sklearn(model, initial_types=floats(x), options={id(last): {"zipmap": False, "raw_scores": True}}, target_opset=OPSET)
            yield name + "_raw", raw, {"X": rows.astype(np.float32)}


def regressors(rng):
    x, y = load_diabetes(return_X_y=True)
    x, y = x.astype(np.float32), (y / 50).astype(np.float32)
    many = np.stack([y, y * 2 - x[:, 0]], axis=1)
    plan = [
        ("linear_regression", LinearRegression(), y),
        ("ridge_many", Ridge(), many),
        ("mlp_regressor", MLPRegressor(hidden_layer_sizes=(8,), max_iter=80, random_state=1), y),
        ("tree_regressor", DecisionTreeRegressor(max_depth=5, random_state=1), y),
        ("tree_many", DecisionTreeRegressor(max_depth=4, random_state=1), many),
        ("forest_regressor", RandomForestRegressor(7, max_depth=5, random_state=1), y),
        ("extra_trees", ExtraTreesRegressor(5, max_depth=5, random_state=1), y),
        ("gradient_regressor", GradientBoostingRegressor(n_estimators=9, random_state=1), y),
        ("hist_gradient_regressor", HistGradientBoostingRegressor(max_iter=8, max_depth=4, random_state=1), y),
        ("svr_rbf", SVR(C=2.0), y),
        ("svr_linear", SVR(kernel="linear"), y),
        ("one_class", OneClassSVM(nu=0.1), None),
        ("isolation", IsolationForest(n_estimators=6, max_samples=64, random_state=1), None),
    ]
    for name, model, target in plan:
        model.fit(x[:200], target[:200] if target is not None else None)
        rows = x[rng.choice(len(x), N_ROWS)] + rng.normal(0, 0.01, (N_ROWS, x.shape[1])).astype(np.float32)
        yield name, convert_sklearn(model, initial_types=floats(x), target_opset=OPSET), {"X": rows.astype(np.float32)}


def doubles(rng):
    """Models whose input is float64."""
    x, y = load_iris(return_X_y=True)
    rows = x[rng.choice(len(x), N_ROWS)] + rng.normal(0, 0.02, (N_ROWS, 4))
    types = [("X", DoubleTensorType([None, 4]))]
    for name, model in (("double_linear", LinearRegression()), ("double_mlp", MLPRegressor(hidden_layer_sizes=(5,), max_iter=50, random_state=1))):
        model.fit(x, y.astype(np.float64))
        yield name, convert_sklearn(model, initial_types=types, target_opset=OPSET), {"X": rows}
    scaled = make_pipeline(StandardScaler(), GaussianNB()).fit(x, y)
    yield "double_nb", convert_sklearn(scaled, initial_types=types, options={id(scaled.steps[-1][1]): {"zipmap": False}}, target_opset=OPSET), {"X": rows}


def missing_values(rng):
    x, y = load_breast_cancer(return_X_y=True)
    x = x[:, :6].astype(np.float32)
    x[rng.random(x.shape) < 0.15] = np.nan
    rows = x[rng.choice(len(x), N_ROWS)]
    for name, model in (("imputer_mean", make_pipeline(SimpleImputer(strategy="mean"), StandardScaler(), LogisticRegression())),
                        ("imputer_constant", make_pipeline(SimpleImputer(strategy="constant", fill_value=-1.0), DecisionTreeClassifier(max_depth=4, random_state=1))),
                        ("hist_nan", HistGradientBoostingClassifier(max_iter=8, max_depth=4, random_state=1)),
                        ("tree_nan", DecisionTreeClassifier(max_depth=5, random_state=1))):
        model.fit(x, y)
        yield name, export(model, floats(x)), {"X": rows}


def columns(rng):
    """Pipelines with columns of text, whole numbers and floats."""
    n = 300
    colour = np.array(["red", "green", "blue", "ultra-violet ☀"])[rng.integers(0, 4, n)].reshape(-1, 1)
    city = np.array(["Graz", "Köln", "Łódź"])[rng.integers(0, 3, n)].reshape(-1, 1)
    age = rng.normal(40, 12, (n, 1)).astype(np.float32)
    size = rng.integers(0, 5, (n, 1)).astype(np.int64)
    age[rng.random((n, 1)) < 0.1] = np.nan
    y = ((colour[:, 0] == "red") ^ (np.nan_to_num(age[:, 0], nan=40) > 45)).astype(int)
    table = np.hstack([colour.astype(object), city.astype(object), age.astype(object), size.astype(object)])
    types = [("colour", StringTensorType([None, 1])), ("city", StringTensorType([None, 1])), ("age", FloatTensorType([None, 1])), ("size", Int64TensorType([None, 1]))]
    pick = rng.choice(n, N_ROWS)
    inputs = {"colour": colour[pick].astype(object), "city": city[pick].astype(object), "age": age[pick], "size": size[pick]}
    inputs["colour"][3, 0] = "never seen"
    names = np.array(["decline", "accept"])
    plan = [("columns_one_hot", OneHotEncoder(handle_unknown="ignore"), LogisticRegression(), names[y]),
            ("columns_ordinal", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), GradientBoostingClassifier(n_estimators=6, random_state=1), y)]
    for name, encoder, last, target in plan:
        prepare = ColumnTransformer([("text", encoder, [0, 1]), ("age", make_pipeline(SimpleImputer(), StandardScaler()), [2]), ("size", "passthrough", [3])])
        model = make_pipeline(prepare, last).fit(table, target)
        yield name, convert_sklearn(model, initial_types=types, target_opset=OPSET), inputs


def boosted(rng):
    """XGBoost and LightGBM, where they are installed."""
    try:
        import lightgbm
        import xgboost
        from onnxmltools import convert_lightgbm, convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType as MlFloat
    except ImportError:
        return
    x3, y3 = load_iris(return_X_y=True)
    x2, y2 = load_breast_cancer(return_X_y=True)
    xr, yr = load_diabetes(return_X_y=True)
    sets = {"3": (x3, y3), "2": (x2[:, :8], y2), "r": (xr, yr / 50)}
    plan = [("xgb_3", xgboost.XGBClassifier(n_estimators=5, max_depth=3), "3"), ("xgb_2", xgboost.XGBClassifier(n_estimators=8, max_depth=3), "2"),
            ("xgb_r", xgboost.XGBRegressor(n_estimators=8, max_depth=3), "r"), ("xgb_nan", xgboost.XGBClassifier(n_estimators=8, max_depth=3), "2"),
            ("lgbm_3", lightgbm.LGBMClassifier(n_estimators=5, max_depth=3, verbose=-1), "3"), ("lgbm_2", lightgbm.LGBMClassifier(n_estimators=8, max_depth=3, verbose=-1), "2"),
            ("lgbm_r", lightgbm.LGBMRegressor(n_estimators=8, max_depth=3, verbose=-1), "r"), ("lgbm_nan", lightgbm.LGBMClassifier(n_estimators=8, max_depth=3, verbose=-1), "2"),
            ("lgbm_rf", lightgbm.LGBMClassifier(boosting_type="rf", n_estimators=6, max_depth=3, subsample=0.7, subsample_freq=1, verbose=-1), "2")]
    for name, model, which in plan:
        x, y = sets[which]
        x = x.astype(np.float32)
        if name.endswith("_nan"):
            x = x.copy()
            x[rng.random(x.shape) < 0.15] = np.nan
        model.fit(x, y)
        rows = x[rng.choice(len(x), N_ROWS)]
        types = [("X", MlFloat([None, x.shape[1]]))]
        convert = convert_xgboost if name.startswith("xgb") else convert_lightgbm
        yield name, convert(model, initial_types=types, target_opset=15), {"X": rows}


def by_hand(rng):
    """Operators that no exporter here writes, built node by node."""
    def one(name, node, inputs, outputs, opset=None, initializers=()):
        infos = [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype) if v.dtype != object else TensorProto.STRING, [None] * v.ndim) for k, v in inputs.items()]
        outs = [helper.make_tensor_value_info(k, t, None) for k, t in outputs]
        graph = helper.make_graph([node], name, infos, outs, list(initializers))
        imports = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)] if opset is None else opset
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        return name, model, inputs

    ml = "ai.onnx.ml"
    x = rng.normal(0, 1, (6, 3)).astype(np.float32)
    words = np.array([["a", "b"], ["c", "zz"], ["b", "a"]], dtype=object)
    f32, i64, text = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
    yield one("label_str_int", helper.make_node("LabelEncoder", ["X"], ["Y"], domain=ml, keys_strings=["a", "b", "c"], values_int64s=[10, 20, 30], default_int64=-7), {"X": words}, [("Y", i64)])
    yield one("label_int_str", helper.make_node("LabelEncoder", ["X"], ["Y"], domain=ml, keys_int64s=[1, 2], values_strings=["uno", "due"], default_string="?"), {"X": np.array([[1, 2], [2, 9]], np.int64)}, [("Y", text)])
    yield one("label_float_float", helper.make_node("LabelEncoder", ["X"], ["Y"], domain=ml, keys_floats=[1.0, 2.5, 0.0], values_floats=[5.5, 6.5, 7.5], default_float=-1.0), {"X": np.array([1, 2.5, -0.0, 3], np.float32)}, [("Y", f32)])
    yield one("label_str_str", helper.make_node("LabelEncoder", ["X"], ["Y"], domain=ml, keys_strings=["a", "b"], values_strings=["x", "y"]), {"X": words}, [("Y", text)])
    yield one("one_hot_str", helper.make_node("OneHotEncoder", ["X"], ["Y"], domain=ml, cats_strings=["a", "b", "c"], zeros=1), {"X": words}, [("Y", f32)])
    yield one("one_hot_int", helper.make_node("OneHotEncoder", ["X"], ["Y"], domain=ml, cats_int64s=[1, 5, 7], zeros=1), {"X": np.array([[5, 1], [9, 7]], np.int64)}, [("Y", f32)])
    yield one("category_mapper", helper.make_node("CategoryMapper", ["X"], ["Y"], domain=ml, cats_strings=["a", "b", "c"], cats_int64s=[4, 5, 6], default_int64=-3), {"X": words}, [("Y", i64)])
    yield one("feature_vectorizer", helper.make_node("FeatureVectorizer", ["A", "B"], ["Y"], domain=ml, inputdimensions=[3, 2]), {"A": x, "B": rng.normal(0, 1, (6, 2)).astype(np.float32)}, [("Y", f32)])
    yield one("array_features", helper.make_node("ArrayFeatureExtractor", ["X", "I"], ["Y"], domain=ml), {"X": x, "I": np.array([[2, 0]], np.int64)}, [("Y", f32)])
    yield one("imputer_int", helper.make_node("Imputer", ["X"], ["Y"], domain=ml, imputed_value_int64s=[7, 8], replaced_value_int64=0), {"X": np.array([[0, 1], [2, 0]], np.int64)}, [("Y", i64)])
    for norm in ("MAX", "L1", "L2"):
        yield one("normalizer_" + norm.lower(), helper.make_node("Normalizer", ["X"], ["Y"], domain=ml, norm=norm), {"X": np.vstack([x, np.zeros((1, 3), np.float32)])}, [("Y", f32)])
    for post in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"):
        spread = 0.05 if post == "PROBIT" else 1
        yield one("linear_3_" + post.lower(), helper.make_node("LinearClassifier", ["X"], ["L", "S"], domain=ml, coefficients=[0.5 * spread, -1 * spread, 0.25 * spread, 1 * spread, 0.3 * spread, -0.2 * spread, 0, 0, 0],
                                                                intercepts=[0.25, 0.75, 0.85] if post == "PROBIT" else [0.1, 0.2, 0.0], classlabels_ints=[5, 6, 7], post_transform=post), {"X": x}, [("L", i64), ("S", f32)])
        yield one("linear_regressor_" + post.lower(), helper.make_node("LinearRegressor", ["X"], ["Y"], domain=ml, coefficients=[0.03, -0.05, 0.025, 0.05, 0.03, -0.02], intercepts=[0.25, 0.75], targets=2, post_transform=post), {"X": x}, [("Y", f32)])
    yield one("linear_1_none", helper.make_node("LinearClassifier", ["X"], ["L", "S"], domain=ml, coefficients=[0.5, -1, 0.25], intercepts=[0.1], classlabels_strings=["no", "yes"]), {"X": x}, [("L", text), ("S", f32)])

    def stump(op, suffix, weights, ids, **more):
        """Two trees of one split each."""
        tree = dict(nodes_treeids=[0, 0, 0, 1, 1, 1], nodes_nodeids=[0, 1, 2, 0, 1, 2], nodes_featureids=[0, 0, 0, 1, 0, 0], nodes_values=[0.1, 0, 0, -0.2, 0, 0],
                    nodes_modes=[more.pop("mode", "BRANCH_LEQ"), "LEAF", "LEAF", more.pop("mode2", "BRANCH_LEQ"), "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0, 1, 0, 0], nodes_falsenodeids=[2, 0, 0, 2, 0, 0])
        leaf = {f"{suffix}_treeids": [0, 0, 1, 1], f"{suffix}_nodeids": [1, 2, 1, 2], f"{suffix}_ids": ids, f"{suffix}_weights": weights}
        return helper.make_node(op, ["X"], ["Y"] if suffix == "target" else ["L", "S"], domain=ml, **tree, **leaf, **more)

    for mode in ("BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"):
        yield one("tree_" + mode.lower(), stump("TreeEnsembleRegressor", "target", [1.0, 2.0, 4.0, 8.0], [0, 0, 0, 0], n_targets=1, mode=mode, mode2=mode), {"X": np.vstack([x, np.float32([[0.1, -0.2, 0]])])}, [("Y", f32)])
    for how in ("SUM", "AVERAGE", "MIN", "MAX"):
        yield one("tree_" + how.lower(), stump("TreeEnsembleRegressor", "target", [1.0, 2.0, 4.0, -8.0], [0, 0, 1, 1], n_targets=2, aggregate_function=how, base_values=[0.5, -0.5]), {"X": x}, [("Y", f32)])
    for post in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        yield one("tree_binary_" + post.lower(), stump("TreeEnsembleClassifier", "class", [0.2, -0.3, 0.4, -0.1], [0, 0, 0, 0], classlabels_int64s=[0, 1], post_transform=post), {"X": x}, [("L", i64), ("S", f32)])
        yield one("tree_positive_" + post.lower(), stump("TreeEnsembleClassifier", "class", [0.2, 0.3, 0.4, 0.1], [0, 0, 0, 0], classlabels_strings=["n", "y"], post_transform=post), {"X": x}, [("L", text), ("S", f32)])
        yield one("tree_three_" + post.lower(), stump("TreeEnsembleClassifier", "class", [0.2, 0.3, 0.4, 0.1], [0, 1, 2, 1], classlabels_int64s=[3, 4, 5], post_transform=post), {"X": x}, [("L", i64), ("S", f32)])
    yield one("tree_base", stump("TreeEnsembleClassifier", "class", [0.2, -0.3, 0.4, -0.1], [0, 0, 0, 0], classlabels_int64s=[0, 1], post_transform="LOGISTIC", base_values=[0.25]), {"X": x}, [("L", i64), ("S", f32)])
    pick = lambda *shape: [float(v) for v in rng.normal(0, 1, shape).astype(np.float32).ravel()]
    three_svm = dict(vectors_per_class=[2, 1, 2], support_vectors=pick(5, 3), coefficients=pick(2, 5), rho=[0.1, -0.2, 0.05], classlabels_ints=[4, 6, 9])
    two_svm = dict(vectors_per_class=[2, 1], support_vectors=pick(3, 3), coefficients=pick(1, 3), rho=[0.1], classlabels_strings=["no", "yes"])
    for kernel, params in (("LINEAR", [0.0, 0.0, 0.0]), ("POLY", [0.7, 0.3, 2.0]), ("RBF", [0.4, 0.0, 3.0]), ("SIGMOID", [0.3, 0.1, 0.0])):
        word, more = kernel.lower(), dict(kernel_type=kernel, kernel_params=params)
        yield one(f"svm_3_{word}", helper.make_node("SVMClassifier", ["X"], ["L", "S"], domain=ml, **three_svm, **more), {"X": x}, [("L", i64), ("S", f32)])
        yield one(f"svm_3_prob_{word}", helper.make_node("SVMClassifier", ["X"], ["L", "S"], domain=ml, prob_a=[-1.0, -0.5, -2.0], prob_b=[0.1, 0.0, -0.2], **three_svm, **more), {"X": x}, [("L", i64), ("S", f32)])
        yield one(f"svm_2_{word}", helper.make_node("SVMClassifier", ["X"], ["L", "S"], domain=ml, **two_svm, **more), {"X": x}, [("L", text), ("S", f32)])
        yield one(f"svm_2_prob_{word}", helper.make_node("SVMClassifier", ["X"], ["L", "S"], domain=ml, prob_a=[-1.5], prob_b=[0.2], **two_svm, **more), {"X": x}, [("L", text), ("S", f32)])
        yield one(f"svm_regressor_{word}", helper.make_node("SVMRegressor", ["X"], ["Y"], domain=ml, support_vectors=pick(4, 3), coefficients=pick(4), rho=[0.3], n_supports=4, **more), {"X": x}, [("Y", f32)])
    for post in ("LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        word = post.lower()
        yield one(f"svm_3_post_{word}", helper.make_node("SVMClassifier", ["X"], ["L", "S"], domain=ml, kernel_type="RBF", kernel_params=[0.4, 0.0, 3.0], post_transform=post, **three_svm), {"X": x}, [("L", i64), ("S", f32)])
        yield one(f"svm_2_post_{word}", helper.make_node("SVMClassifier", ["X"], ["L", "S"], domain=ml, kernel_type="RBF", kernel_params=[0.4, 0.0, 3.0], post_transform=post, **two_svm), {"X": x}, [("L", text), ("S", f32)])
        yield one(f"svm_linear_post_{word}", helper.make_node("SVMClassifier", ["X"], ["L", "S"], domain=ml, kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], coefficients=pick(3, 3), rho=[0.2, 0.2, 0.2], classlabels_ints=[4, 6, 9], post_transform=post), {"X": x}, [("L", i64), ("S", f32)])
        yield one(f"linear_2_{word}", helper.make_node("LinearClassifier", ["X"], ["L", "S"], domain=ml, coefficients=pick(2, 3), intercepts=pick(2), classlabels_ints=[4, 6], post_transform=post), {"X": x}, [("L", i64), ("S", f32)])
        yield one(f"linear_1_{word}", helper.make_node("LinearClassifier", ["X"], ["L", "S"], domain=ml, coefficients=pick(3), intercepts=pick(1), classlabels_ints=[4, 6], post_transform=post), {"X": x}, [("L", i64), ("S", f32)])
        yield one(f"tree_regressor_{word}", stump("TreeEnsembleRegressor", "target", [1.0, 2.0, 4.0, 8.0], [0, 1, 1, 0], n_targets=2, post_transform=post), {"X": x}, [("Y", f32)])
    yield one("svm_one_class", helper.make_node("SVMRegressor", ["X"], ["Y"], domain=ml, kernel_type="RBF", kernel_params=[0.4, 0.0, 3.0], support_vectors=pick(4, 3), coefficients=pick(4), rho=[0.3], n_supports=4, one_class=1), {"X": x}, [("Y", f32)])
    yield one("svm_linear_regressor", helper.make_node("SVMRegressor", ["X"], ["Y"], domain=ml, kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], coefficients=pick(3), rho=[0.3]), {"X": x}, [("Y", f32)])
    five = [helper.make_opsetid("", 21), helper.make_opsetid(ml, 5)]
    edges = np.vstack([x, np.float32([[0.1, -0.2, 7]]), np.float32([[np.nan, 2, 1]])])
    of = numpy_helper.from_array
    for dtype in (np.float32, np.float64):
        kind, size = helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), np.dtype(dtype).itemsize * 8
        rows = edges.astype(dtype)
        # Root 0: feature 0 <= 0.1 ? (feature 2 in {1, 7} ? leaf 0 : leaf 1) : leaf 2; root 2: feature 1 > -0.2 ? leaf 3 : leaf 4.
        forest = dict(tree_roots=[0, 2], nodes_featureids=[0, 2, 1], nodes_splits=of(np.array([0.1, 0, -0.2], dtype)), nodes_modes=of(np.uint8([0, 6, 3])), nodes_truenodeids=[1, 0, 3],
                      nodes_trueleafs=[0, 1, 1], nodes_falsenodeids=[2, 1, 4], nodes_falseleafs=[1, 1, 1], nodes_missing_value_tracks_true=[1, 0, 0], leaf_targetids=[0, 0, 0, 1, 1],
                      leaf_weights=of(np.array([1, 2, 4, 8, -16], dtype)), membership_values=of(np.array([1, 7, np.nan], dtype)), n_targets=2)
        for aggregate, word in ((0, "average"), (1, "sum"), (2, "min"), (3, "max")):
            yield one(f"ensemble_{word}_{size}", helper.make_node("TreeEnsemble", ["X"], ["Y"], domain=ml, aggregate_function=aggregate, post_transform=0, **forest), {"X": rows}, [("Y", kind)], five)
        keys, values = of(np.array([1, 2, 5], np.int64)), of(np.array([0.5, 1.5, 2.5], dtype))
        yield one(f"label_tensors_{size}", helper.make_node("LabelEncoder", ["X"], ["Y"], domain=ml, keys_tensor=keys, values_tensor=values, default_tensor=of(np.array([9], dtype))), {"X": np.array([[1, 5], [7, 2]], np.int64)}, [("Y", kind)], five)
    wide = dict(nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
                nodes_values_as_tensor=of(np.array([0.1, 0, 0])), target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights_as_tensor=of(np.array([1 / 3, 2 / 3])), n_targets=1)
    yield one("tree_double_tensors", helper.make_node("TreeEnsembleRegressor", ["X"], ["Y"], domain=ml, **wide), {"X": np.array([[0.1], [0.1 + 1e-12], [np.nan]])}, [("Y", f32)])
    yield one("strings_out", helper.make_node("Cast", ["X"], ["Y"], to=text), {"X": np.array([[1, -20], [300, 0]], np.int64)}, [("Y", text)])
    yield one("strings_in", helper.make_node("Cast", ["X"], ["Y"], to=f32), {"X": np.array([["1.5", "-2e3"], ["NaN", "7"]], dtype=object)}, [("Y", f32)])


def cases(seed):
    rng = np.random.default_rng(seed)
    for make in (classifiers, regressors, doubles, missing_values, columns, boosted, by_hand):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from make(rng)


def tensor_of(value):
    """A tensor for what onnxruntime gives; ZipMap's list of dicts is the table it was made from."""
    if isinstance(value, list):
        value = np.array([[row[k] for k in row] for row in value], np.float32)
    value = np.asarray(value)
    if value.dtype.kind in "OU":
        flat = [str(v).encode() for v in value.ravel()]
        return helper.make_tensor("", TensorProto.STRING, value.shape, flat)
    return numpy_helper.from_array(value)


def ordered_zipmaps(session, model, values):
    """Dicts come with sorted keys; columns stand in the order of the class labels."""
    maps = {n.output[0]: n for n in model.graph.node if n.op_type == "ZipMap"}
    for info, value in zip(session.get_outputs(), values):
        if info.name in maps:
            labels = [helper.get_attribute_value(a) for a in maps[info.name].attribute][0]
            labels = [l.decode() if isinstance(l, bytes) else l for l in labels]
            value = [{k: row[k] for k in labels} for row in value]
        yield value


def write(folder, model, inputs):
    """One case; answers False when onnxruntime itself cannot run it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    model.doc_string = ""
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    outputs = list(ordered_zipmaps(session, model, session.run(None, inputs)))
    folder = pathlib.Path(folder)
    (folder / "test_data_set_0").mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(data)
    for i, info in enumerate(session.get_inputs()):
        (folder / f"test_data_set_0/input_{i}.pb").write_bytes(tensor_of(inputs[info.name]).SerializeToString())
    for i, value in enumerate(outputs):
        (folder / f"test_data_set_0/output_{i}.pb").write_bytes(tensor_of(value).SerializeToString())
