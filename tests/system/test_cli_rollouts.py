# SPDX-License-Identifier: Apache-2.0
"""`mlcm rollout` and `mlcm report` from outside: what is seen, what is steered, what is refused."""
import json
import os
import re
import signal
import sqlite3
import unittest

from harness import CliTest, Service, until

COMPARE = "{name: wrong, compare: outcome.wrong, tolerate: 1.25x}"


class Rollouts(CliTest):
    def setUp(self):
        super().setUp()
        self.registry.digits(1, 2)

    def test_pages_of_the_list(self):
        self.assertEqual(self.raw("rollout", "list").stderr, "no rollout yet\n")
        for _ in range(3):
            self.registry.start(2, [COMPARE])
            self.mlcm("rollout", "abort", "digits")
        done = self.raw("rollout", "list", "digits", "--limit", 2)
        self.assertEqual(re.findall(r"^\d+", done.stdout, re.M), ["3", "2"])
        self.assertEqual(done.stderr, "more: --page 2\n")
        page = self.json("rollout", "list", "--page", 2, "--limit", 1)
        self.assertEqual(([r["rollout"] for r in page["rollouts"]], page["next"]), ([1], None))
        self.assertEqual(self.json("rollout", "list", "--limit", 1)["next"], 3)
        self.assertEqual(self.json("rollout", "status", "digits")["rollout"], 3)
        self.assertIn("aborted", self.mlcm("rollout", "explain", "digits", "--rollout", 1))
        for option in ("--limit", "--page"):
            self.fails(2, f"{option} wants", "rollout", "list", option, "x")

    def test_what_is_refused(self):
        self.fails(6, "does not exist", "rollout", "status", "none")
        self.fails(2, "--timeout wants seconds", "rollout", "status", "digits", "--timeout", "soon")
        self.fails(2, "--timeout wants seconds", "rollout", "watch", "digits", "--timeout", "-1")
        self.fails(2, "--decision wants a number from 1", "rollout", "explain", "digits", "--decision", 0)
        self.fails(2, "--rollout wants a number", "rollout", "replay", "digits", "--rollout", "x")
        self.fails(6, "endpoint 'none' does not exist", "rollout", "list", "none")
        self.fails(6, "/nowhere: No such file", "rollout", "start", "/nowhere")
        self.fails(1, "plan.yaml", "rollout", "start", self.file("plan.yaml", "nothing"))
        self.fails(6, "digits@champion has no earlier good version", "rollout", "undo", "digits")
        self.registry.start(2, [COMPARE])
        self.fails(7, "rollout 1 is active", "rollout", "undo", "digits")
        self.fails(6, "endpoint 'digits' has no rollout 9", "rollout", "explain", "digits", "--rollout", 9)
        self.fails(6, "endpoint 'other' does not exist", "rollout", "explain", "other", "--rollout", 1)
        self.fails(6, "decision 9", "rollout", "explain", "digits", "--decision", 9)
        self.mlcm("rollout", "abort", "digits")
        for verb in ("pause", "resume", "promote", "abort"):
            self.fails(7, "has ended|ended|aborted", "rollout", verb, "digits")

    def test_steering_as_people_see_it(self):
        self.registry.start(2, [COMPARE])
        self.assertRegex(self.mlcm("rollout", "pause", "digits"), "^digits: paused: ")
        self.assertIn("\u2016", self.on_terminal("rollout", "status", "digits"))
        self.assertRegex(self.mlcm("rollout", "resume", "digits"), "^digits: progressing: ")
        self.assertRegex(self.mlcm("rollout", "promote", "digits"), "^digits: promoted: ")
        self.mlcm("rollout", "status", "digits", "--wait")
        self.assertIn("ended at", self.on_terminal("rollout", "watch", "digits"))
        self.assertRegex(self.mlcm("rollout", "replay", "digits"), "rollout 1: 4 decisions taken again from .*, all identical to the byte\n")
        self.assertEqual(self.mlcm("rollout", "undo", "digits"), "digits: back on version 1\n")
        self.assertEqual(self.raw("rollout", "status", "digits", "--wait", "--json").returncode, 0)

    def test_a_command_that_waits_for_its_process_is_said_to(self):
        service = Service(self.registry)
        self.addCleanup(service.close)
        self.registry.start(2, ["{name: up, http: {url: 'http://127.0.0.1:9/'}, status: 200, on_fail: hold}"],
                            steps="[{weight: 5%, for: 1m}, {weight: 50%, for: 1m}]")
        until(lambda: self.registry.status()["n_serving"] == 1 and self.registry.status()["holder"], "it serves and decides")
        try:
            # It may be stopped while it holds the writer lock: then the command is refused as busy. Or when its lease has just run out, on a
            # slow machine: then who commands decides.
            for _ in range(5):
                os.kill(service.process.pid, signal.SIGSTOP)
                done = self.raw("rollout", "pause", "digits")
                if done.returncode != 7 and "paused:" not in done.stdout:
                    break
                os.kill(service.process.pid, signal.SIGCONT)
                self.raw("rollout", "resume", "digits")
            self.assertEqual(done.stdout, "digits: written down; the serving process will pause it at its next tick\n", done.stderr)
            self.assertIn("1 command not obeyed yet", self.on_terminal("rollout", "status", "digits"))
        finally:
            os.kill(service.process.pid, signal.SIGCONT)

    def test_a_decision_that_was_changed_is_found_by_replay(self):
        self.registry.start(2, [COMPARE])
        self.mlcm("rollout", "abort", "digits")
        with sqlite3.connect(self.registry.dir / "registry.db") as database:
            database.execute("DROP TRIGGER decision_is_immutable")
            database.execute("UPDATE decision SET record = replace(record, '500000', '400000')")
        database.close()
        out = self.mlcm("rollout", "replay", "digits", code=1)
        self.assertRegex(out, "rollout 1: 0 of 2 decisions identical: decision 1 differs at byte ")
        self.assertTrue(self.json("rollout", "replay", "digits", code=1)["difference"])

    def test_a_rollout_without_its_endpoint_is_no_empty_list(self):
        self.registry.start(2, [COMPARE])
        with sqlite3.connect(self.registry.dir / "registry.db") as database:
            database.execute("DELETE FROM endpoint")
        database.close()
        self.fails(6, "endpoint 1 does not exist", "rollout", "list")

    def test_a_report_of_what_became_of_an_answer(self):
        service = Service(self.registry, 100)
        ticket = service.stop()["ticket"]
        self.assertRegex(self.mlcm("report", "digits", ticket, "wrong"), "^counted for version 1\n$")
        self.assertEqual(self.json("report", "digits", ticket, "score", "--value", 0.5)["value"], 0.5)
        for value in ("much", "inf", ""):
            self.fails(2, "--value wants a finite number", "report", "digits", ticket, "wrong", "--value", value)
        self.fails(1, "not a ticket", "report", "digits", "text", "wrong")
        self.fails(6, "does not exist", "report", "none", ticket, "wrong")
        self.fails(6, "no registry", "report", "digits", ticket, "wrong", "--registry", "/nowhere")


if __name__ == "__main__":
    unittest.main()
