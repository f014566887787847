# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the language of the project: words in comments, docstrings and pages, names of tasks, length of lines.

``python -m tools.language`` prints the figures. tests/unit/test_language.py holds the limits.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import statistics
import subprocess
import tokenize
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
#: Lock files, licences, recorded data and the page of the release notes are not written by hand.
GENERATED = re.compile(
    r"requirements.*\.txt|LICENSE|CHANGELOG\.md|changelogs/changelog\.yaml|.*\.(png|svg|json|lock)|tests/benchmarks/requirements\.txt|.*/corpus/.*"
)
LONGEST = 120
#: In one sentence of a page.
MOST_WORDS = 25


class Loader(yaml.SafeLoader):
    """Read Ansible's files, tags such as ``!unsafe`` and ``!vault`` included."""


Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def read_yaml(text: str) -> list[Any]:
    """Return the documents of a YAML file."""
    return list(yaml.load_all(text, Loader))


def committed() -> list[str]:
    """List the tracked files and the new ones that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = set(subprocess.check_output(command, cwd=ROOT, text=True).split("\0")) - {""}
    return sorted(name for name in names if (ROOT / name).is_file() and not GENERATED.fullmatch(name))


def python_prose(text: str) -> list[str]:
    """Return the comments and docstrings of a Python file, and the DOCUMENTATION of a module."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not re.match(r"# ?(noqa|type:|SPDX|Copyright|GNU|!)", token.string):
            found.append(token.string.lstrip("#: "))
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append(ast.get_docstring(node) or "")
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in {"DOCUMENTATION", "RETURN"}:
            found.append(str(ast.literal_eval(node.value)))
    return [part for part in found if part]


def comment_prose(text: str) -> list[str]:
    """Return the comments of a YAML, shell or Make file."""
    return [match for match in re.findall(r"(?:^|\s)#+ (.*)$", text, re.MULTILINE) if not match.startswith("code: ")]


def yaml_texts(node: Any, key: str = "") -> list[str]:
    """Return the descriptions in the specification of a role."""
    if isinstance(node, dict):
        return [text for name, value in node.items() for text in yaml_texts(value, str(name))]
    if isinstance(node, list):
        return [text for value in node for text in yaml_texts(value, key)]
    return [node] if isinstance(node, str) and key in {"description", "short_description"} else []


def page_prose(text: str) -> str:
    """Return the sentences of a Markdown page: no code, no address of a link, no comment."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!-- measured:.*?<!-- end of measured -->|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"`[^`\n]*`", "CODE", text)


@functools.cache
def prose(name: str) -> str:
    """Return everything in a file that is written for a reader."""
    text = (ROOT / name).read_text(errors="replace")
    if name.endswith(".py"):
        return "\n".join(python_prose(text))
    if name.endswith(".md"):
        return page_prose(text)
    if name.endswith("argument_specs.yml"):
        return "\n".join([*comment_prose(text), *yaml_texts(read_yaml(text)[0])])
    if name.endswith((".yml", ".yaml", ".sh", ".j2", "Makefile", ".toml", ".cfg")):
        return "\n".join(comment_prose(text))
    return ""


def words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z][A-Za-z'-]*", text)


def per_thousand(pattern: str, text: str) -> float:
    return 1000 * len(re.findall(pattern, text, re.IGNORECASE)) / max(1, len(words(text)))


#: First words of a task's name.
_VERBS = """
accept add allow ask attack bind build change check close collect compare complete compute configure connect convert
copy create cut damage destroy disable enable end fail fetch find flush format generate import include install issue
join keep kill lint list load lock mask migrate mount move open pack pause prepare print probe publish read reboot
record refuse register reload remove rename renew repair replace report reset resolve restart restore revoke rollback
rotate run save scan select send serve set show sign start stop store test trust try uninstall unlock unmount unpack
update upgrade validate verify wait warn watch write
"""
VERBS = frozenset(_VERBS.split())
#: Phrases that a reader has to guess, or that give a program a mind.
BANNED = (
    r"systemd (forgets|has forgotten|has lost sight)",
    r"nobody's business",
    r"lost sight of",
    r"whoever",
    r"list of what there is",
    r"nobody the wiser",
)


WHAT = r"\bwhat(ever)?\b"
MAKE = r"\b(creat|generat)\w*"


def sentences(text: str) -> list[str]:
    """Return the sentences of a page. A cell of a table, an item of a list and a heading end one."""
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[*-]|\d+\.|#+|>) )", page_prose(text))
    found = []
    for block in blocks:
        parts = block.split("\n") if block.lstrip().startswith("|") else [block.replace("\n", " ")]
        cells = [
            cell
            for part in parts
            for cell in (re.split(r"(?<!\\)\|", part) if part.lstrip().startswith("|") else [part])
        ]
        found += [
            sentence.strip()
            for cell in cells
            for sentence in re.split(r"(?<=[.!?:])(?:\*\*)?\s+", cell)
            if sentence.strip()
        ]
    return found


def tasks(node: Any) -> list[str]:
    """Return the names of all plays, blocks, tasks and handlers in a file."""
    if isinstance(node, list):
        return [name for item in node for name in tasks(item)]
    if not isinstance(node, dict):
        return []
    name = node.get("name")
    inner = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")
    found = [name] if isinstance(name, str) else []
    return found + [more for key in inner for more in tasks(node.get(key) or [])]


def task_files() -> list[str]:
    """List the YAML files that hold plays or tasks."""
    pattern = r"(playbooks|molecule)/.*\.yml|roles/[^/]+/(tasks|handlers)/.*\.yml"
    return [name for name in committed() if re.fullmatch(pattern, name)]


@functools.cache
def task_names(name: str) -> list[str]:
    """Return the task names of one file, without the ``stage |`` in front of them."""
    documents = read_yaml((ROOT / name).read_text())
    found = [task for document in documents if isinstance(document, list) for task in tasks(document)]
    return [task.rpartition(" | ")[2] for task in found]


def task_words(name: str) -> int:
    """Count the words of a task's name. A template counts as one."""
    return len(re.sub(r"\{\{.*?\}\}", "X", name).split())


