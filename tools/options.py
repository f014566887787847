# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add the new options of a role's specification to its defaults and to the table of its README.

``python -m tools.options [ROLE]`` adds the lines that are missing, each after the line of the option before it in
``meta/argument_specs.yml``. Existing lines stay as they are: tests/unit/roles/test_contracts.py compares them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent


def value(default: Any) -> str:
    """Return a default as YAML writes it on one line."""
    if isinstance(default, str):
        return default if re.fullmatch(r"[a-z][a-z0-9_]*|/", default) else json.dumps(default)
    return yaml.safe_dump(default, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()


def row(name: str, option: dict[str, Any]) -> str:
    """Return the row of an option: name, default and the first sentence of its description."""
    description = option["description"]
    first, _space, _more = (description if isinstance(description, str) else description[0]).partition(". ")
    text = re.sub(r"\bC\(([^)]*)\)", r"`\1`", first.removesuffix("."))
    return f"| `{name}` | `{value(option['default'])}` | {text} |"


def insert(text: str, line: str, before: re.Pattern[str]) -> str:
    """Insert a line behind the last one that ``before`` finds, and behind the lines indented below it."""
    lines = text.splitlines()
    place = max(number for number, each in enumerate(lines) if before.match(each)) + 1
    while place < len(lines) and lines[place].startswith(" "):
        place += 1
    return "\n".join([*lines[:place], line, *lines[place:]]) + "\n"


def add(role: Path) -> list[str]:
    """Add the options that the defaults or the README lack. Return their names."""
    defaults, readme = role / "defaults/main.yml", role / "README.md"
    specification = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    known, page, added, previous = yaml.safe_load(defaults.read_text()), readme.read_text(), [], ""
    for name, option in specification.items():
        if "default" in option and name not in known:
            line = f"{name}: {value(option['default'])}"
            defaults.write_text(insert(defaults.read_text(), line, re.compile(rf"{previous}:")))
            added.append(name)
        if "default" in option and f"`{name}`" not in page:
            page = insert(page, row(name, option), re.compile(rf"\| [^|]*`{previous}`"))
            readme.write_text(page)
        previous = name
    return added


def main() -> None:
    role = ROOT / "roles" / (sys.argv[1] if len(sys.argv) > 1 else "jupyter")
    print("\n".join(add(role)) or "Nothing is missing.")


if __name__ == "__main__":
    main()
