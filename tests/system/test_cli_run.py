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
        for text in (f"{head}\r\n{row}\r\n", f"{head}\n{row}", f"\ufeff{head}\n{quoted}\n", f"\n{head}\n\n{row}\n\n", f'"p""0",{head[3:]}\n{row}\n'):
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

    def model(self, name, *inputs):
        """Registers a model that gives each input back; see onnx_bytes.py."""
        self.mlcm("register", name, self.file(f"{name}.onnx", onnx_bytes.identity(*inputs)))

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
        self.model("half", ("x", "f16", ["n"]))
        self.fails(1, "wants f16, which neither CSV nor JSON gives", "run", "half/1", "--input", "-", stdin="x\n1\n")

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
        self.model("point", ("x", "f32", []))
        self.fails(1, r"wants f32 \[\], got", "run", "point/1", "--input", "-", stdin="x\n1\n")

    def test_several_inputs(self):
        self.model("two", ("a", "f32", ["n", 1]), ("b", "i64", ["n"]))
        csv = self.file("rows.csv", "b,a\n1,0.5\n2,1.5\n")
        self.assertEqual(self.mlcm("run", "two/1", "--input", csv), "0.5\t1\n1.5\t2\n")
        self.assertEqual(self.mlcm("run", "two/1", "--input", csv, "--limit", 1), "0.5\t1\n")
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
