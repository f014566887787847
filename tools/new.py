# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask at the terminal for the settings of a host, write them into the inventory, and offer to install.

``make new ARGS='--host lab --access both'`` gives answers. Without a terminal, defaults stand for the others.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import subprocess
import sys
from pathlib import Path

from plugins.module_utils._errors import RemoteNotebooksError
from plugins.plugin_utils._new import flow, questions

BIN = Path(sys.executable).parent


def ask_key(command: list[str]) -> None:
    """Run ssh at the terminal: it shows the fingerprint of an unknown host and asks, as always."""
    subprocess.run(command, check=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make new", description="Add a host to the inventory, or change one.")
    parser.add_argument("--inventory", default="inventory/hosts.yml", help="the file (default: %(default)s)")
    for key, (question, reason) in questions.QUESTIONS.items():
        parser.add_argument(f"--{key}", help=f"{question} {reason}")
    parser.add_argument(
        "--run", action=argparse.BooleanOptionalAction, help="install at once, or not, without a question"
    )
    options = vars(parser.parse_args())
    there = sys.stdin.isatty() and sys.stdout.isatty()
    talk = flow.Talk(
        {key: options[key] for key in questions.QUESTIONS if options[key] is not None},
        lambda text: print(text, flush=True),
        input if there else None,
        ask_key if there else None,
    )
    try:
        result = flow.run(options["inventory"], talk)
    except RemoteNotebooksError as error:
        return print(error, file=sys.stderr) or 1
    except (KeyboardInterrupt, EOFError):
        return print("\nNothing was written.", file=sys.stderr) or 1
    print(f"{result.path} {'has' if result.changed else 'had'} these settings of {result.host}.")
    more = ["--ask-become-pass"] if result.needs_password else []
    start = bool(options["run"])
    if options["run"] is None and there:
        with contextlib.suppress(KeyboardInterrupt, EOFError):
            start = input("Install now? [yes] ").strip().lower() in ("", "y", "yes")
    if not start:
        named = "" if result.path == parser.get_default("inventory") else f" INVENTORY={shlex.quote(result.path)}"
        print(f"Next: make up{named}{' ARGS=--ask-become-pass' if more else ''}")
        return 0
    sys.stdout.flush()
    playbook = [str(BIN / "ansible-playbook"), "-i", result.path, "playbooks/site.yml", *more]
    return subprocess.run(playbook, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
