# SPDX-License-Identifier: Apache-2.0
"""The documents against the program: what they print is what happens, what they list is all there is.

`test_docs.py --examples` prints what the program answers in the scene below, laid out as docs/formats.md has it.
"""
import json
import os
import re
import subprocess
import sys
import unittest

from harness import DIGITS, SOURCE, Registry, Service

FORMATS = (SOURCE / "docs" / "formats.md").read_text()
DOCUMENTS = [SOURCE / "README.md", SOURCE / "CHANGELOG.md", *sorted((SOURCE / "docs").rglob("*.md"))]
POLICY = """mlcm: gate/v1
checks:
  - {name: accuracy, evaluation: accuracy, at_least: 0.9}
  - {name: errors, compare: error, tolerate: 1.25x}
"""
PLAN = """mlcm: rollout/v1
endpoint: digits
candidate: digits/%d
steps: [{weight: 5%%, for: 1m}]
checks: [{name: wrong answers, compare: outcome.wrong, tolerate: 1.25x}, {name: errors, meter: error_ratio, at_most: 0.01}]
"""
TICKS = "tick,candidate_requests,candidate_errors,stable_requests,stable_errors\n1,100,1,1900,19\n2,100,2,1900,20\n"
FREE = {"tags", "metrics", "detail"}  # members whose own members are up to the user, or to the kind


def scene(registry):
    """One of each command in a life of two versions: answers [(command, what it printed with --json, line by line)]."""
    said = []
    file = lambda name, text: (registry.folder / name, (registry.folder / name).write_text(text))[0]

    def do(command, *args, code=0):
        out = registry.mlcm(*command.split(), *args, "--json", code=code)
        said.append((command, [json.loads(line) for line in out.splitlines()]))
        return said[-1][1][0]

    do("init", registry.folder / "second")
    do("register", "digits", DIGITS / "digits-1.onnx", "--alias", "champion", "--tag", "team=vision", "--actor", "ana", "--reason", "first try")
    registry.mlcm("register", "digits", DIGITS / "digits-2.onnx", "--parent", "digits/1", "--actor", "ana")
    do("tag", "digits/2", "stage=candidate")
    do("evaluate", "digits/2", "holdout", "accuracy=0.983", "--samples", 600, "--actor", "ci")
    do("show", "digits/2")
    do("show", "digits")
    do("list")
    do("list", "digits")
    do("search", "metrics.accuracy > 0.9")
    do("run", "digits@champion", "--input", DIGITS / "traffic.csv", "--without", "digit", "--limit", 3, "--output", "label")
    do("verify", "digits/1")
    do("alias set", "digits", "challenger", 2, "--actor", "ana", "--reason", "looks good")
    do("alias history", "digits", "challenger")
    do("alias delete", "digits", "challenger")
    do("delete", "digits/2")
    do("restore", "digits/2")
    policy = file("policy.yaml", POLICY)
    do("gate lint", file("plan.yaml", PLAN % 2), "--rate", 7.5)
    do("gate run", policy, "--model", "digits/2", code=4)
    do("gate replay", policy, file("ticks.csv", TICKS))
    do("rollout start", registry.folder / "plan.yaml", "--actor", "ana")
    do("rollout pause", "digits", "--actor", "ana", "--reason", "lunch")
    do("rollout resume", "digits", "--actor", "ana")
    do("rollout status", "digits")
    do("rollout promote", "digits", "--actor", "ana", "--reason", "seen enough")
    do("rollout watch", "digits")
    do("rollout list")
    do("rollout explain", "digits")
    do("rollout replay", "digits")
    do("rollout undo", "digits", "--actor", "ana")
    registry.mlcm("rollout", "start", registry.folder / "plan.yaml")
    do("rollout abort", "digits", "--actor", "ana")
    service = Service(registry, 100)
    ticket = service.stop()["ticket"]
    do("report", "digits", ticket, "wrong")
    do("log", "--limit", 3)
    do("audit verify")
    do("gc")
    do("fsck")
    do("backup make", registry.folder / "backup")
    registry.env["MLCM_REGISTRY"] = str(registry.folder / "restored")
    do("backup restore", registry.folder / "backup")
    do("version")
    do("completion", "bash")
    do("man")
    do("help", "version")
    return said


