# SPDX-License-Identifier: Apache-2.0
"""The program as people and scripts use it: what it prints, where, and how it ends."""
import hashlib
import json
import os
import pathlib
import pty
import re
import subprocess
import unittest

from harness import BIN, DIGITS, Registry

DATASET = "sha256:" + "ab" * 32


class Cli(unittest.TestCase):
    def setUp(self):
        self.registry = Registry()
        self.addCleanup(self.registry.close)
        self.mlcm, self.json, self.raw = self.registry.mlcm, self.registry.json, self.registry.raw

    def register(self, version=1, *more):
        return self.json("register", "digits", DIGITS / f"digits-{version}.onnx", *more)

    # ---- models and versions

    def test_register_keeps_everything_that_was_said(self):
        made = self.register(1, "--alias", "champion", "--tag", "team=vision", "--tag", "empty=", "--description", "first", "--dataset", DATASET,
                             "--revision", "abc123", "--run-link", "http://runs/1", "--actor", "ana", "--reason", "a start")
        shown = self.json("show", "digits@champion")
        self.assertEqual(made, shown)
        self.assertEqual((shown["model"], shown["version"], shown["actor"], shown["reason"]), ("digits", 1, "ana", "a start"))
        self.assertEqual(shown["tags"], {"team": "vision", "empty": ""})
        self.assertEqual(shown["aliases"], ["champion"])
        digest = hashlib.sha256((DIGITS / "digits-1.onnx").read_bytes()).hexdigest()
        self.assertEqual(shown["files"][0]["sha256"], digest)

    def test_every_spelling_of_a_reference(self):
        self.register(1, "--alias", "champion")
        self.register(2)
        for ref, version in (("digits/1", 1), ("digits@champion", 1), ("models:/digits/2", 2), ("models:/digits@champion", 1)):
            self.assertEqual(self.json("show", ref)["version"], version, ref)
        self.assertEqual(self.json("show", "digits")["name"], "digits")

    def test_a_folder_is_one_version(self):
        folder = self.registry.folder / "model"
        (folder / "deep").mkdir(parents=True)
        (folder / "b.txt").write_text("b")
        (folder / "deep" / "a.txt").write_text("a")
        made = self.json("register", "folder", folder)
        self.assertEqual([f["path"] for f in made["files"]], ["b.txt", "deep/a.txt"])
        self.assertTrue(self.json("verify", "folder/1")["ok"])

    def test_list_and_search(self):
        self.register(1, "--tag", "team=vision")
        self.register(2, "--tag", "team=other", "--alias", "champion")
        self.assertEqual([m["name"] for m in self.json("list")["models"]], ["digits"])
        self.assertEqual([v["version"] for v in self.json("list", "digits")["versions"]], [2, 1])
        found = lambda text: [v["version"] for v in self.json("search", text)["versions"]]
        self.assertEqual(found("tags.team = 'vision'"), [1])
        self.assertEqual(found("name LIKE 'dig%' AND version > 1"), [2])
        self.assertEqual(found("alias = 'champion'"), [2])
        self.assertEqual(found("created > '2001-01-01' AND tags.team ILIKE 'VIS%'"), [1])

    def test_search_pages_by_key(self):
        for _ in range(5):
            self.register(1)
        seen, token = [], None
        while True:
            page = self.json("search", "name = 'digits'", "--order", "version", "--limit", 2, *(["--page", token] if token else []))
            seen += [v["version"] for v in page["versions"]]
            token = page["next"]
            if not token:
                break
        self.assertEqual(seen, [1, 2, 3, 4, 5])

    def test_a_wrong_filter_says_where_and_what_was_meant(self):
        done = self.raw("search", "name = 'x' AND verson > 1")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"1:16: .*verson.*version")

    def test_delete_and_restore(self):
        self.register(1)
        self.mlcm("delete", "digits/1")
        self.assertEqual(self.json("list", "digits")["versions"], [])
        self.mlcm("restore", "digits/1")
        self.assertEqual(len(self.json("list", "digits")["versions"]), 1)

    def test_evaluations_stay_with_the_version(self):
        self.register(1)
        self.mlcm("evaluate", "digits/1", "holdout", "accuracy=0.93", "loss=0.2", "--dataset", DATASET, "--samples", 600)
        e = self.json("show", "digits/1")["evaluations"][0]
        self.assertEqual((e["name"], e["dataset_digest"], e["n_samples"], e["metrics"]), ("holdout", DATASET, 600, {"accuracy": 0.93, "loss": 0.2}))

    # ---- aliases

    def test_alias_moves_are_compare_and_swap_and_kept(self):
        self.register(1, "--alias", "champion")
        self.register(2)
        self.mlcm("alias", "set", "digits", "champion", 2, "--expect", 1, "--actor", "ana", "--reason", "better")
        done = self.raw("alias", "set", "digits", "champion", 1, "--expect", 1, "--json")
        self.assertEqual(done.returncode, 7)
        self.assertEqual(json.loads(done.stdout)["error"]["status"], "CONFLICT")
        moves = self.json("alias", "history", "digits", "champion")["moves"]
        self.assertEqual([(m["from"], m["to"]) for m in moves], [(1, 2), (None, 1)])
        self.assertEqual((moves[0]["actor"], moves[0]["reason"]), ("ana", "better"))

    # ---- run

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

    # ---- gate

    def gate(self, *checks):
        path = self.registry.folder / "gate.yaml"
        path.write_text("mlcm: gate/v1\nchecks:\n" + "".join(f"  - {c}\n" for c in checks))
        return path

    def test_gate_replay_over_recorded_counts(self):
        policy = self.gate("{name: errors, compare: error, tolerate: 1.25x}")
        ticks = self.registry.folder / "ticks.csv"
        ticks.write_text("tick,candidate_requests,candidate_errors,stable_requests,stable_errors\n1,100,0,1900,0\n" +
                         "".join(f"{i},100,20,1900,19\n" for i in range(2, 8)))
        out = self.json("gate", "replay", policy, ticks)["ticks"]
        self.assertEqual((out[0]["run"], out[0]["tick"], out[0]["log_e_fail"], out[0]["verdict"]), (None, 1, 0, "inconclusive"))
        self.assertEqual(out[-1]["verdict"], "fail")
        self.assertGreater(out[-1]["log_e_fail"], out[-2]["log_e_fail"])

    def test_gate_run_on_recorded_evaluations(self):
        self.register(1)
        self.mlcm("evaluate", "digits/1", "holdout", "accuracy=0.93")
        good = self.gate("{name: accuracy, evaluation: accuracy, at_least: 0.9}")
        self.assertEqual(self.json("gate", "run", good, "--model", "digits/1")["verdict"], "pass")
        bad = self.gate("{name: accuracy, evaluation: accuracy, at_least: 0.95, on_fail: rollback}")
        self.assertEqual(self.json("gate", "run", bad, "--model", "digits/1", code=3)["verdict"], "fail")
        unknown = self.gate("{name: f1, evaluation: f1, at_least: 0.9}")
        self.assertEqual(self.json("gate", "run", unknown, "--model", "digits/1", code=4)["verdict"], "inconclusive")

    def test_a_misspelt_key_says_line_column_and_what_was_meant(self):
        done = self.raw("gate", "lint", self.gate("{name: errors, compare: error, tolerat: 1.25x}"))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"gate\.yaml:3:\d+: .*'tolerat'.*'tolerate'")

    # ---- log, audit, gc

    def test_the_feed_has_every_change_and_the_audit_log_verifies(self):
        self.register(1, "--alias", "champion", "--actor", "ana")
        self.register(2)
        self.mlcm("alias", "set", "digits", "champion", 2)
        lines = [json.loads(line) for line in self.mlcm("log", "--json").splitlines()]
        self.assertEqual([line["seq"] for line in lines], list(range(1, len(lines) + 1)))
        self.assertIn("version.registered", [line["kind"] for line in lines])
        self.assertTrue(self.json("audit", "verify")["ok"])

    def test_gc_on_a_dry_run_changes_nothing(self):
        self.register(1)
        self.assertTrue(self.json("gc", "--dry-run")["dry_run"])
        self.assertTrue(self.json("verify", "digits/1")["ok"])

    # ---- habits

    def test_unknown_words_get_the_nearest_spelling(self):
        for words, meant in ((["regster"], "register"), (["alias", "sett"], "alias set"), (["register", "a", "b", "--alas", "c"], "--alias")):
            done = self.raw(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(f"did you mean '{'mlcm ' if not meant.startswith('-') else ''}{meant}'", done.stderr)
        self.register(1)
        self.assertIn("digits", self.raw("show", "digts/1").stderr)

    def test_exit_codes(self):
        self.assertEqual(self.raw().returncode, 0)
        self.assertEqual(self.raw("show").returncode, 2)
        self.assertEqual(self.raw("show", "nothing/1").returncode, 6)
        self.assertEqual(self.raw("list", "--registry", self.registry.folder / "none").returncode, 6)
        self.assertEqual(self.raw("register", "a@b", DIGITS / "digits-1.onnx").returncode, 1)

    def test_results_go_to_stdout_messages_to_stderr_and_no_colours_off_a_terminal(self):
        self.register(1)
        done = self.raw("show", "digits/1")
        self.assertNotIn("\033", done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        self.assertEqual(self.raw("show", "digits/9").stdout, "")

    def test_every_command_has_help_and_json(self):
        names = re.findall(r"^  ((?:[a-z]+ )+)", self.mlcm("--help").split("First steps")[0], re.M)
        self.assertGreater(len(names), 30)
        for name in names:
            text = self.mlcm(*name.split(), "--help")
            self.assertIn("--json", text, name)

    def test_on_a_terminal_a_table_has_a_header(self):
        self.register(1)
        shown = on_terminal(self.registry, "list")
        self.assertIn("MODEL", shown)
        self.assertNotIn("MODEL", self.mlcm("list"))

    def test_completion_is_a_script_that_bash_accepts(self):
        script = self.mlcm("completion", "bash")
        self.assertEqual(subprocess.run(["bash", "-n"], input=script, text=True).returncode, 0)


def csv_name(test):
    """The name of the model's only input, as its error message gives it."""
    done = test.raw("run", "digits/1", "--input", "-", stdin="a\n1\n")
    return re.search(r"input '([^']+)'", done.stderr).group(1)


def on_terminal(registry, *args):
    """What the program prints when its output is a terminal."""
    parent, child = pty.openpty()
    env = {**registry.env, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen([BIN / "mlcm", *args], env=env, stdout=child, stderr=child)
    os.close(child)
    out = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    process.wait()
    os.close(parent)
    return out.decode()


if __name__ == "__main__":
    unittest.main()