def exempt(name: str, line: str) -> bool:
    """Tell whether a long line is a table, an address or the output of a program."""
    return "://" in line or (name.endswith(".md") and line.lstrip().startswith(("|", "![")))


def long_lines(name: str) -> list[int]:
    """Return the numbers of the lines that are too long. Code blocks and recorded figures in pages do not count."""
    skipped, found = False, []
    for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1):
        begin, end = line.startswith("<!-- measured"), line.startswith("<!-- end of measured")
        fence = name.endswith(".md") and line.lstrip().startswith("```")
        skipped = (skipped or begin) and not end if not fence else not skipped
        if len(line) > LONGEST and not skipped and not exempt(name, line):
            found.append(number)
    return found


def print_words(names: list[str]) -> None:
    kinds = {
        "all": r".*",
        "pages": r".*\.md",
        "plugins": r"plugins/.*",
        "roles": r"roles/.*(?<!\.md)",
        "tests": r"tests/.*",
        "molecule, playbooks": r"(molecule|playbooks)/.*",
        "tools": r"tools/.*",
    }
    for kind, pattern in kinds.items():
        text = "\n".join(prose(name) for name in names if re.fullmatch(pattern, name))
        what, make = per_thousand(WHAT, text), per_thousand(MAKE, text)
        print(
            f"{kind:20} {len(words(text)):7d} words, in 1,000: what, whatever {what:5.2f}  create, generate {make:5.2f}"
        )


def print_pages(names: list[str]) -> None:
    for name in names:
        if name.endswith(".md"):
            text = (ROOT / name).read_text()
            spoken, long = page_prose(text), [one for one in sentences(text) if len(words(one)) > MOST_WORDS]
            semicolons = 100 * spoken.count(";") / len(words(spoken))
            counts = f"{len(words(spoken)):5d} words, {semicolons:.2f} semicolons in 100, {len(long)} long sentences"
            print(f"{name:30} {counts}")


def print_tasks() -> None:
    folders = (r"roles/jupyter/", r"roles/(?!jupyter)", r"playbooks/", r"molecule/")
    for folder in folders:
        names = [name for name in task_files() if re.match(folder, name)]
        sizes = [task_words(task) for name in names for task in task_names(name)]
        over = sum(size > 10 for size in sizes)
        middle = statistics.median(sizes)
        print(f"task names, {folder:18} {len(sizes):4d}, words: median {middle}, longest {max(sizes)}, over 10: {over}")


def print_lines(names: list[str]) -> None:
    kinds: dict[str, list[int]] = {}
    for name in names:
        total = kinds.setdefault(Path(name).suffix or Path(name).name, [0, 0])
        total[0] += len(long_lines(name))
        total[1] += (ROOT / name).read_text(errors="replace").count("\n")
    for suffix, (long, lines) in sorted(kinds.items()):
        if long:
            print(f"lines over {LONGEST}, {suffix:10} {long} of {lines}")


def main() -> None:
    names = committed()
    print_words(names)
    print_pages(names)
    print_tasks()
    print_lines(names)


if __name__ == "__main__":
    main()
