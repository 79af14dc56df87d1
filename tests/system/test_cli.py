# SPDX-License-Identifier: Apache-2.0
"""The program as people and scripts use it: what it prints, where, and how it ends."""
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import termios
import unittest

from harness import BIN, DIGITS, Registry, until

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

    def test_options_of_every_command_may_come_first(self):
        self.assertEqual(json.loads(self.raw("--json", "--registry", self.registry.dir, "list").stdout)["models"], [])

    def test_with_json_every_error_is_an_object_on_stdout(self):
        for words, code, status in ((["show", "none/1"], 6, "NOT_FOUND"), (["show"], 2, "USAGE"), (["shwo", "x"], 2, "USAGE"), (["alias"], 2, "USAGE"),
                                    (["list", "--limit", "many"], 2, "USAGE"), (["gate", "lint", "/nowhere.yaml"], 6, "NOT_FOUND"),
                                    (["list", "--nosuch"], 2, "USAGE"), (["completion", "tcsh"], 2, "USAGE")):
            done = self.raw(*words, "--json")
            self.assertEqual((done.returncode, done.stderr), (code, ""), words)
            self.assertEqual(json.loads(done.stdout)["error"]["status"], status, words)

    def test_json_as_the_value_of_an_option_is_no_option(self):
        done = self.raw("register", "digits", DIGITS / "digits-1.onnx", "--reason", "--json")
        self.assertEqual((done.returncode, done.stdout[:10]), (0, "registered"))

    def test_a_group_lists_its_verbs(self):
        self.assertIn("set, delete, history", self.raw("alias").stderr)
        self.assertIn("rollout start", self.mlcm("help", "rollout"))
        done = self.raw("help", "rolout")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean 'mlcm rollout", done.stderr)

    def test_control_characters_of_a_registry_never_reach_the_screen(self):
        self.register(1, "--reason", "a\033[2Jb\nc\u009bd", "--tag", "k=x\ty")
        for command in (["show", "digits/1"], ["log"], ["list", "digits"]):
            out = self.mlcm(*command)
            self.assertNotRegex(out.replace("\n", ""), "[\0-\x08\x0b-\x1f\x7f-\x9f]", command)
        self.assertIn("a?[2Jb c?d", self.mlcm("show", "digits/1"))
        self.assertIn("k=x y", self.mlcm("list", "digits"))
        self.assertEqual(self.json("show", "digits/1")["reason"], "a\033[2Jb\nc\u009bd")

    def test_fsck_backup_and_restore(self):
        self.register(1, "--alias", "champion")
        self.assertTrue(self.json("fsck")["clean"])
        backup = self.registry.folder / "backup"
        made = self.json("backup", "make", backup)
        self.assertEqual(self.raw("backup", "make", backup).returncode, 7)
        anchor = f"{made['audit_entries']}:{made['audit_root']}"
        again = self.registry.folder / "again"
        self.assertEqual(self.json("backup", "restore", backup, "--registry", again)["audit_root"], made["audit_root"])
        self.mlcm("audit", "verify", "--registry", again, "--anchor", anchor)
        self.assertEqual(self.json("show", "digits@champion", "--registry", again)["version"], 1)
        self.assertEqual(self.raw("audit", "verify", "--anchor", "1:" + "0" * 64).returncode, 1)
        self.assertEqual(self.raw("audit", "verify", "--anchor", "1:xyz").returncode, 2)
        self.mlcm("fsck", "--registry", backup)

    def test_rollouts_without_a_process_that_serves(self):
        self.registry.digits(1, 2)
        started = self.registry.start(2, ["{name: wrong, compare: outcome.wrong, tolerate: 1.25x}"])
        self.assertEqual(started, "started rollout 1 of digits: /2 against /1 (@champion), step 1 of 1 at 50 %\n")
        self.assertEqual(self.raw("rollout", "watch", "digits", "--timeout", 0).returncode, 124)
        self.assertEqual(self.raw("rollout", "start", self.registry.folder / "plan-2.yaml").returncode, 7)
        self.assertEqual(self.json("rollout", "pause", "digits", "--actor", "ana", "--reason", "lunch")["status"], "paused")
        self.assertEqual(self.json("rollout", "explain", "digits")["note"], "lunch")
        self.mlcm("rollout", "abort", "digits")
        self.assertIn("aborted", self.mlcm("rollout", "watch", "digits", code=5))
        self.mlcm("rollout", "status", "digits", "--wait", code=5)
        self.assertEqual([r["status"] for r in self.json("rollout", "list")["rollouts"]], ["aborted"])

    def test_the_tree_is_cut_to_the_terminal(self):
        self.registry.digits(1, 2)
        self.registry.start(2, ["{name: a rather long name of a check, compare: outcome.wrong, tolerate: 1.25x}",
                                "{name: up, http: {url: 'http://127.0.0.1:9/'}, status: 200}"])
        for columns in (40, 60, 100):
            shown = on_terminal(self.registry, "rollout", "watch", "digits", "--timeout", "1", columns=columns)
            self.assertIn("\033[", shown)
            lines = re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "").split("\n")
            self.assertLessEqual(max(map(len, lines)), columns)
            self.assertIn("no process serves this"[:columns - 4], shown)
        plain = on_terminal(self.registry, "rollout", "watch", "digits", "--timeout", "0", term="dumb")
        self.assertNotIn("\033", plain)
        self.assertIn("decision 1", plain)

    def test_no_colours_where_they_are_not_wanted(self):
        self.register(1)
        self.assertIn("\033[", on_terminal(self.registry, "show", "digits/1"))
        self.assertNotIn("\033[", on_terminal(self.registry, "show", "digits/1", no_color="1"))
        self.assertNotIn("\033[", on_terminal(self.registry, "show", "digits/1", "--no-color"))
        self.assertNotIn("\033[", on_terminal(self.registry, "show", "digits/1", term="dumb"))

    def test_ctrl_c_ends_long_work_with_130(self):
        big = self.registry.folder / "big.bin"
        with open(big, "wb") as file:
            file.truncate(1 << 30) # sparse
        process = subprocess.Popen([BIN / "mlcm", "register", "big", big, "--json"], env=self.registry.env, stdout=subprocess.PIPE, text=True)
        tmp = pathlib.Path(self.registry.dir) / "tmp"
        until(lambda: any(tmp.iterdir()) or process.poll() is not None, "the upload begins")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, out)
        self.assertEqual(json.loads(out)["error"]["status"], "CANCELLED")
        self.assertEqual(self.json("list")["models"], [])

    def test_the_manual_page_has_every_command(self):
        page = self.mlcm("man").replace("\\-", "-").replace("\\fR \\fI", " ").replace("\\fB", "").replace("\\fI", "").replace("\\fR", "")
        for command in json.loads(self.raw("help", "--json").stdout)["commands"]:
            self.assertIn(f".SS mlcm {command['name']}", page)
            for option in command["options"]:
                self.assertIn("--" + option["name"], page)

    def test_on_a_terminal_a_table_has_a_header(self):
        self.register(1)
        shown = on_terminal(self.registry, "list")
        self.assertIn("MODEL", shown)
        self.assertNotIn("MODEL", self.mlcm("list"))

    def test_completion_is_a_script_that_bash_accepts(self):
        script = self.mlcm("completion", "bash")
        self.assertEqual(subprocess.run(["bash", "-n"], input=script, text=True).returncode, 0)
        for words, found in ("mlcm rollo", "rollout"), ("mlcm rollout sta", "start status"), ("mlcm alias set --exp", "--expect"), ("mlcm list --lim", "--limit"):
            ask = f'{script}\nCOMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}; _mlcm; echo "${{COMPREPLY[*]}}"'
            self.assertEqual(subprocess.run(["bash", "-c", ask], capture_output=True, text=True).stdout.strip(), found)


def csv_name(test):
    """The name of the model's only input, as its error message gives it."""
    done = test.raw("run", "digits/1", "--input", "-", stdin="a\n1\n")
    return re.search(r"input '([^']+)'", done.stderr).group(1)


def on_terminal(registry, *args, columns=100, term="xterm", no_color=""):
    """What the program prints when its output is a terminal."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {**registry.env, "TERM": term, "NO_COLOR": no_color, "LC_ALL": "C.UTF-8"}
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
