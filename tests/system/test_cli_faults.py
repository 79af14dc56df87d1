# SPDX-License-Identifier: Apache-2.0
"""The program when the world is against it: memory, disks, streams, signals, what others did to the registry.

MLCM_TEST_STRIDE=1 (./test.sh --soak) lets every allocation fail in turn; by default every one that the program asks for itself, and a
sample of the libraries'.
"""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import unittest

from harness import BIN, DIGITS, PRELOAD, CliTest, until

SHOT = {"LC_ALL": "C"} # no allocation of the locale


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

    def program(self, *args, **options):
        return subprocess.Popen([BIN / "mlcm", *map(str, args)], env=self.registry.env, text=True, **options)

    def test_ctrl_c_ends_what_waits_with_130(self):
        self.registry.digits(1, 2)
        self.registry.start(2, ["{name: wrong, compare: outcome.wrong, tolerate: 1.25x}"])
        for words, first in ((["log", "--follow"], "model.created"), (["rollout", "watch", "digits"], "decision 1")):
            process = self.program(*words, stdout=subprocess.PIPE)
            self.assertIn(first, process.stdout.readline())
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130, words)
        for words, shown in ((["rollout", "status", "digits", "--wait"], "step 1 of 1"), (["log", "--follow", "--after", 99], "")): # where it stood; nothing yet
            process = self.program(*words, stdout=subprocess.PIPE)
            caught = lambda: int(re.search("SigCgt:\t(.*)", pathlib.Path(f"/proc/{process.pid}/status").read_text()).group(1), 16)
            until(lambda: caught() & 1 << signal.SIGINT - 1, "it waits for Ctrl-C")
            process.send_signal(signal.SIGINT)
            self.assertIn(shown, process.communicate(timeout=60)[0])
            self.assertEqual(process.returncode, 130)

    def test_follow_tells_what_comes_later(self):
        process = self.program("log", "--follow", "--json", stdout=subprocess.PIPE)
        self.register(1)
        self.assertEqual(json.loads(process.stdout.readline())["kind"], "model.created")
        self.assertEqual(json.loads(process.stdout.readline())["kind"], "version.registered")
        process.stdout.close() # nobody reads any more: it ends by itself at the next line
        self.register(1)
        self.assertEqual(process.wait(timeout=60), -signal.SIGPIPE)

    def test_output_that_cannot_be_written_is_an_error(self):
        self.registry.digits(1, 2)
        self.registry.start(2, ["{name: wrong, compare: outcome.wrong, tolerate: 1.25x}"])
        def unwritten(*words):
            with open("/dev/full", "w") as full:
                done = subprocess.run([BIN / "mlcm", *words], env=self.registry.env, stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual((done.returncode, done.stderr), (1, "mlcm: the output could not be written\n"), words)
        for words in (["list"], ["show", "digits/1", "--json"], ["help"], ["man"], ["version"], ["log", "--follow"], ["rollout", "watch", "digits"]):
            unwritten(*words)
        self.mlcm("rollout", "abort", "digits")
        unwritten("rollout", "watch", "digits") # that it was aborted does not hide it
        with open("/dev/full", "w") as full: # a worse exit status stays
            done = subprocess.run([BIN / "mlcm", "show", "none/1", "--json"], env=self.registry.env, stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 6)

    def test_closed_streams_are_not_the_next_file_that_is_opened(self):
        closed = lambda *args, fds: subprocess.run(["sh", "-c", f'exec "$@" {" ".join(f"{fd}>&-" for fd in fds)}', "sh", BIN / "mlcm", *args],
                                                   env=self.registry.env, capture_output=True, text=True)
        done = closed("register", "digits", DIGITS / "digits-1.onnx", fds=[1])
        self.assertEqual((done.returncode, done.stderr), (1, "mlcm: the output could not be written\n"))
        self.assertEqual(closed("register", "digits", DIGITS / "digits-1.onnx", fds=[0, 1, 2]).returncode, 1)
        self.assertEqual(closed("show", "none", fds=[2]).returncode, 6)
        self.assertTrue(self.json("fsck")["clean"])
        self.assertEqual([v["version"] for v in self.json("list", "digits")["versions"]], [2, 1])
        done = closed("run", "digits/1", "--input", "-", fds=[0])
        self.assertRegex(done.stderr, "standard input cannot be read: Bad file descriptor")

    def test_a_folder_of_somebody_else_is_left_alone(self):
        other = self.registry.folder / "other"
        other.mkdir()
        with sqlite3.connect(other / "registry.db") as database:
            database.execute("CREATE TABLE notes(text)")
        database.close()
        for words in (["list"], ["init"], ["register", "a", DIGITS / "digits-1.onnx"]):
            self.fails(1, "belongs to another program.*name another directory", *words, "--registry", other)
        self.fails(6, "there is no registry in '.*/plain'", "list", "--registry", self.file("plain", "text"))
        self.fails(6, "Not a directory", "init", self.registry.folder / "plain" / "below")

    def test_a_feed_that_is_lost_is_told(self):
        self.register(1)
        with sqlite3.connect(self.registry.dir / "registry.db") as database:
            database.execute("DROP TABLE event")
        database.close()
        for more in ([], ["--follow"]):
            self.fails(1, "no such table: event", "log", *more)

    def test_a_newer_registry_asks_for_a_newer_program(self):
        self.register(1)
        with sqlite3.connect(self.registry.dir / "registry.db") as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
        for words in (["list"], ["tag", "digits/1", "a=b"], ["fsck"], ["init"]):
            self.fails(1, "schema version 99, this library knows up to [0-9]+: use a newer library", *words)

    def test_a_lock_that_somebody_holds_is_7_or_waited_for(self):
        self.register(1)
        database = sqlite3.connect(self.registry.dir / "registry.db", isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        self.assertIn("digits", self.mlcm("list")) # reading goes on
        process = self.program("tag", "digits/1", "a=b", stdout=subprocess.PIPE)
        database.execute("ROLLBACK")
        database.close()
        self.assertEqual(process.communicate(timeout=60)[0], "tagged digits/1\n")

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("mount"), "only root mounts")
    def test_a_full_disk_and_one_that_cannot_be_written(self):
        small = self.registry.folder / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True).returncode != 0:
            self.skipTest("mount is not allowed here")
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        self.registry.env["MLCM_REGISTRY"] = str(small / "registry")
        self.mlcm("init")
        self.register(1)
        large = self.file("large.bin", os.urandom(2 << 20))
        self.fails(1, "cannot be written in .*: No space left on device", "register", "large", large)
        self.assertIn("next: make room; mlcm gc removes what nothing needs", self.on_terminal("register", "large", large, code=1))
        self.assertEqual([m["name"] for m in self.json("list")["models"]], ["digits"])
        self.assertTrue(self.json("fsck")["clean"])
        backup = self.registry.folder / "backup"
        self.mlcm("backup", "make", backup)
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        self.assertIn("digits", self.mlcm("list"))
        self.mlcm("verify", "digits/1")
        for words in (["register", "digits", DIGITS / "digits-1.onnx"], ["tag", "digits/1", "a=b"], ["gc"], ["init", small / "second"], ["backup", "make", small / "backup"]):
            self.fails(1, "Read-only file system", *words)
        subprocess.run(["mount", "-o", "remount,rw", small], check=True)
        next(p for p in (small / "registry" / "objects").rglob("*") if p.is_file()).unlink()
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        done = self.raw("fsck", "--repair", "--from", backup)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "nothing was repaired: .*Read-only file system")

    # ---- memory

    def shot(self, args, n, own, count=None):
        env = {**self.registry.env, **SHOT, "LD_PRELOAD": PRELOAD, "MLCM_TEST_FAIL": str(n), **({"MLCM_TEST_OWN": "1"} if own else {}),
               **({"MLCM_TEST_COUNT": str(count)} if count else {})}
        return subprocess.run([BIN / "mlcm", *map(str, args)], env=env, capture_output=True, text=True, timeout=120)

    def attack(self, args, own, samples):
        """Lets allocation 1, 2, 3 ... of a command that changes nothing fail: it answers as if nothing had been, or says why not."""
        count = self.registry.folder / "count"
        whole = self.shot(args, 0, own, count)
        stride = 1 if "MLCM_TEST_STRIDE" in os.environ else max(1, int(count.read_text()) // samples)
        last = int(count.read_text())
        for n in sorted({*range(1, last + 1, stride), *range(max(1, last - (2 if own else 8)), last + 1)}): # the answer is made at the end
            done = self.shot(args, n, own)
            if done.returncode == whole.returncode and done.stdout == whole.stdout:
                continue
            self.assertIn(done.returncode, (1, 6), f"allocation {n} of mlcm {args}: {done.stdout}{done.stderr}")
            told = done.stdout if "--json" in args else done.stderr
            self.assertRegex(told, '"error":' if "--json" in args else "^mlcm: ", f"allocation {n} of mlcm {args}")

    COMMANDS = (["list"], ["list", "digits"], ["show", "digits"], ["show", "digits/1", "--json"], ["search", "name = 'digits'", "--json"], ["log", "--json"], ["log"],
                ["alias", "history", "digits", "champion", "--json"], ["verify", "digits/1"], ["audit", "verify", "--json"], ["fsck"], ["fsck", "--json"], ["gc", "--dry-run"],
                ["rollout", "list", "--json"], ["rollout", "status", "digits", "--json"], ["rollout", "watch", "digits", "--timeout", "0"], ["rollout", "status", "digits"],
                ["rollout", "explain", "digits"], ["rollout", "replay", "digits", "--json"], ["run", "digits/1", "--input", DIGITS / "traffic.csv", "--without", "digit", "--limit", "2", "--json"],
                ["run", "digits/1", "--input", DIGITS / "traffic.csv", "--without", "digit", "--limit", "2"], ["help", "list"], ["help", "alias", "--json"], ["completion", "fish"],
                ["man"], ["version", "--json"], ["show", "none/1", "--json"], ["lst"], ["gate", "lint", "PLAN"], ["gate", "lint", "PLAN", "--json"])

    def test_a_file_larger_than_allowed_is_told_and_nothing_is_registered(self):
        big = self.registry.folder / "big.bin"
        big.write_bytes(bytes(3 << 20))
        allow = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        done = subprocess.run([BIN / "mlcm", "register", "big", big], env=self.registry.env, text=True, capture_output=True, preexec_fn=allow)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("File too large", done.stderr)
        self.assertEqual(self.json("list")["models"], [])
        self.register(1)

    @unittest.skipIf(PRELOAD is None, "a sanitizer is in the way")
    def test_memory_that_runs_out_is_said_and_nothing_is_lost(self):
        self.registry.digits(1, 2)
        self.registry.start(2, ["{name: wrong, compare: outcome.wrong, tolerate: 1.25x}"])
        for args in self.COMMANDS:
            args = [self.registry.folder / "plan-2.yaml" if a == "PLAN" else a for a in args]
            self.attack(args, True, 8)
            self.attack(args, False, 3)
        self.assertTrue(self.json("fsck")["clean"])

    @unittest.skipIf(PRELOAD is None, "a sanitizer is in the way")
    def test_an_answer_without_memory_is_said(self):
        self.register(1)
        count = self.registry.folder / "count"
        for args, what in ((["list", "--json"], "model"), (["register", "digits", DIGITS / "digits-2.onnx", "--json"], "version")):
            self.shot(args, 0, False, count)
            last = int(count.read_text())
            said = [self.shot(args, n, False).stdout for n in range(last - 60, last)] # the answer is made near the end
            self.assertTrue(any(f"out of memory while building the {what}'s JSON" in text for text in said), said)
            self.assertEqual({len(text.splitlines()) for text in said}, {1})

    @unittest.skipIf(PRELOAD is None, "a sanitizer is in the way")
    def test_a_change_without_memory_is_made_whole_or_not_at_all(self):
        self.register(1)
        changes = (["register", "digits", DIGITS / "digits-2.onnx", "--tag", "a=b"], ["tag", "digits/1", "k=v"], ["evaluate", "digits/1", "e", "m=1"],
                   ["alias", "set", "digits", "champion", 1, "--json"], ["delete", "digits/1", "--force"], ["restore", "digits/1", "--json"],
                   ["backup", "make", self.registry.folder / "backup"], ["gc"])
        for args in changes:
            for n in (1, 3, 10, 40, 150, 600, 2000, 6000):
                done = self.shot(args, n, n < 100)
                self.assertIn(done.returncode, (0, 1, 6, 7), f"allocation {n} of mlcm {args}: {done.stdout}{done.stderr}")
                self.assertTrue(done.returncode == 0 or done.stderr or "error" in done.stdout, f"allocation {n} of mlcm {args}")
                shutil.rmtree(self.registry.folder / "backup", ignore_errors=True)
        self.assertTrue(self.json("fsck")["clean"])
        self.mlcm("audit", "verify")


if __name__ == "__main__":
    unittest.main()
