# SPDX-License-Identifier: Apache-2.0
"""The command line itself: options, spelling, help, manual, completion, exit statuses."""
import json
import re
import subprocess
import unittest

from harness import BIN, DIGITS, CliTest


class Words(CliTest):
    def test_unknown_words_get_the_nearest_spelling(self):
        for words, meant in ((["regster"], "register"), (["alias", "sett"], "alias set"), (["register", "a", "b", "--alas", "c"], "--alias")):
            done = self.raw(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(f"did you mean '{'mlcm ' if not meant.startswith('-') else ''}{meant}'", done.stderr)
        self.register(1)
        self.assertIn("digits", self.raw("show", "digts/1").stderr)

    def test_exit_codes(self):
        self.assertEqual(self.raw().returncode, 0)
        self.assertEqual(self.raw("show").returncode, 2)
        self.assertEqual(self.raw("show", "nothing/1").returncode, 6)
        self.assertEqual(self.raw("list", "--registry", self.registry.folder / "none").returncode, 6)
        self.assertEqual(self.raw("register", "a@b", DIGITS / "digits-1.onnx").returncode, 1)

    def test_results_go_to_stdout_messages_to_stderr_and_no_colours_off_a_terminal(self):
        self.register(1)
        done = self.raw("show", "digits/1")
        self.assertNotIn("\033", done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        self.assertEqual(self.raw("show", "digits/9").stdout, "")

    def test_every_command_has_help_and_json(self):
        names = re.findall(r"^  ((?:[a-z]+ )+)", self.mlcm("--help").split("First steps")[0], re.M)
        self.assertGreater(len(names), 30)
        for name in names:
            text = self.mlcm(*name.split(), "--help")
            self.assertIn("--json", text, name)

    def test_options_of_every_command_may_come_first(self):
        self.assertEqual(json.loads(self.raw("--json", "--registry", self.registry.dir, "list").stdout)["models"], [])

    def test_with_json_every_error_is_an_object_on_stdout(self):
        for words, code, status in ((["show", "none/1"], 6, "NOT_FOUND"), (["show"], 2, "USAGE"), (["shwo", "x"], 2, "USAGE"), (["alias"], 2, "USAGE"),
                                    (["list", "--limit", "many"], 2, "USAGE"), (["gate", "lint", "/nowhere.yaml"], 6, "NOT_FOUND"),
                                    (["list", "--nosuch"], 2, "USAGE"), (["completion", "tcsh"], 2, "USAGE")):
            done = self.raw(*words, "--json")
            self.assertEqual((done.returncode, done.stderr), (code, ""), words)
            self.assertEqual(json.loads(done.stdout)["error"]["status"], status, words)

    def test_json_as_the_value_of_an_option_is_no_option(self):
        done = self.raw("register", "digits", DIGITS / "digits-1.onnx", "--reason", "--json")
        self.assertEqual((done.returncode, done.stdout[:10]), (0, "registered"))

    def test_a_group_lists_its_verbs(self):
        self.assertIn("set, delete, history", self.raw("alias").stderr)
        self.assertIn("rollout start", self.mlcm("help", "rollout"))
        done = self.raw("help", "rolout")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean 'mlcm rollout", done.stderr)

    def test_the_manual_page_has_every_command(self):
        page = self.mlcm("man").replace("\\-", "-").replace("\\fR \\fI", " ").replace("\\fB", "").replace("\\fI", "").replace("\\fR", "")
        for command in json.loads(self.raw("help", "--json").stdout)["commands"]:
            self.assertIn(f".SS mlcm {command['name']}", page)
            for option in command["options"]:
                self.assertIn("--" + option["name"], page)
        for known in ("MLCM_REGISTRY", "NO_COLOR", "CLICOLOR_FORCE", ".mlcm"):
            self.assertRegex(page, f"\n\\.[BI] {re.escape(known)}\n")

    def test_completion_is_a_script_that_bash_accepts(self):
        script = self.mlcm("completion", "bash")
        self.assertEqual(subprocess.run(["bash", "-n"], input=script, text=True).returncode, 0)
        for words, found in ("mlcm rollo", "rollout"), ("mlcm rollout sta", "start status"), ("mlcm alias set --exp", "--expect"), ("mlcm list --lim", "--limit"):
            ask = f'{script}\nCOMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}; _mlcm; echo "${{COMPREPLY[*]}}"'
            self.assertEqual(subprocess.run(["bash", "-c", ask], capture_output=True, text=True).stdout.strip(), found)

    def test_what_is_wrong_with_an_option_is_said(self):
        for words, said in ((["list", "--limit"], "--limit wants a value: --limit N"), (["list", "--json=1"], "--json takes no value"),
                            (["list", "-x"], "unknown option '-x': options are long ones"), (["list", "--lim=3"], "no option '--lim'"),
                            (["list", "--zzzzzz"], "'mlcm help list' lists them"), (["--regisry", "x", "list"], "did you mean '--registry'"),
                            (["--limit", "1", "list"], "options of a command come behind its name"), (["list", "a", "b"], "too many arguments"),
                            (["list", *["--quiet"] * 129], "more than 128 options"), (["tag", *["a=b"] * 65], "more than 64 arguments"),
                            (["zzzzzzzzzzzz"], "'mlcm help' lists them all"), (["z" * 1000], "unknown command 'z{80}'"), (["alias", "zzzzzzz"], "no verb 'zzzzzzz': set, delete, history"),
                            (["alias", "--limit"], "wants a verb"), (["init", "a", "--registry", "b"], "give the directory once"),
                            (["list", "--limit", "1001"], "from 1 to 1000, got '1001'"), (["list", "--limit", "0"], "from 1 to 1000"),
                            (["list", "--limit", ""], "got ''"), (["list", "--limit", "+5"], "got"), (["list", "--limit", "5x"], "got '5x'"),
                            (["list", "--limit", "9" * 30], "from 1 to 1000, got '9"), (["alias", "set", "m", "a", "one"], "VERSION is a number, got 'one'"),
                            (["completion", "tcsh"], "no completion for 'tcsh': bash, zsh or fish"), (["help", "foo", "bar", "baz"], "there is no help on 'foo bar'"), (["alia"], "did you mean 'mlcm alias'")):
            self.fails(2, said, *words)

    def test_words_behind_two_dashes_are_arguments(self):
        self.register(1)
        self.mlcm("tag", "--", "digits/1", "--limit=3")
        self.assertEqual(self.json("show", "digits/1")["tags"], {"--limit": "3"})
        self.assertEqual(self.raw("--", "list").stdout, self.mlcm("list"))
        self.fails(6, "model '-' does not exist", "list", "-")
        self.fails(1, "version -1", "alias", "set", "digits", "champion", -1)

    def test_values_behind_an_equals_sign(self):
        self.register(1)
        self.assertEqual(len(self.json("list", "digits", "--limit=1")["versions"]), 1)

    def test_help_is_found_however_it_is_asked_for(self):
        alias = self.mlcm("help", "alias")
        self.assertIn("alias history NAME ALIAS", alias)
        for words in (["alias", "--help"], ["alias", "-h"], ["alias", "what", "--help"]):
            self.assertEqual(self.mlcm(*words), alias, words)
        whole = self.mlcm("help")
        for words in ([], ["-h"], ["--help"], ["help", "--help"]):
            self.assertEqual(self.mlcm(*words), whole, words)
        self.assertEqual(self.mlcm("help", "alias", "set"), self.mlcm("alias", "set", "--help"))
        self.assertIn("Example\n", self.mlcm("list", "--help"))
        self.assertEqual([c["name"] for c in json.loads(self.raw("help", "alias", "--json").stdout)["commands"]], ["alias set", "alias delete", "alias history"])
        self.fails(2, "there is no help on 're'", "help", "re") # neither a command nor a group, though some begin so
        done = self.raw("help", "nothing", "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["error"]["status"]), (2, "USAGE"))

    def test_the_version_of_program_and_library(self):
        self.assertEqual(self.mlcm("version"), f"mlcm {self.json('version')['version']}\n")
        self.assertEqual(self.mlcm("--version"), self.mlcm("version"))

    def test_the_registry_that_is_meant(self):
        other = self.registry.folder / "other"
        self.assertIn(str(other), self.mlcm("init", other))
        self.assertIn(str(other), self.mlcm("init", other, *["--no-color"] * 128)) # as many options as there may be
        self.register(1)
        self.assertEqual(self.mlcm("list", "--registry", other), "")
        self.assertIn("digits", self.mlcm("list", "--registry="))
        for variable in (None, ""):
            if variable is None:
                del self.registry.env["MLCM_REGISTRY"]
            else:
                self.registry.env["MLCM_REGISTRY"] = variable
            done = subprocess.run([BIN / "mlcm", "list"], cwd=self.registry.folder, env=self.registry.env, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (6, "mlcm: there is no registry in '.mlcm': make one with 'mlcm init', or name another with --registry\n"))
        self.fails(6, "there is no registry in '/nowhere': make one with 'mlcm init /nowhere'", "list", "--registry", "/nowhere")

    def test_every_command_says_that_there_is_no_registry(self):
        plan = self.file("plan.yaml", "mlcm: rollout/v1\n")
        ticket = "mlcm1." + "0" * 94
        for words in (["show", "a/1"], ["show", "a"], ["list"], ["list", "a"], ["search", "name = 'a'"], ["tag", "a", "k=v"], ["delete", "a/1"],
                      ["restore", "a/1"], ["evaluate", "a/1", "n", "m=1"], ["run", "a/1", "--input", "-"], ["verify", "a/1"], ["alias", "set", "a", "b", "1"],
                      ["alias", "delete", "a", "b"], ["alias", "history", "a", "b"], ["rollout", "start", plan], ["rollout", "status", "a"],
                      ["rollout", "list"], ["rollout", "watch", "a"], ["rollout", "pause", "a"], ["rollout", "undo", "a"], ["rollout", "explain", "a"],
                      ["rollout", "replay", "a"], ["log"], ["audit", "verify"], ["gc"], ["fsck"], ["backup", "make", "b"],
                      ["register", "a", plan]):
            self.fails(6, "there is no registry in '/nowhere'", *words, "--registry", "/nowhere")

    def test_other_shells_get_their_completion(self):
        self.assertIn("#compdef mlcm", self.mlcm("completion", "zsh"))
        fish = self.mlcm("completion", "fish")
        self.assertIn("complete -c mlcm -n '__fish_seen_subcommand_from rollout; and __fish_seen_subcommand_from watch' -l timeout -r -d", fish)
        self.assertIn("who makes the change (else the user\\'s name)", fish)


if __name__ == "__main__":
    unittest.main()
