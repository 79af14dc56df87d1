# SPDX-License-Identifier: Apache-2.0
"""Checks and upkeep: verify, audit, gc, fsck, backup, restore."""
import unittest

from harness import CliTest


class Keep(CliTest):
    def test_gc_on_a_dry_run_changes_nothing(self):
        self.register(1)
        self.assertTrue(self.json("gc", "--dry-run")["dry_run"])
        self.assertTrue(self.json("verify", "digits/1")["ok"])

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

    def damage(self, path, at=100):
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)

    def stored(self, version):
        digest = self.json("show", f"digits/{version}")["files"][0]["sha256"]
        return next(p for p in self.registry.dir.rglob("*") if p.is_file() and digest[2:] in p.name)

    def test_fsck_says_what_is_damaged_and_what_it_put_right(self):
        self.register(1, "--alias", "champion")
        backup = self.registry.folder / "backup"
        self.mlcm("backup", "make", backup)
        self.assertRegex(self.mlcm("fsck"), r"1 version, 1 object \(3.6 KiB\), 4 entries in the audit log: all sound\n$")
        self.damage(self.stored(1))
        out = self.mlcm("fsck", code=1)
        self.assertRegex(out, r"digits/1 digits-1.onnx: .*\n    expected [0-9a-f]{64}, found [0-9a-f]{64}\n    \S.*\n")
        self.assertRegex(out, "1 damaged, 0 repaired, 1 left\n$")
        self.assertIn("next: mlcm fsck --repair", self.on_terminal("fsck", "--from", backup, code=1))
        self.assertFalse(self.json("fsck", code=1)["clean"])
        out = self.mlcm("fsck", "--repair", "--from", backup)
        self.assertRegex(out, r"digits/1 digits-1.onnx: .*\n.*\n    repaired\n")
        self.assertRegex(out, "1 damaged, 1 repaired, 0 left\n$")
        self.assertTrue(self.json("fsck")["clean"])
        self.stored(1).unlink()
        self.assertRegex(self.mlcm("fsck", code=1), "found nothing|is gone|missing")
        self.fails(6, "backup|no registry", "fsck", "--repair", "--from", "/nowhere")

    def test_fsck_of_what_is_no_registry_any_more(self):
        self.register(1)
        database = self.registry.dir / "registry.db"
        for name in ("registry.db-wal", "registry.db-shm"):
            (self.registry.dir / name).unlink(missing_ok=True)
        database.write_bytes(b"\xff" * 8192)
        found = self.mlcm("fsck", code=1)
        self.assertRegex(found, r"registry.db: .*file is not a database.*\n    only a backup has it")
        self.assertEqual(found.count("cannot be opened"), 1)
        done = self.raw("fsck", "--repair")
        self.assertEqual(done.returncode, 1)
        self.assertIn("registry.db", done.stdout)
        self.fails(1, "file is not a database", "list")
        self.assertIn("next: mlcm fsck names whatever is damaged", self.on_terminal("list", code=1))

    def test_what_broken_off_work_left_goes_to_the_trash_and_then_away(self):
        self.register(1)
        lost = self.registry.dir / "objects" / "ab" / ("cd" * 31)
        lost.parent.mkdir(parents=True, exist_ok=True)
        lost.write_bytes(b"abc")
        (self.registry.dir / "tmp" / "left-over").write_bytes(b"x")
        self.assertRegex(self.mlcm("gc", "--dry-run", "--grace", "0s"), r"would have moved to the trash 1 object, 3 bytes")
        self.assertIn("next: mlcm gc", self.on_terminal("gc", "--dry-run", "--grace", "0s"))
        self.assertRegex(self.mlcm("gc", "--grace", "0s"), r"moved to the trash 1 object, 3 bytes.*\n(.*\n)?\S+ kept 1 object \(3.6 KiB\)")
        self.assertRegex(self.mlcm("gc", "--grace", "0s"), r"removed 1 object, 3 bytes that lay in the trash\n")
        for grace in ("2m", "1h", "1.5d"):
            self.assertEqual(self.json("gc", "--grace", grace)["trashed"], 0)
        for grace in ("", "5", "x", "5x", "-5s", "1e9d", "nand"):
            self.fails(2, "--grace wants a duration such as 24h", "gc", "--grace", grace)

    def test_a_finding_that_is_no_damage(self):
        self.register(1)
        (self.registry.dir / "audit.head").unlink()
        out = self.mlcm("fsck")
        self.assertRegex(out, "audit.head: there is no head file.*\n    it is written anew .*\n.*: all sound\n$")
        self.assertNotIn("repaired", out)
        self.assertRegex(self.mlcm("fsck", "--repair"), "audit.head: .*\n    repaired\n")

    def test_verify_and_audit_as_people_see_them(self):
        self.register(1)
        self.assertRegex(self.mlcm("verify", "digits"), "digits/1: 1 file, every byte as registered\n$")
        self.assertRegex(self.mlcm("audit", "verify"), "audit log: [0-9]+ entries, root [0-9a-f]{64}\n$")
        self.fails(6, "digits/2 does not exist", "verify", "digits/2")
        root = "0" * 64
        for anchor in ("", "x", "1", f"0:{root}", f"1:{root}0", f"1:g{root[1:]}", f"1:0g{root[2:]}", f"x:{root}"):
            self.fails(2, "--anchor wants N:ROOT", "audit", "verify", "--anchor", anchor)

    def test_backups_as_people_see_them(self):
        backup = self.registry.folder / "backup"
        self.assertRegex(self.mlcm("backup", "make", backup), r"backup in \S+: 0 versions, 0 objects, .* KiB\n  audit log: 0 entries, root [0-9a-f]{64}\n$")
        self.assertRegex(self.mlcm("audit", "verify"), "audit log: 1 entry, root")
        self.assertRegex(self.mlcm("backup", "restore", backup, "--registry", self.registry.folder / "again"), "registry at ")
        self.fails(7, "exists already and is not touched", "backup", "restore", backup)
        self.fails(6, "there is no backup in", "backup", "restore", "/nowhere", "--registry", self.registry.folder / "third")


if __name__ == "__main__":
    unittest.main()
