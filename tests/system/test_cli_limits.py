# SPDX-License-Identifier: Apache-2.0
"""What the program is given may promise more than there is: it is refused in little memory. docs/limits.md has the limits."""
import os
import resource
import subprocess
import unittest

from harness import BIN, CliTest

# A sanitizer reserves more addresses than there are on a disk.
ADDRESSES = resource.RLIM_INFINITY if os.environ.get("MLCM_SANITIZED") else 1 << 30


class Limits(CliTest):
    def in_little_memory(self, *args, stdin):
        """Runs with a gigabyte of addresses and answers what it said on stderr."""
        done = subprocess.run([BIN / "mlcm", *args], env=self.registry.env, input=stdin, capture_output=True, text=True, timeout=120,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES)))
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_rows_that_promise_more_elements_than_the_text_has_bytes_take_no_memory(self):
        self.register(1)
        n = 100000
        first, others = ",".join(["0"] * n), ",".join(["0"] * n)
        said = self.in_little_memory("run", "digits/1", "--input", "-", stdin=f"[[{first}],{others}]")  # 10^10 of them
        self.assertIn("the rows are not all of the first one's form", said)

    def test_depth_of_an_input_ends(self):
        self.register(1)
        said = self.in_little_memory("run", "digits/1", "--input", "-", stdin="[" * 1000000)
        self.assertIn("not JSON", said)


if __name__ == "__main__":
    unittest.main()
