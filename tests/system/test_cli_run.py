# SPDX-License-Identifier: Apache-2.0
"""`mlcm run`: rows from CSV and JSON into a model, and what is said about those that do not fit."""
import hashlib
import json
import pathlib
import re
import subprocess
import unittest

import onnx_bytes
from harness import BIN, DIGITS, CliTest


class Run(CliTest):
    def test_run_answers_csv_and_json_alike(self):
        self.register(2)
        csv = self.json("run", "digits/1", "--input", DIGITS / "traffic.csv", "--without", "digit", "--limit", 20)
        rows = (DIGITS / "traffic.csv").read_text().splitlines()[1:21]
        table = json.dumps({csv_name(self): [[float(x) for x in row.split(",")[:64]] for row in rows]})
        again = json.loads(self.raw("run", "digits/1", "--input", "-", "--json", stdin=table).stdout)
        self.assertEqual(csv["outputs"], again["outputs"])
        label = next(o for o in csv["outputs"] if o["name"] == "label")
        truth = [int(row.split(",")[64]) for row in rows]
        self.assertGreaterEqual(sum(a == b for a, b in zip(label["data"], truth)), 18)

    def test_run_says_what_does_not_fit(self):
        self.register(2)
        done = self.raw("run", "digits/1", "--input", DIGITS / "traffic.csv")
        self.assertEqual(done.returncode, 1)
        self.assertIn("65 columns", done.stderr)
        self.assertIn("--without digit", done.stderr)

    def test_a_changed_byte_is_named_and_refused(self):
        self.register(1)
        digest = self.json("show", "digits/1")["files"][0]["sha256"]
        stored = next(p for p in pathlib.Path(self.registry.dir).rglob("*") if p.is_file() and digest[2:] in p.name)
        stored.chmod(0o644)
        data = bytearray(stored.read_bytes())
        data[100] ^= 1
        stored.write_bytes(data)
        for command in (("verify", "digits/1"), ("run", "digits/1", "--input", DIGITS / "traffic.csv")):
            done = self.raw(*command)
            self.assertEqual(done.returncode, 1, command)
            self.assertIn("digits-1.onnx", done.stderr)
            self.assertIn(digest[:4], done.stderr)
            self.assertIn(hashlib.sha256(data).hexdigest()[:4], done.stderr)

    def table(self, text):
        path = self.registry.folder / "rows.csv"
        path.write_bytes(text.encode())
        return path

    def test_run_reads_csv_as_people_write_it(self):
        self.register(1)
        head = ",".join(f"p{i}" for i in range(64))
        row = ",".join(str(i % 17) for i in range(64))
        plain = self.json("run", "digits/1", "--input", self.table(f"{head}\n{row}\n"))["outputs"]
        quoted = ",".join(f'"{i % 17}"' for i in range(64))
        for text in (f"{head}\r\n{row}\r\n", f"{head}\n{row}", f"\ufeff{head}\n{quoted}\n", f"\n{head}\n\n{row}\n\n", f"\r\n{head}\r\n\r\n{row}\r\n\r\n", f'"p""0",{head[3:]}\n{row}\n'):
            self.assertEqual(self.json("run", "digits/1", "--input", self.table(text))["outputs"], plain, text)

    def test_run_names_the_place_of_what_is_wrong_in_a_csv(self):
        self.register(1)
        head = ",".join(f"p{i}" for i in range(64))
        row = ",".join("1" for _ in range(64))
        for text, said in ((f"{head}\n{row}\n{row},1\n", r"rows\.csv:3: 65 cells, the header has 64"),
                           (f"{head}\n{row[:-1]}x\n", r"row 1, column 'p63': 'x' is not f32"),
                           (f'{head}\n"{row}\n', r"rows\.csv:2: a quote is never closed"),
                           (f"{head}\n", "no rows below the header"),
                           (f"{head}\n{row},", r"rows\.csv:2: "),
                           ("a\n1\n", r"1 column, input '[^']+' wants 64"),
                           (f"{head}\n\0", "NUL byte")):
            done = self.raw("run", "digits/1", "--input", self.table(text))
            self.assertEqual(done.returncode, 1, text)
            self.assertRegex(done.stderr, said)
        done = self.raw("run", "digits/1", "--input", self.table(f"{head}\n{row}\n"), "--without", "digit")
        self.assertEqual(done.returncode, 6)
        self.assertIn("no column 'digit' to leave out", done.stderr)

    def test_run_takes_the_forms_of_json(self):
        self.register(1)
        rows = [[i % 17 for i in range(64)], [1.5] * 64]
        name = csv_name(self)
        run = lambda value: json.loads(self.raw("run", "digits/1", "--input", "-", "--json", stdin=json.dumps(value)).stdout).get("outputs")
        plain = run({name: rows})
        self.assertTrue(plain)
        for value in ({"inputs": {name: rows}}, rows, {"instances": rows}, {"inputs": rows}):
            self.assertEqual(run(value), plain, value)
        for text, said in ("[[1, 2]]", "64"), ("{}", "no member"), ("[[1,", "not JSON"), ("[]", "array of rows"), ("[[1], [1, 2]]", "row 2"), ('[["x"]]', "'x' is not f32"):
            done = self.raw("run", "digits/1", "--input", "-", stdin=text)
            self.assertEqual(done.returncode, 6 if "member" in said else 1, text)
            self.assertIn(said, done.stderr)

    def test_run_on_a_file_that_is_not_there(self):
        self.register(1)
        self.assertEqual(self.raw("run", "digits/1", "--input", "/nowhere.csv").returncode, 6)
        self.assertEqual(self.raw("run", "digits/1").returncode, 2)

    # ---- every type, every shape

    def model(self, name, *inputs, file=None):
        """Registers a model that gives each input back, or that of a file's bytes; see onnx_bytes.py."""
        self.mlcm("register", name, self.file(f"{name}.onnx", file or onnx_bytes.identity(*inputs)))

    def back(self, name, text, *more):
        """What the model answers for an input, as JSON: its first output's data."""
        done = self.raw("run", f"{name}/1", "--input", "-", "--json", *more, stdin=text)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)["outputs"][0]["data"]

    def test_whole_numbers_within_their_type_and_no_others(self):
        for bits in (8, 16, 32, 64):
            for kind, low, high in (("i", -2 ** (bits - 1), 2 ** (bits - 1) - 1), ("u", 0, 2 ** bits - 1)):
                name = f"{kind}{bits}"
                self.model(name, ("x", name, ["n"]))
                self.assertEqual(self.back(name, f"x\n{low}\n{high}  \n"), [low, high])
                self.assertEqual(self.mlcm("run", f"{name}/1", "--input", self.file("rows.csv", f"x\n{high}\n")), f"{high}\n")
                for cell in (low - 1, high + 1, "1.5", "one", "1 1"):
                    self.fails(1, f"row 1, column 'x': '{cell}' is not {name}", "run", f"{name}/1", "--input", "-", stdin=f"x\n{cell}\n")

    def test_whole_numbers_in_json_beyond_2_53_are_texts(self):
        self.model("big", ("x", "i64", ["n"]))
        self.assertEqual(self.back("big", '{"x": ["9223372036854775807", -3]}'), [9223372036854775807, -3])
        self.fails(1, "beyond 2.53: write it as a string", "run", "big/1", "--input", "-", stdin="[1e17]")
        self.fails(1, "'1.5' is not i64", "run", "big/1", "--input", "-", stdin="[1.5]")

    def test_truths_numbers_and_texts(self):
        self.model("truth", ("x", "bool", ["n"]))
        self.assertEqual(self.back("truth", "x\ntrue\nFALSE\n1\n0\n"), [True, False, True, False])
        self.assertEqual(self.back("truth", "[true, false, 1, 0]"), [True, False, True, False])
        self.fails(1, "'2' is not bool", "run", "truth/1", "--input", "-", stdin="x\n2\n")
        for name in ("f32", "f64"):
            self.model(name, ("x", name, ["n"]))
            self.assertEqual(self.back(name, "x,y\n,1\n1.5 ,1\ninf,1\n", "--without", "y"), [None, 1.5, None])
            self.assertEqual(self.back(name, '[null, "2.5", true]'), [None, 2.5, 1])
            self.fails(1, f"'1x' is not {name}", "run", f"{name}/1", "--input", "-", stdin="x\n1x\n")
        self.model("text", ("x", "string", ["n"]))
        self.assertEqual(self.back("text", 'x,y\n"a, b",1\n"",2\n', "--without", "y"), ["a, b", ""])
        self.assertEqual(self.mlcm("run", "text/1", "--input", self.file("rows.csv", "x\nabc\n")), "abc\n")
        self.fails(1, "a number; this input wants strings", "run", "text/1", "--input", "-", stdin="[1]")

    def test_numbers_of_16_bits(self):
        for name, cells in (("f16", {"1.1": "1.0996", "-65504": "-65504", "65520": "inf", "": "nan"}), ("bf16", {"1.1": "1.102", "1e9": "9.982e+08", "": "nan"})):
            self.model(name, ("x", name, ["n"]))
            csv = self.file("rows.csv", "".join(f"{cell},y\n" for cell in ("x", *cells)))
            self.assertEqual(self.mlcm("run", f"{name}/1", "--input", csv, "--without", "y").splitlines(), list(cells.values()))
            numbers = [None if text in ("inf", "nan") else float(text) for text in cells.values()]
            self.assertEqual(self.back(name, json.dumps(list(cells))), numbers)
            self.fails(1, f"row 1: '1x' is not {name}", "run", f"{name}/1", "--input", "-", stdin='["1x"]')
        self.assertEqual(self.back("f16", "[0.5, 1e17]"), [0.5, None])

    def test_bytes_that_are_no_utf8_do_not_spoil_the_json(self):
        self.model("text", ("x", "string", ["n"]))
        done = subprocess.run([BIN / "mlcm", "run", "text/1", "--input", self.file("rows.csv", b"x\na\xffb\n"), "--json"],
                              env=self.registry.env, capture_output=True)
        self.assertEqual(json.loads(done.stdout)["outputs"][0]["data"], ["a\ufffdb"])

    def test_shapes(self):
        self.model("cube", ("x", "f32", ["n", 2, 3]))
        rows = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]]
        flat = [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]]
        self.assertEqual(self.back("cube", json.dumps(rows)), flat)
        self.assertEqual(self.back("cube", "a,b,c,d,e,f\n1,2,3,4,5,6\n7,8,9,10,11,12\n"), flat)
        self.fails(1, r"2 columns, input 'x' wants 6 \(f32 \[n, 2, 3\]\)", "run", "cube/1", "--input", "-", stdin="a,b\n1,2\n")
        self.fails(1, "row 1: an array that is nested deeper", "run", "cube/1", "--input", "-", stdin="[[[1, 2, [3]], [1, 2, 3]]]")
        for text in ("[[[1, 2, 3], [4, 5, 6]], [[1, 2, 3], 4]]", "[[[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 5]]]"):
            self.fails(1, "row 2: not of the same form as the first row", "run", "cube/1", "--input", "-", stdin=text)
        self.fails(1, "the rows are not all of the first one's form", "run", "cube/1", "--input", "-", stdin="[[[1, 2, 3], [4, 5, 6]], 1, 2, 3, 4, 5, 6, 7]")
        self.fails(1, "an object; rows are arrays", "run", "cube/1", "--input", "-", stdin="[[[1, 2, {}], [1, 2, 3]]]")
        self.fails(1, "the first row is empty", "run", "cube/1", "--input", "-", stdin="[[[]]]")
        self.fails(1, "nested deeper than 8", "run", "cube/1", "--input", "-", stdin="[" * 9 + "1" + "]" * 9)
        self.fails(1, "array of rows", "run", "cube/1", "--input", "-", stdin='{"x": 1}')
        self.model("free", ("x", "f32", ["n", "m"]))
        self.assertEqual(self.back("free", "a,b\n1,2\n"), [[1, 2]])
        self.assertEqual(self.back("free", "[1, 2]"), [[1], [2]])
        self.assertEqual(self.back("free", "[[1], 2]"), [[1], [2]])
        self.model("open", ("x", "f32", ["n", "m", 2]))
        self.fails(1, r"wants f32 \[n, m, 2\], got f32 \[1, 2\]", "run", "open/1", "--input", "-", stdin="a,b\n1,2\n")
        self.model("pair", ("x", "f32", [2]))
        self.fails(1, r"2 columns, input 'x' wants 1 \(f32 \[2\]\); leave one out with --without b$", "run", "pair/1", "--input", "-", stdin="a,b\n1,2\n")
        self.model("any", ("x", "f32", None))
        self.assertEqual(self.back("any", "a,b\n1,2\n"), [[1, 2]])
        for name, wants in ("any", r"f32 \[\.\.\.\]"), ("free", r"f32 \[n, \?\]"):
            self.fails(1, f"all columns are left out, input 'x' wants {wants}$", "run", f"{name}/1", "--input", "-", "--without", "a", stdin="a\n1\n")
        self.model("vast", ("x", "f32", ["n", 1 << 40, 1 << 40]))
        self.fails(1, r"2 columns, input 'x' wants .* \(f32 \[n, 1099511627776, 1099511627776\]\)$", "run", "vast/1", "--input", "-", stdin="a,b\n1,2\n")
        self.model("point", ("x", "f32", []))
        self.fails(1, r"wants f32 \[\], got", "run", "point/1", "--input", "-", stdin="x\n1\n")

    def test_several_inputs(self):
        self.model("two", ("a", "f32", ["n", 1]), ("b", "i64", ["n"]))
        csv = self.file("rows.csv", "b,a\n1,0.5\n2,1.5\n")
        self.assertEqual(self.mlcm("run", "two/1", "--input", csv), "0.5\t1\n1.5\t2\n")
        self.assertEqual(self.mlcm("run", "two/1", "--input", csv, "--limit", 1), "0.5\t1\n")
        self.assertEqual(self.mlcm("run", "two/1", "--input", csv, "--limit", 3), "0.5\t1\n1.5\t2\n")
        self.assertEqual(self.back("two", '{"a": [1, 2], "b": [3, 4]}', "--limit", 3), [[1], [2]])
        self.assertEqual(self.mlcm("run", "two/1", "--input", csv, "--output", "b_out"), "1\n2\n")
        self.assertEqual(self.back("two", '{"inputs": {"a": [1, 2], "b": [3, 4]}}', "--limit", 1), [[1]])
        self.fails(6, "no output 'c'; it has 'a_out', 'b_out'", "run", "two/1", "--input", csv, "--output", "c")
        self.fails(6, "no column 'b', an input of the model", "run", "two/1", "--input", "-", stdin="a\n1\n")
        self.fails(6, "no member 'b'", "run", "two/1", "--input", "-", stdin='{"a": [1]}')
        self.fails(1, "'b' has 2 rows, the first input 1", "run", "two/1", "--input", "-", stdin='{"a": [1], "b": [1, 2]}')
        self.model("wide", ("a", "f32", ["n", 2]), ("b", "f32", ["n", 2]))
        self.fails(1, "more than one column of a CSV; give the inputs as JSON", "run", "wide/1", "--input", csv)
        self.model("fixed", ("a", "f32", ["n", 1]), ("b", "f32", [2]))
        self.fails(1, r"'b' wants f32 \[2\], got f32 \[1\]", "run", "fixed/1", "--input", "-", stdin='{"a": [1], "b": [3]}')

    def test_classes_of_a_zipmap_name_their_columns(self):
        zipmap = onnx_bytes.node("ZipMap", ["x"], ["p"], "ai.onnx.ml", classlabels_strings=["no", "yes"], notes=["maybe"])
        self.model("zip", file=onnx_bytes.model([zipmap], [onnx_bytes.port("x", "f32", ["n", 2])], [onnx_bytes.maps("p")]))
        csv = self.file("rows.csv", "a,b\n0.25,0.75\n")
        out = self.json("run", "zip/1", "--input", csv)["outputs"][0]
        self.assertEqual((out["classes"], out["data"]), (["no", "yes"], [[0.25, 0.75]]))
        self.assertEqual(self.on_terminal("run", "zip/1", "--input", csv, "--no-color"), "p[no]  p[yes]\r\n 0.25    0.75\r\n")

    def test_on_a_terminal_columns_of_one_output_are_numbered(self):
        self.model("two", ("a", "f32", ["n", 1]), ("b", "f32", ["n", 2]))
        rows = self.file("rows.json", '{"a": [1.5], "b": [[2, 3]]}')
        self.assertEqual(self.on_terminal("run", "two/1", "--input", rows, "--no-color"), "a_out  b_out[0]  b_out[1]\r\n  1.5         2         3\r\n")

    def test_long_texts_of_a_model_are_whole(self):
        self.model("text", ("x", "string", ["n"]))
        text = "ab" * 500
        self.assertEqual(self.mlcm("run", "text/1", "--input", self.file("rows.csv", f"x\n{text}\n")), text + "\n")

    def test_an_output_without_rows_is_data_all_the_same(self):
        total = onnx_bytes.node("ReduceSum", ["x"], ["y"], keepdims=0)
        self.model("sum", file=onnx_bytes.model([total], [onnx_bytes.port("x", "f32", ["n", 2])], [onnx_bytes.port("y", "f32", [])]))
        self.assertEqual(self.back("sum", "a,b\n1,2\n3,4\n"), [10])
        done = self.raw("run", "sum/1", "--input", "-", stdin="a,b\n1,2\n3,4\n")
        self.assertEqual((done.stdout, done.stderr), ("", "output 'y' has no row for each row of the input: --json shows it\n"))
        self.assertNotIn("\r\n\r\n", self.on_terminal("run", "sum/1", "--input", self.file("rows.csv", "a,b\n1,2\n3,4\n")))
        self.assertEqual(self.mlcm("run", "sum/1", "--input", self.file("rows.csv", "a,b\n1,2\n")), "3\n") # one row, one answer

    def test_a_model_without_inputs(self):
        for name, shape, data in (("none", [0], []), ("wide", [0, 2], []), ("three", [3], [0, 0, 0])):
            made = onnx_bytes.node("ConstantOfShape", ["s"], ["y"])
            self.model(name, file=onnx_bytes.model([made], [], [onnx_bytes.port("y", "f32", shape)], [onnx_bytes.whole_numbers("s", shape)]))
            self.assertEqual(self.back(name, "{}"), data)
            self.assertIn("'y' has no row for each row", self.raw("run", f"{name}/1", "--input", "-", stdin="{}").stderr)

    def test_what_a_table_does_not_show_is_said(self):
        self.model("row", ("x", "f32", ["n", 70]))
        cells = ",".join("1" for _ in range(70))
        done = self.raw("run", "row/1", "--input", "-", stdin=f"{cells}\n{cells}\n")
        self.assertEqual((done.returncode, done.stderr), (0, "6 more columns: --json shows them\n"))
        self.assertEqual(len(done.stdout.split("\t")), 64)

    def test_limits_of_what_is_read(self):
        self.model("row", ("x", "f32", ["n"]))
        self.fails(1, "more than 65536 columns", "run", "row/1", "--input", self.file("wide.csv", "a," * 65536 + "a\n"))
        huge = self.registry.folder / "huge.csv"
        with open(huge, "wb") as file:
            file.truncate((1 << 30) + 1) # sparse
        self.fails(1, r"huge.csv is larger than 1.0 GiB, the most that is read", "run", "row/1", "--input", huge)
        self.fails(1, "cannot be read: Is a directory", "run", "row/1", "--input", self.registry.folder)
        self.fails(1, "rows.csv:2: 1 cell, the header has 2", "run", "row/1", "--input", self.file("rows.csv", "a,b\n1\n"))
        self.assertEqual(self.back("row", "x\r1\r2\r"), [1, 2])
        for limit in ("0", "-1", "many"):
            self.fails(2, "--limit wants a number above 0", "run", "row/1", "--input", "-", "--limit", limit)
        self.fails(6, "does not exist", "run", "none/1", "--input", "-")
        self.fails(6, "no registry", "run", "row/1", "--input", "-", "--registry", "/nowhere")


def csv_name(test):
    """The name of the model's only input, as its error message gives it."""
    done = test.raw("run", "digits/1", "--input", "-", stdin="a\n1\n")
    return re.search(r"input '([^']+)'", done.stderr).group(1)


if __name__ == "__main__":
    unittest.main()
