# SPDX-License-Identifier: Apache-2.0
"""What people see: tables, colours, folded lines, the tree of a rollout, progress."""
import re
import unittest

from harness import DIGITS, CliTest


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


if __name__ == "__main__":
    unittest.main()
