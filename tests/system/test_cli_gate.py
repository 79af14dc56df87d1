# SPDX-License-Identifier: Apache-2.0
"""`mlcm gate`: lint, run, replay."""
import unittest

from harness import CliTest


class Gate(CliTest):
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

    def test_gate_run_as_people_see_it(self):
        self.register(1)
        self.mlcm("evaluate", "digits/1", "holdout", "accuracy=0.93")
        policy = self.gate("{name: errors, compare: error, tolerate: 1.25x}", "{name: accuracy, evaluation: accuracy, at_least: 0.95}",
                           "{name: enough, evaluation: accuracy, at_least: 0.9}")
        out = self.mlcm("gate", "run", policy, "--model", "digits/1", code=3)
        self.assertRegex(out, r"errors +compares two versions: that needs a rollout\n\S+ accuracy .*at least 0.95 wanted.*\n\S+ enough .*at least 0.9 wanted\nfail: accuracy")
        self.assertRegex(self.mlcm("gate", "run", policy, code=4), r"no data: name a version to look at")
        good = self.gate("{name: enough, evaluation: accuracy, at_least: 0.9}")
        self.assertRegex(self.mlcm("gate", "run", good, "--model", "digits/1"), r"\npass: ")
        self.fails(6, "model 'none' does not exist", "gate", "run", good, "--model", "none/1")
        self.fails(6, "no registry", "gate", "run", good, "--model", "none/1", "--registry", "/nowhere")
        self.fails(6, "/nowhere: No such file", "gate", "run", "/nowhere")
        self.fails(1, "gate.yaml/below: Not a directory", "gate", "run", f"{good}/below")

    def test_lint_names_the_line_of_a_step(self):
        plan = self.file("plan.yaml", "mlcm: rollout/v1\nendpoint: digits\ncandidate: digits/1\nsteps:\n  - {weight: 5%, for: 1m}\n"
                                      "checks:\n  - {name: w, compare: outcome.wrong, tolerate: 1.25x}\n")
        self.assertRegex(self.mlcm("gate", "lint", plan, "--rate", 7.5), r"at today's 7.5/s\); the step \(line 5\) lasts 1 min")
        self.assertTrue(self.json("gate", "lint", plan)["findings"])
        for rate in ("0", "-1", "many", "inf"):
            self.fails(2, "--rate wants requests a second", "gate", "lint", plan, "--rate", rate)
        self.fails(1, "larger than 1.0 MiB, the most that is read", "gate", "lint", "/dev/zero")
        self.fails(1, "plan.yaml|nothing", "gate", "lint", self.file("plan.yaml", "nothing"))

    def test_replay_as_people_see_it(self):
        policy = self.gate("{name: errors, compare: error, tolerate: 1.25x}")
        ticks = self.file("ticks.csv", "tick,candidate_requests,candidate_errors,stable_requests,stable_errors\n1,100,0,1900,0\n")
        self.assertRegex(self.mlcm("gate", "replay", policy, ticks), "log E fail +log E pass +verdict")
        self.fails(1, "ticks", "gate", "replay", policy, self.file("ticks.csv", "nothing"))
        self.fails(6, "/nowhere: No such file", "gate", "replay", policy, "/nowhere")
        self.fails(6, "/nowhere: No such file", "gate", "replay", "/nowhere", ticks)


if __name__ == "__main__":
    unittest.main()