def documented():
    """[(commands, example)] of docs/formats.md: a heading that names commands, and the JSON block that follows."""
    found = []
    for section in re.split(r"^### ", FORMATS, flags=re.M)[1:]:
        commands = re.findall(r"`mlcm ([a-z ]+?)`", section.splitlines()[0])
        for block in re.findall(r"```json\n(.*?)```", section, re.S):
            found.append((commands, json.loads(block)))
    return found


def shape(value, name=""):
    """What a machine relies on: names and types. Lists are of one shape; null stands for any."""
    if isinstance(value, dict):
        return "{}" if name in FREE else {k: shape(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else "any"
    return "any" if value is None else "truth" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else "text"


def same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return same(a[0], b[0])
    return a == b or "any" in (a, b)


class Docs(unittest.TestCase):
    def setUp(self):
        self.registry = Registry()
        self.addCleanup(self.registry.close)

    def test_every_command_is_documented_with_the_shape_it_prints(self):
        examples = documented()
        said = scene(self.registry)
        names = {c["name"] for c in json.loads(self.registry.raw("help", "--json").stdout)["commands"]}
        self.assertEqual({command for command, _ in said} - {"help"}, names, "the scene above has one of each command")
        for command, lines in said:
            shapes = [shape(example) for commands, example in examples if command in commands]
            self.assertTrue(shapes, f"docs/formats.md has no JSON of 'mlcm {command}'")
            for line in lines:
                self.assertTrue(any(same(shape(line), s) for s in shapes), f"mlcm {command} prints\n{line}\nand docs/formats.md says\n{shapes}")

    def test_an_error_is_as_documented(self):
        example = next(e for _, e in documented() if "error" in e)
        for args, code in ((("show", "nothing/1"), 6), (("show",), 2), (("shw",), 2), (("list", "--limit", "x"), 2), (("run", "a/1", "--input", "/none"), 6)):
            done = self.registry.raw(*args, "--json")
            self.assertEqual((done.returncode, done.stderr), (code, ""))
            self.assertTrue(same(shape(json.loads(done.stdout)), shape(example)), done.stdout)

    def test_exit_codes_in_the_documents_are_those_of_the_help(self):
        listed = set(re.findall(r"^\| (\d+) \|", FORMATS, re.M))
        help_text = self.registry.mlcm("--help")
        self.assertEqual(listed, set(re.findall(r"\b(\d+) (?:ok|error|usage|gate|inconclusive|rolled|not|conflict|time-out|interrupted)", help_text)))

    def test_local_links_lead_somewhere(self):
        for document in DOCUMENTS:
            for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", document.read_text()):
                if "://" in target:
                    continue
                path = document.parent / target if target else document
                self.assertTrue(path.exists(), f"{document.name}: {target}")
                if anchor:
                    slugs = [re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", path.read_text(), re.M)]
                    self.assertIn(anchor, slugs, f"{document.name}: {target}#{anchor}")

    def test_every_page_is_reached_from_the_readme(self):
        """By links from page to page; a link to a folder shows what lies in it."""
        seen, ahead = set(), [SOURCE / "README.md"]
        while ahead:
            page = ahead.pop().resolve()
            if page.is_dir():
                ahead += page.glob("*.md")
            elif page not in seen and page.suffix == ".md":
                seen.add(page)
                ahead += [page.parent / t for t in re.findall(r"\]\(([^)#\s]+)", page.read_text()) if "://" not in t]
        self.assertEqual({d.resolve() for d in DOCUMENTS} - seen, set())

    def test_documents_that_headers_name_exist(self):
        for header in sorted((SOURCE / "include" / "mlcm").glob("*.h")):
            for target in re.findall(r"docs/[\w./-]+\.md", header.read_text()):
                self.assertTrue((SOURCE / target).exists(), f"{header.name}: {target}")

    def test_yaml_of_the_documents_is_accepted(self):
        n = 0
        for document in DOCUMENTS:
            for block in re.findall(r"```yaml\n(.*?)```", document.read_text(), re.S):
                path = self.registry.folder / "block.yaml"
                path.write_text(block)
                done = self.registry.raw("gate", "lint", path)
                self.assertEqual(done.returncode, 0, f"{document.name}:\n{block}\n{done.stderr}")
                n += 1
        self.assertGreaterEqual(n, 3)

    def test_every_key_in_the_tables_is_known_to_the_parser(self):
        """A key that the parser does not know gives "unknown key"; with a value that fits no key it must complain about the value."""
        tables = {"formats-gate.md": "mlcm: gate/v1\n", "formats-rollout.md": "mlcm: rollout/v1\n"}
        n = 0
        for name, head in tables.items():
            text = (SOURCE / "docs" / name).read_text()
            for row in re.findall(r"^\| (`[^|]*`) \|", text.split("## Evidence")[0].split("## Verdicts")[0], re.M):
                for key in re.findall(r"`([a-z_]+(?:\[\])?(?:\.[a-z_]+)?)`", row):
                    body = self.with_key(key, in_check="## A check" in text and text.index(row) > text.index("## A check"))
                    path = self.registry.folder / "key.yaml"
                    path.write_text(head + body)
                    done = self.registry.raw("gate", "lint", path)
                    self.assertNotEqual(done.returncode, 0, key)
                    self.assertNotIn("unknown key", done.stderr, f"{name}: {key}")
                    n += 1
        self.assertGreater(n, 30)

    @staticmethod
    def with_key(key, in_check):
        if in_check:
            return f"checks:\n  - {{name: a, {key}: {{}}}}\n" if key != "name" else "checks:\n  - {name: {}}\n"
        if key.startswith("steps[]"):
            return f"steps:\n  - {{{key.split('.')[1]}: {{x: 1}}}}\n"
        outer, _, inner = key.partition(".")
        return f"{outer}:\n  {inner}: {{x: 1}}\n" if inner else f"{key}: {{x: 1}}\n" if key != "mlcm" else ""

    def test_the_prompt_lines_of_the_readme_work_as_printed(self):
        readme = (SOURCE / "README.md").read_text()
        folder = self.registry.folder / "newcomer"
        folder.mkdir()
        (folder / "digits.onnx").write_bytes((DIGITS / "digits-1.onnx").read_bytes())
        (folder / "better.onnx").write_bytes((DIGITS / "digits-2.onnx").read_bytes())
        rows = (DIGITS / "traffic.csv").read_text().splitlines()[:4]
        (folder / "rows.csv").write_text("".join(row.rsplit(",", 1)[0] + "\n" for row in rows)) # without the label
        (folder / "plan.yaml").write_text(re.search(r"```yaml\n(.*?)```", readme, re.S).group(1))
        env = {k: v for k, v in os.environ.items() if k != "MLCM_REGISTRY"}
        env["PATH"] = f"{os.environ['MLCM_BIN_DIR']}:{env['PATH']}"
        lines = [line for block in re.findall(r"```sh\n(.*?)```", readme, re.S) for line in block.splitlines() if line.startswith("mlcm ")]
        self.assertGreater(len(lines), 3)
        for line in lines:
            line = line.replace("mlcm rollout watch digits", "mlcm rollout watch digits --timeout 0")
            done = subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, timeout=60)
            self.assertIn(done.returncode, (0, 124) if "watch" in line else (0,), f"{line}\n{done.stdout}{done.stderr}")


def lay_out(value, indent=0, width=118):
    """JSON as a person would write it: on one line what fits there, else member by member, packed."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= width or not isinstance(value, (dict, list)) or not value:
        return flat
    parts = [f"{json.dumps(k)}: {lay_out(v, indent + 2, width)}" for k, v in value.items()] if isinstance(value, dict) else [lay_out(v, indent + 1, width) for v in value]
    lines, pad = [], " " * (indent + 1)
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 2 + indent <= width and "\n" not in part and "\n" not in lines[-1]:
            lines[-1] += ", " + part
        else:
            lines.append(part)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + (",\n" + pad).join(lines) + closing


def print_examples():
    registry = Registry()
    try:
        for command, lines in scene(registry):
            example = {"text": "..."} if "text" in lines[0] else lines[0]
            print(f"### `mlcm {command}`\n\n```json\n{lay_out(example)}\n```\n".replace(str(registry.folder), "/srv"))
    finally:
        registry.close()


if __name__ == "__main__":
    print_examples() if "--examples" in sys.argv else unittest.main()
