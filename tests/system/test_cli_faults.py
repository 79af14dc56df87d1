# SPDX-License-Identifier: Apache-2.0
"""The program when the world is against it: memory, disks, streams, signals."""
import json
import pathlib
import signal
import subprocess
import unittest

from harness import BIN, CliTest, until


class Faults(CliTest):
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


if __name__ == "__main__":
    unittest.main()
