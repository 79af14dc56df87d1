# SPDX-License-Identifier: Apache-2.0
"""Models, versions, tags, aliases, evaluations, the feed: what is kept, and how it is found again."""
import hashlib
import json
import unittest

from harness import DIGITS, CliTest

DATASET = "sha256:" + "ab" * 32


class Versions(CliTest):
    def test_register_keeps_everything_that_was_said(self):
        made = self.register(1, "--alias", "champion", "--tag", "team=vision", "--tag", "empty=", "--description", "first", "--dataset", DATASET,
                             "--revision", "abc123", "--run-link", "http://runs/1", "--actor", "ana", "--reason", "a start")
        shown = self.json("show", "digits@champion")
        self.assertEqual(made, shown)
        self.assertEqual((shown["model"], shown["version"], shown["actor"], shown["reason"]), ("digits", 1, "ana", "a start"))
        self.assertEqual(shown["tags"], {"team": "vision", "empty": ""})
        self.assertEqual(shown["aliases"], ["champion"])
        digest = hashlib.sha256((DIGITS / "digits-1.onnx").read_bytes()).hexdigest()
        self.assertEqual(shown["files"][0]["sha256"], digest)

    def test_every_spelling_of_a_reference(self):
        self.register(1, "--alias", "champion")
        self.register(2)
        for ref, version in (("digits/1", 1), ("digits@champion", 1), ("models:/digits/2", 2), ("models:/digits@champion", 1)):
            self.assertEqual(self.json("show", ref)["version"], version, ref)
        self.assertEqual(self.json("show", "digits")["name"], "digits")

    def test_a_folder_is_one_version(self):
        folder = self.registry.folder / "model"
        (folder / "deep").mkdir(parents=True)
        (folder / "b.txt").write_text("b")
        (folder / "deep" / "a.txt").write_text("a")
        made = self.json("register", "folder", folder)
        self.assertEqual([f["path"] for f in made["files"]], ["b.txt", "deep/a.txt"])
        self.assertTrue(self.json("verify", "folder/1")["ok"])

    def test_list_and_search(self):
        self.register(1, "--tag", "team=vision")
        self.register(2, "--tag", "team=other", "--alias", "champion")
        self.assertEqual([m["name"] for m in self.json("list")["models"]], ["digits"])
        self.assertEqual([v["version"] for v in self.json("list", "digits")["versions"]], [2, 1])
        found = lambda text: [v["version"] for v in self.json("search", text)["versions"]]
        self.assertEqual(found("tags.team = 'vision'"), [1])
        self.assertEqual(found("name LIKE 'dig%' AND version > 1"), [2])
        self.assertEqual(found("alias = 'champion'"), [2])
        self.assertEqual(found("created > '2001-01-01' AND tags.team ILIKE 'VIS%'"), [1])

    def test_search_pages_by_key(self):
        for _ in range(5):
            self.register(1)
        seen, token = [], None
        while True:
            page = self.json("search", "name = 'digits'", "--order", "version", "--limit", 2, *(["--page", token] if token else []))
            seen += [v["version"] for v in page["versions"]]
            token = page["next"]
            if not token:
                break
        self.assertEqual(seen, [1, 2, 3, 4, 5])

    def test_a_wrong_filter_says_where_and_what_was_meant(self):
        done = self.raw("search", "name = 'x' AND verson > 1")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"1:16: .*verson.*version")

    def test_delete_and_restore(self):
        self.register(1)
        self.mlcm("delete", "digits/1")
        self.assertEqual(self.json("list", "digits")["versions"], [])
        self.mlcm("restore", "digits/1")
        self.assertEqual(len(self.json("list", "digits")["versions"]), 1)

    def test_evaluations_stay_with_the_version(self):
        self.register(1)
        self.mlcm("evaluate", "digits/1", "holdout", "accuracy=0.93", "loss=0.2", "--dataset", DATASET, "--samples", 600)
        e = self.json("show", "digits/1")["evaluations"][0]
        self.assertEqual((e["name"], e["dataset_digest"], e["n_samples"], e["metrics"]), ("holdout", DATASET, 600, {"accuracy": 0.93, "loss": 0.2}))

    def test_alias_moves_are_compare_and_swap_and_kept(self):
        self.register(1, "--alias", "champion")
        self.register(2)
        self.mlcm("alias", "set", "digits", "champion", 2, "--expect", 1, "--actor", "ana", "--reason", "better")
        done = self.raw("alias", "set", "digits", "champion", 1, "--expect", 1, "--json")
        self.assertEqual(done.returncode, 7)
        self.assertEqual(json.loads(done.stdout)["error"]["status"], "CONFLICT")
        moves = self.json("alias", "history", "digits", "champion")["moves"]
        self.assertEqual([(m["from"], m["to"]) for m in moves], [(1, 2), (None, 1)])
        self.assertEqual((moves[0]["actor"], moves[0]["reason"]), ("ana", "better"))

    def test_the_feed_has_every_change_and_the_audit_log_verifies(self):
        self.register(1, "--alias", "champion", "--actor", "ana")
        self.register(2)
        self.mlcm("alias", "set", "digits", "champion", 2)
        lines = [json.loads(line) for line in self.mlcm("log", "--json").splitlines()]
        self.assertEqual([line["seq"] for line in lines], list(range(1, len(lines) + 1)))
        self.assertIn("version.registered", [line["kind"] for line in lines])
        self.assertTrue(self.json("audit", "verify")["ok"])

    def test_what_people_see_of_a_version(self):
        self.register(1, "--alias", "champion", "--alias", "prod", "--tag", "team=vision", "--tag", "k=v", "--description", "first", "--reason", "a start", "--actor", "ana")
        self.mlcm("evaluate", "digits/1", "holdout", "accuracy=0.93", "loss=0.2")
        self.mlcm("tag", "digits", "owner=ana")
        shown = self.mlcm("show", "digits/1")
        for part in ("digits/1\n", "alias        champion\n", "description  first\n", " by ana\n", "tag          team = vision\n", "file         digits-1.onnx  3.6 KiB  sha256:",
                     "holdout: accuracy=0.93 loss=0.2  "):
            self.assertIn(part, shown)
        model = self.mlcm("show", "digits")
        for part in ("digits\n", "versions     1, newest 1\n", "alias        champion -> 1\n", "tag          owner = ana\n"):
            self.assertIn(part, model)
        self.assertIn("@champion->1 @prod->1", self.mlcm("list"))
        self.assertRegex(self.mlcm("list", "digits"), "digits/1\t@champion @prod\tk=v team=vision\t")

    def test_tags_come_and_go(self):
        self.register(1, "--alias", "champion")
        self.assertEqual(self.mlcm("tag", "digits", "owner=ana", "k=v"), "tagged digits\n")
        self.assertEqual(self.json("tag", "digits@champion", "a=b"), {"model": "digits", "version": 1, "done": "tagged"})
        self.assertEqual(self.json("show", "digits")["tags"], {"owner": "ana", "k": "v"})
        self.mlcm("tag", "digits", "k=")
        self.mlcm("tag", "digits/1", "a=")
        self.assertEqual((self.json("show", "digits")["tags"], self.json("show", "digits/1")["tags"]), ({"owner": "ana"}, {}))
        self.fails(2, "'word' is not of the form K=V", "tag", "digits/1", "x=y", "word")
        self.assertEqual(self.json("show", "digits/1")["tags"], {}) # nothing half done
        self.fails(6, "no alias 'none'", "tag", "digits@none", "x=y")
        self.fails(1, "reference", "tag", "digits/one", "x=y")
        self.fails(6, "does not exist", "tag", "none", "x=y")

    def test_deleted_models_and_versions_are_marked_and_come_back(self):
        self.register(1)
        self.mlcm("delete", "digits/1")
        self.assertTrue(self.mlcm("show", "digits/1").startswith("digits/1  deleted\n"))
        self.mlcm("restore", "digits/1")
        self.assertEqual(self.json("delete", "digits"), {"model": "digits", "done": "deleted"})
        self.assertTrue(self.mlcm("show", "digits").startswith("digits  deleted\n"))
        self.assertEqual(self.mlcm("restore", "digits"), "restored digits\n")
        self.fails(6, "is not deleted", "restore", "digits/1")

    def test_aliases_keep_a_version_from_being_deleted_unless_forced(self):
        self.register(1, "--alias", "champion")
        self.fails(7, "digits@champion stands on version 1", "delete", "digits/1")
        self.mlcm("delete", "digits/1", "--force")
        self.assertEqual(self.json("show", "digits")["aliases"], {})

    def test_what_register_refuses(self):
        self.fails(2, "--tag 'word' is not of the form K=V", "register", "digits", DIGITS / "digits-1.onnx", "--tag", "a=b", "--tag", "word")
        self.fails(6, "'/nowhere' cannot be registered", "register", "digits", "/nowhere")
        self.fails(1, "256 allowed", "register", "a" * 300, DIGITS / "digits-1.onnx")
        self.assertEqual(self.json("list")["models"], [])

    def test_what_evaluate_refuses(self):
        self.register(1)
        for words in (["accuracy"], ["accuracy="], ["accuracy=high"], ["accuracy=1x"], ["accuracy=inf"], ["a=1", "b"]):
            self.fails(2, "is not of the form METRIC=NUMBER", "evaluate", "digits/1", "holdout", *words)
        self.fails(2, "'digits' names a model; an evaluation is of a version, e.g. digits/1", "evaluate", "digits", "holdout", "a=1")
        self.fails(2, "--samples wants a number, got '-1'", "evaluate", "digits/1", "holdout", "a=1", "--samples", "-1")
        self.fails(6, "digits/7 does not exist", "evaluate", "digits/7", "holdout", "a=1")

    def test_alias_moves_as_people_see_them(self):
        self.register(1)
        self.register(2)
        self.assertEqual(self.mlcm("alias", "set", "digits", "champion", 1), "digits@champion is version 1\n")
        self.mlcm("alias", "set", "digits", "champion", 2, "--reason", "better", "--actor", "ana")
        self.assertEqual(self.mlcm("alias", "delete", "digits", "champion", "--force"), "removed digits@champion\n")
        lines = self.mlcm("alias", "history", "digits", "champion").splitlines()
        self.assertRegex(lines[0], r"   2 -> -    ")
        self.assertRegex(lines[1], r'   1 -> 2    manual    ana  "better"$')
        self.assertRegex(lines[2], r"   - -> 1    manual    \w+$")
        done = self.raw("alias", "history", "digits", "champion", "--limit", 1)
        self.assertRegex(done.stderr, "perhaps more: --page [0-9]+\n")
        page = self.json("alias", "history", "digits", "champion", "--limit", 1)
        self.assertEqual(self.json("alias", "history", "digits", "champion", "--page", page["next"])["moves"][0]["to"], 2)
        self.fails(2, "--limit wants", "alias", "history", "digits", "champion", "--limit", "x")
        for option, words in (("--expect", ["set", "digits", "champion", 1]), ("--expect", ["delete", "digits", "champion"]), ("--page", ["history", "digits", "champion"])):
            self.fails(2, f"{option} wants .*, got 'x'", "alias", *words, option, "x")
        self.fails(6, "no alias 'none'", "alias", "delete", "digits", "none")
        self.fails(6, "does not exist", "alias", "history", "none", "champion")

    def test_lists_say_when_there_is_nothing_and_when_there_is_more(self):
        self.assertEqual(self.raw("list").stderr, "nothing found\n")
        self.assertEqual(self.raw("list", "--quiet").stderr, "")
        self.register(1)
        self.register(2)
        self.assertRegex(self.raw("list", "digits", "--limit", 1).stderr, r"more: --page \S+\n")
        self.assertEqual([m["name"] for m in self.json("search", "name = 'digits'", "--models")["models"]], ["digits"])
        self.fails(6, "model 'none' does not exist", "list", "none")
        self.mlcm("register", "it's", DIGITS / "digits-1.onnx")
        self.assertIn("it's/1", self.mlcm("list", "it's"))
        self.fails(1, "token", "list", "--page", "x")

    def test_the_feed_as_people_see_it(self):
        self.register(1, "--alias", "champion", "--actor", "ana", "--reason", "a start")
        self.mlcm("backup", "make", self.registry.folder / "backup")
        lines = self.mlcm("log").splitlines()
        self.assertRegex(lines[1], r'^     2  .{19}  version.registered  digits/1           ana  "a start"$')
        self.assertRegex(lines[2], "digits/1@champion")
        self.assertRegex(lines[3], "registry.backed_up  ")
        self.assertEqual(self.raw("log", "--limit", 2).stderr, "perhaps more: --after 2\n")
        self.assertEqual(len(self.mlcm("log", "--after", 2).splitlines()), 2)
        self.fails(2, "--after wants a sequence number, got '-1'", "log", "--after", -1)
        self.fails(2, "--limit wants a number from 1 to 10000", "log", "--limit", 10001)


if __name__ == "__main__":
    unittest.main()
