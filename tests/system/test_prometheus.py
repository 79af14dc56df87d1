# SPDX-License-Identifier: Apache-2.0
"""Rollouts gated by a real Prometheus: its values count, its absence holds."""
import unittest
import urllib.error
import urllib.request

from harness import Exporter, Prometheus, Registry, Service, until

ALWAYS = "expire: {after: 1h, action: rollback}"


class PrometheusGates(unittest.TestCase):
    def setUp(self):
        self.registry = Registry()
        self.addCleanup(self.registry.close)
        self.registry.digits(1, 2)
        self.exporter = Exporter("model_accuracy 0.97\n")
        self.addCleanup(self.exporter.close)
        self.prometheus = self.run_prometheus()

    def run_prometheus(self, port=None):
        prometheus = Prometheus(self.registry.folder, self.exporter, port)
        self.addCleanup(prometheus.close)
        until(lambda: self.ready(prometheus), "prometheus is ready")
        return prometheus

    def ready(self, prometheus):
        try:
            with urllib.request.urlopen(f"{prometheus.url}/api/v1/query?query=model_accuracy", timeout=2) as answer:
                return b'"value"' in answer.read()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def check(self, query="model_accuracy", rule="at_least: 0.9", more="on_fail: rollback"):
        return (f'{{name: accuracy, prometheus: {{url: "{self.prometheus.url}", query: "{query}", timeout: 1s, max_age: 3s}}, '
                f"{rule}, {more}}}")

    def serve(self):
        service = Service(self.registry)
        self.addCleanup(service.close)
        return service

    def wait_for(self, status, seconds=60):
        until(lambda: self.registry.status()["status"] == status, status, seconds)

    def gate(self, check, code):
        policy = self.registry.folder / "gate.yaml"
        policy.write_text(f"mlcm: gate/v1\nchecks:\n  - {check}\n")
        return self.registry.json("gate", "run", policy, code=code)

    def test_gate_run_tells_value_no_data_several_series_and_outage_apart(self):
        self.assertEqual(self.gate(self.check(), 0)["checks"][0]["value"], 0.97)
        self.assertEqual(self.gate(self.check(rule="at_least: 0.99"), 3)["verdict"], "fail")
        self.assertEqual(self.gate(self.check("no_such_series"), 4)["checks"][0]["measured"], "no data")
        self.assertEqual(self.gate(self.check("model_accuracy * NaN"), 4)["checks"][0]["measured"], "no data")
        self.assertEqual(self.gate(self.check("{__name__=~'up|model_accuracy'}"), 4)["checks"][0]["measured"], "error")
        self.assertEqual(self.gate(self.check("sum("), 4)["checks"][0]["measured"], "error")
        self.prometheus.kill()
        self.assertEqual(self.gate(self.check(), 4)["checks"][0]["measured"], "error")

    def test_a_good_value_promotes_and_a_bad_one_rolls_back(self):
        service = self.serve()
        self.registry.start(2, [self.check()])
        self.wait_for("promoted")
        self.registry.digits(3)
        self.exporter.text = "model_accuracy 0.5\n"
        self.registry.start(3, [self.check()])
        self.wait_for("rolled_back")
        self.assertEqual(service.stop()["dropped"], 0)

    def test_an_outage_in_mid_rollout_holds_and_its_end_lets_it_go_on(self):
        service = self.serve()
        self.registry.start(2, [self.check()], steps="[{weight: 25%, for: 4s}]", expire="{after: 1h, action: rollback}")
        until(lambda: self.registry.status()["checks"][0]["verdict"] == "pass", "the check passes")
        self.prometheus.kill()
        until(lambda: self.registry.status()["checks"][0]["last"]["kind"] in ("error", "stale"), "the outage is seen")
        until(lambda: self.registry.status()["step_remaining_ns"] == "0", "the step's time is over")
        state = self.registry.status()
        self.assertEqual((state["status"], state["step"]), ("progressing", 1))
        self.prometheus = self.run_prometheus(self.prometheus.port)
        self.wait_for("promoted")
        self.assertEqual(service.stop()["dropped"], 0)
        replay = self.registry.json("rollout", "replay", "digits")
        self.assertEqual(replay["decisions"], replay["identical"])

    def test_an_outage_that_lasts_expires_without_blame(self):
        self.serve()
        self.prometheus.kill()
        self.registry.start(2, [self.check()], expire="{after: 3s, action: rollback}")
        self.registry.mlcm("rollout", "status", "digits", "--wait", "--timeout", 60, code=4)
        self.assertEqual(self.registry.status()["status"], "expired")
        self.assertEqual(self.registry.json("show", "digits@champion")["version"], 1)


if __name__ == "__main__":
    unittest.main()
