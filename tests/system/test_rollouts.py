# SPDX-License-Identifier: Apache-2.0
"""Rollouts of a real service, steered and watched from other processes."""
import json
import signal
import unittest

from harness import Registry, Service, until

WRONG = "{name: wrong answers, compare: outcome.wrong, tolerate: 1.25x}"


class Rollouts(unittest.TestCase):
    def setUp(self):
        self.registry = Registry()
        self.addCleanup(self.registry.close)
        self.registry.digits(1, 2, 3)
        self.service = self.serve()

    def serve(self):
        service = Service(self.registry)
        self.addCleanup(service.close)
        return service

    def wait_for(self, status, seconds=60):
        return until(lambda: self.registry.status()["status"] == status and self.registry.status(), status, seconds)

    def test_a_better_version_is_promoted(self):
        self.registry.start(2, [WRONG], steps="[{weight: 25%, for: 500ms}, {weight: 50%, for: 500ms}]")
        self.registry.mlcm("rollout", "watch", "digits", "--timeout", 60)
        self.assertEqual(self.registry.json("show", "digits@champion")["version"], 2)
        self.assertEqual([d["action"] for d in self.registry.decisions()], ["start", "advance", "promote"])
        self.assertEqual(self.service.stop()["dropped"], 0)

    def test_a_worse_version_is_rolled_back(self):
        self.registry.mlcm("alias", "set", "digits", "champion", 2)
        self.registry.start(3, [WRONG])
        self.registry.mlcm("rollout", "status", "digits", "--wait", "--timeout", 60, code=5)
        self.assertEqual(self.registry.json("show", "digits@champion")["version"], 2)
        self.assertEqual(self.service.stop()["dropped"], 0)
        replay = self.registry.json("rollout", "replay", "digits")
        self.assertEqual(replay["decisions"], replay["identical"])

    def test_pause_resume_and_abort_from_another_process(self):
        self.registry.start(2, [WRONG], steps="[{weight: 25%, for: 10m}]", expire="{after: 1h, action: rollback}")
        self.registry.mlcm("rollout", "pause", "digits", "--actor", "ana", "--reason", "lunch")
        self.assertEqual(self.registry.status()["status"], "paused")
        self.registry.mlcm("rollout", "resume", "digits")
        self.wait_for("progressing", 10)
        self.registry.mlcm("rollout", "abort", "digits", "--reason", "enough")
        self.wait_for("aborted", 10)
        pause = self.registry.decisions()[1]
        self.assertEqual((pause["action"], pause["actor"]), ("pause", "ana"))
        self.assertEqual(self.registry.json("show", "digits@champion")["version"], 1)

    def test_promote_by_a_person(self):
        self.registry.start(3, [WRONG], steps="[{weight: 1%, for: 10m}]", expire="{after: 1h, action: rollback}")
        self.registry.mlcm("rollout", "promote", "digits", "--actor", "ana")
        self.wait_for("promoted", 10)
        self.assertEqual(self.registry.json("show", "digits@champion")["version"], 3)
        self.assertEqual(self.registry.json("rollout", "undo", "digits")["version"], 1)

    def test_the_service_is_killed_and_another_goes_on(self):
        self.registry.start(2, [WRONG], steps="[{weight: 25%, for: 4s}, {weight: 50%, for: 500ms}]")
        until(lambda: self.registry.status()["candidate_requests"] > 50, "traffic")
        self.service.process.send_signal(signal.SIGKILL)
        self.service.process.wait()
        self.assertEqual(self.registry.status()["status"], "progressing")
        self.service = self.serve()
        self.registry.mlcm("rollout", "status", "digits", "--wait", "--timeout", 90)
        self.assertEqual(self.service.stop()["dropped"], 0)
        replay = self.registry.json("rollout", "replay", "digits")
        self.assertEqual(replay["decisions"], replay["identical"])

    def test_two_services_share_one_rollout(self):
        other = self.serve()
        self.registry.start(2, [WRONG], steps="[{weight: 25%, for: 1s}]")
        self.registry.mlcm("rollout", "status", "digits", "--wait", "--timeout", 60)
        for service in (self.service, other):
            self.assertEqual(service.stop()["dropped"], 0)
        self.assertEqual([d["action"] for d in self.registry.decisions()], ["start", "promote"])

    def test_without_a_service_the_status_says_so(self):
        self.service.stop()
        self.registry.start(2, [WRONG])
        self.assertIn("no process serves", self.registry.mlcm("rollout", "status", "digits"))

    def test_watch_prints_a_json_line_for_each_decision(self):
        self.registry.start(2, [WRONG])
        lines = self.registry.mlcm("rollout", "watch", "digits", "--json", "--timeout", 60).splitlines()
        self.assertEqual([json.loads(line)["action"] for line in lines], ["start", "promote"])

    def test_the_alias_cannot_be_moved_under_a_rollout(self):
        self.registry.start(2, [WRONG], steps="[{weight: 25%, for: 10m}]", expire="{after: 1h, action: rollback}")
        self.registry.mlcm("alias", "set", "digits", "champion", 3, code=7)
        self.registry.mlcm("alias", "set", "digits", "champion", 3, "--force", "--actor", "bob")
        self.assertIn("bob", json.dumps(self.wait_for("paused", 10)))


if __name__ == "__main__":
    unittest.main()
