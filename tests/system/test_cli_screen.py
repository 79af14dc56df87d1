# SPDX-License-Identifier: Apache-2.0
"""What people see: tables, colours, folded lines, the tree of a rollout, progress."""
import json
import os
import re
import signal
import subprocess
import unittest

from harness import BIN, DIGITS, PRELOAD, CliTest, Exporter, Service, until


class Screen(CliTest):
    def test_control_characters_of_a_registry_never_reach_the_screen(self):
        self.register(1, "--reason", "a\033[2Jb\nc\u009bd", "--tag", "k=x\ty")
        for command in (["show", "digits/1"], ["log"], ["list", "digits"]):
            out = self.mlcm(*command)
            self.assertNotRegex(out.replace("\n", ""), "[\0-\x08\x0b-\x1f\x7f-\x9f]", command)
        self.assertIn("a?[2Jb c?d", self.mlcm("show", "digits/1"))
        self.assertIn("k=x y", self.mlcm("list", "digits"))
        self.assertEqual(self.json("show", "digits/1")["reason"], "a\033[2Jb\nc\u009bd")

    def test_the_tree_is_cut_to_the_terminal(self):
        self.registry.digits(1, 2)
        self.registry.start(2, ["{name: a rather long name of a check, compare: outcome.wrong, tolerate: 1.25x}",
                                "{name: up, http: {url: 'http://127.0.0.1:9/'}, status: 200}"])
        for columns in (40, 60, 100):
            shown = self.on_terminal("rollout", "watch", "digits", "--timeout", "1", columns=columns)
            self.assertIn("\033[", shown)
            lines = re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "").split("\n")
            self.assertLessEqual(max(map(len, lines)), columns)
            self.assertIn("no process serves this"[:columns - 4], shown)
        plain = self.on_terminal("rollout", "watch", "digits", "--timeout", "0", term="dumb")
        self.assertNotIn("\033", plain)
        self.assertIn("decision 1", plain)

    def test_no_colours_where_they_are_not_wanted(self):
        self.register(1)
        self.assertIn("\033[", self.on_terminal("show", "digits/1"))
        self.assertNotIn("\033[", self.on_terminal("show", "digits/1", NO_COLOR="1"))
        self.assertNotIn("\033[", self.on_terminal("show", "digits/1", "--no-color"))
        self.assertNotIn("\033[", self.on_terminal("show", "digits/1", term="dumb"))

    def test_on_a_terminal_a_table_has_a_header(self):
        self.register(1)
        shown = self.on_terminal("list")
        self.assertIn("MODEL", shown)
        self.assertNotIn("MODEL", self.mlcm("list"))

    def test_a_terminal_of_another_size_is_drawn_anew(self):
        self.registry.digits(1, 2)
        self.registry.start(2, ["{name: wrong, compare: outcome.wrong, tolerate: 1.25x}"])
        process, terminal = self.start_on_terminal("rollout", "watch", "digits", columns=100)
        self.assertNotIn("\033[H", self.read_terminal(terminal, "nothing is measured"))
        self.resize(terminal, 50, 40)
        shown = self.read_terminal(terminal, "\033[H\033[J") + self.read_terminal(terminal, "nothing is")
        self.narrow(shown.split("\033[H\033[J")[1], 50)
        process.send_signal(signal.SIGINT)
        self.read_terminal(terminal)
        self.assertEqual(process.wait(), 130)
        os.close(terminal)

    def test_json_is_never_drawn(self):
        self.registry.digits(1, 2)
        self.registry.start(2, ["{name: wrong, compare: outcome.wrong, tolerate: 1.25x}"])
        self.mlcm("rollout", "pause", "digits")
        for words, n in ((["rollout", "watch", "digits", "--timeout", 0], 2), (["rollout", "status", "digits"], 1), (["list"], 1), (["verify", "digits/1"], 1)):
            shown = self.on_terminal(*words, "--json").splitlines()
            self.assertEqual((len(shown), {type(json.loads(line)) for line in shown}), (n, {dict}), words)

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

    def test_bytes_that_are_no_utf8_reach_neither_screen_nor_json(self):
        for word in (b"a\xff\xfe", b"\xe2\x82", b"\x9b31m", b"\xc2\x9b31m", b"\xf4\x90\x80\x80"):
            for args in ([b"list", word], [word], [b"list", b"--registry", word], [b"gate", b"lint", word]):
                done = subprocess.run([os.fsencode(BIN / "mlcm"), *args], env=self.registry.env, capture_output=True)
                self.assertGreater(done.returncode, 0)
                self.assertNotRegex(done.stderr.decode(), "[\x80-\x9f]") # it decodes, and has no control character
                done = subprocess.run([os.fsencode(BIN / "mlcm"), *args, b"--json"], env=self.registry.env, capture_output=True)
                self.assertTrue(json.loads(done.stdout.decode())["error"]["message"])

    def test_advice_on_a_plan_is_folded(self):
        self.registry.digits(1, 2)
        self.registry.start(2, ["{name: wrong, compare: outcome.wrong, tolerate: 1.25x}"])
        plan = self.registry.folder / "plan-2.yaml"
        self.assertGreater(max(map(len, self.mlcm("gate", "lint", plan).splitlines())), 150)
        self.narrow(self.on_terminal("gate", "lint", plan, columns=90), 90)

    def test_the_feed_fits_a_usual_terminal(self):
        self.register(1, "--alias", "champion", "--actor", "ana")
        self.assertEqual(len(self.on_terminal("log", columns=80).splitlines()), 3)

    def narrow(self, text, columns):
        lines = re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "").split("\n")
        self.assertLessEqual(max(map(len, lines)), columns, text)

    def test_screens_fold_to_the_terminal(self):
        self.register(1, "--alias", "champion", "--description", "the first of a long row of models that classify digits", "--reason", "because")
        self.narrow(self.on_terminal("help", columns=44), 52) # examples stay whole
        for columns in (24, 32, 40, 100):
            for args in (["list"], ["list", "digits"], ["fsck"], ["gc"], ["help", "gc"], ["log"], ["alias", "history", "digits", "champion"],
                         ["list", "--registry", "/nowhere"], ["rollout", "list"]):
                self.narrow(self.on_terminal(*args, columns=columns), max(columns, 34))
        self.assertIn("  description  the first of a long\r\n               row of models", self.on_terminal("show", "digits/1", "--no-color", columns=36))
        self.assertIn("\r\n  --json\r\n      JSON for machines instead\r\n", self.on_terminal("help", "gc", columns=32))
        self.narrow(self.on_terminal("help", columns=300), 120)

    def test_where_a_terminal_does_not_say_how_wide_it_is(self):
        self.registry.digits(1, 2)
        self.registry.start(2, ["{name: up, http: {url: 'http://127.0.0.1:9/'}, status: 200}"])
        self.narrow(self.on_terminal("rollout", "status", "digits", columns=0, rows=0), 80)

    def test_plain_signs_where_the_locale_has_no_others(self):
        self.register(1)
        self.assertTrue(self.on_terminal("verify", "digits/1", LC_ALL="C", NO_COLOR="1").startswith("ok digits/1: "))
        self.assertIn("no voz", self.on_terminal("list", "no vozÀ", LC_ALL="C", code=6))
        plain = self.on_terminal("fsck", LC_ALL="C", PRELOAD="", NO_COLOR="1")
        self.assertTrue(plain.isascii(), plain)

    def test_colours_can_be_forced(self):
        self.register(1)
        self.registry.env["CLICOLOR_FORCE"] = "1"
        self.assertIn("\033[36m", self.mlcm("show", "digits/1"))
        self.assertNotIn("\033", self.mlcm("show", "digits/1", "--no-color"))
        for term in (None, ""):
            del self.registry.env["CLICOLOR_FORCE"]
            self.assertNotIn("\033", self.on_terminal("show", "digits/1", term=term))
            self.registry.env["CLICOLOR_FORCE"] = "1"

    def test_wide_and_joined_characters_keep_tables_straight(self):
        self.register(1, "--tag", "k=\u6f22\u5b57", "--actor", "ana")
        self.register(1, "--tag", "k=e\u0301abc", "--actor", "ana") # takes four columns
        rows = self.on_terminal("list", "digits", "--no-color").splitlines()[1:3]
        self.assertEqual([row.index("20") - extra for row, extra in zip(rows, (1, -2))], [rows[0].index("20") - 1] * 2, rows)

    def test_the_tree_of_a_rollout_that_is_served(self):
        self.registry.digits(1, 2, 3)
        exporter = Exporter("")
        self.addCleanup(exporter.close)
        service = Service(self.registry)
        self.addCleanup(service.close)
        up = f"http: {{url: 'http://127.0.0.1:{exporter.port}/'}}"
        self.registry.start(2, ["{name: answers, compare: outcome.wrong, tolerate: 1.05x}", f"{{name: up, {up}, status: 200}}",
                                f"{{name: odd, {up}, status: 404, on_fail: hold}}", f"{{name: seen, {up}, status: 404, on_fail: report}}",
                                "{name: gone, http: {url: 'http://127.0.0.1:9/'}, status: 200, on_fail: hold}",
                                "{name: busy, prometheus: {url: 'http://127.0.0.1:9', query: x}, at_least: 1, on_fail: hold}"],
                            steps="[{weight: 1%, for: 1h}, {weight: 60%, for: 2h}]", expire="{after: 5h, action: rollback}")
        tree = until(lambda: (lambda t: t if "out of limits" in t and "more answers" in t or "proven" in t else None)(
            self.on_terminal("rollout", "status", "digits", "--no-color", columns=140)), "it has seen something")
        for part in (r"/2 against /1 \(@champion\)  progressing, step 1 of 2 at 1 %, (1h00m|59m\d\ds) left", r"expires after 5h00m; 1 process serves it, pid \d+ decides",
                     r"answers \S .*%", r"up +\u2714 within limits", r"odd +\u2716 out of limits .*  holds\r", r"seen +\u2716 out of limits .*  only shown\r",
                     r"busy +\u25cc .*holds, does not fail", r"   /2 +\u2588\u00b7+ +1.0 % .* requests", r"waits for: "):
            self.assertRegex(tree, part)
        low = self.on_terminal("rollout", "status", "digits", "--no-color", rows=11)
        self.assertRegex(low, "\u2514\u2500 [4-5] more\r\n")
        self.mlcm("rollout", "promote", "digits")
        until(lambda: self.registry.status()["status"] == "promoted", "it is promoted")
        self.assertRegex(self.on_terminal("rollout", "status", "digits", "--no-color"), r"\u2714 digits .*promoted(.|\r\n)*ended at \d\d:\d\d:\d\d after \S+, in step")
        line = self.mlcm("rollout", "watch", "digits").splitlines()[-1]
        self.assertRegex(line, "promoted in step .*; answers (pass|fail|open) .*; up pass; odd fail; ")

    def test_what_to_do_next_is_said_where_somebody_reads_it(self):
        self.assertIn("next: mlcm register", self.on_terminal("init", self.registry.folder / "second"))
        said = lambda name, *more: self.on_terminal("register", name, DIGITS / "digits-1.onnx", *more, NO_COLOR="1")
        self.assertIn("next: mlcm alias set digits champion 1\r\n", said("digits"))
        self.assertIn("next: mlcm rollout start PLAN, whose candidate is this version\r\n", said("digits"))
        self.assertNotIn("next:", said("digits", "--alias", "best"))
        self.assertIn("next: mlcm alias set 'it'\\''s mine' champion 1\r\n", said("it's mine"))
        for quiet in ("--quiet", "--json"):
            self.assertNotIn("next:", self.on_terminal("register", "digits", DIGITS / "digits-1.onnx", quiet))
        self.assertIn("next: mlcm restore digits/1", self.on_terminal("delete", "digits/1"))
        self.assertIn("next: mlcm fsck --registry", self.on_terminal("backup", "make", self.registry.folder / "backup"))
        self.assertEqual(self.raw("delete", "digits/2").stderr, "")

    @unittest.skipIf(PRELOAD is None, "a sanitizer is in the way")
    def test_long_work_shows_how_far_it_is(self):
        self.register(1)
        slow = {"LD_PRELOAD": PRELOAD, "MLCM_TEST_CLOCK": "400"}
        bar = self.on_terminal("fsck", **slow)
        self.assertIn("checking " + 24 * "\u2588" + " 100 %  3.6 KiB of 3.6 KiB  ", bar)
        self.assertIn("KiB/s  0s left\r\033[K", bar) # and it is taken away
        self.assertIn("checking " + 24 * "#", self.on_terminal("verify", "digits/1", LC_ALL="C", **slow).replace("verifying", "checking"))
        self.assertRegex(self.on_terminal("gc", **slow), r"looking 1 object  \d+ objects?/s\r")
        for args in (["--quiet"], ["--json"]):
            self.assertNotIn("checking", self.on_terminal("fsck", *args, **slow))
        self.assertNotIn("checking", self.on_terminal("fsck", term="dumb", **slow))
        large = self.registry.folder / "large.bin"
        with open(large, "wb") as file:
            file.truncate(24 << 20) # sparse
        bar = self.on_terminal("register", "large", large, **slow) # how often it is drawn depends on how fast the disk is
        self.assertRegex(bar, r"reading [\u2588\u2591]{24} +\d+ %  \d+\.\d MiB of 24.0 MiB  .*/s  \S+ left")


if __name__ == "__main__":
    unittest.main()
