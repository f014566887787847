# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that build an environment: their start, and the meaning of their output."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from typing import Any, Dict

from .._errors import BuildError
from .._host import process_environment
from .._plain import plain_lines
from .uv import Run

# run_command() has no time limit, and gives no output before the end.
# pylint: disable=ansible-bad-function

Wish = Dict[str, Any]
#: The time limit of the trial of an environment, in seconds, and the variables of ours that the trial gets.
TRIAL = 900
TOLD = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")
#: The messages of the installers, the most reliable first, and the cure for each.
REASONS = (
    (
        r"No space left on device|os error 28|Disk quota exceeded|ENOSPC",
        "there is no room left on the disk.",
        "Free some, or lower jupyter_keep_environments, and run again.",
    ),
    (
        r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED|UnknownIssuer|certificate verify failed",
        "the package index shows a certificate that this host does not trust.",
        "Name the bundle with its authority in ca_bundle, a path on the host.",
    ),
    (
        r"407 Proxy|Proxy Authentication|Cannot connect to proxy|tunnel error|ProxyError",
        "the proxy does not let the installer through.",
        "Correct http_proxy, or open the proxy for the package index.",
    ),
    (
        r"Failed to fetch|error sending request|dns error|NewConnectionError|Max retries exceeded|Connection"
        r" refused|Connection reset"
        r"|timed out|name resolution|Network is unreachable|No route to host|Remote end closed",
        "the package index cannot be reached, or answers with an error.",
        "Correct index_url or http_proxy, and run again.",
    ),
    (
        r"Hash mismatch|DO NOT MATCH THE HASHES|hashes are required",
        "a package is not the one that the lock file names.",
        (
            "Somebody put another file under that name: find out who. If the index is to be trusted, run upgrade.yml"
            " for a new lock."
        ),
    ),
    (
        (
            r"No solution found|ResolutionImpossible|No matching distribution|Could not find a version|was not found in"
            r" the|conflicting dependencies"
        ),
        "there is no set of packages that fits.",
        "Correct packages as the last lines say.",
    ),
    (
        (
            r"Failed to build|failed to build|Failed building|error: subprocess-exited|No module named"
            r" 'setuptools'|command .*(gcc|cc).* failed"
        ),
        "a package has no wheel for this Python, and cannot be built here.",
        "Choose another version or another python, or install its compiler and libraries.",
    ),
)


def explain(step: str, output: str, reasons: tuple[tuple[str, str, str], ...] = REASONS) -> str:
    """Return a few lines about the failure of a step: the step, the cure, and the last output of the program.

    :param step: the failed step, for a reason that is none of ``reasons``.
    """
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in output.splitlines()]
    last = plain_lines("\n".join(f"  {line}" for line in [line for line in lines if line.strip()][-12:]))
    for pattern, what, cure in reasons:
        if re.search(pattern, output):
            return f"{what} {cure}\n{last}"
    return f"{step} failed.\n{last}"


def run(argv: list[str], text: str) -> tuple[int, str]:
    """Run a command that reads ``text``. Return its exit code and its output."""
    environment = process_environment.without_foreign()
    done = subprocess.run(
        argv, input=text, capture_output=True, check=False, encoding="utf-8", errors="replace", env=environment
    )
    return done.returncode, done.stdout + done.stderr


def tried(argv: list[str], text: str, seconds: float = TRIAL) -> tuple[int, str]:
    """Run the trial of an environment with the rights of another account. Return its exit code and its output.

    That account can read the environment of its processes: so it does not hold the address of the index,
    with its password. It can stop them as well: they have their time. And no terminal of ours is theirs.
    """
    streams: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "start_new_session": True,
    }
    variables = {name: os.environ[name] for name in TOLD if name in os.environ}
    process = subprocess.Popen(argv, encoding="utf-8", errors="replace", env=variables, **streams)
    try:
        said = process.communicate(text, timeout=seconds)[0]
        return process.returncode, said
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {seconds:g} s: something stops what tries them"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def must(run: Run, step: str, argv: list[str], text: str = "") -> None:
    code, output = run(argv, text)
    if code != 0:
        raise BuildError(explain(step, output))


def started(command: list[str], **more: Any) -> subprocess.Popen[str]:
    """Start the work that goes on beside the next steps."""
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    more["env"] = process_environment.without_foreign()
    return subprocess.Popen(command, text=True, errors="replace", **streams, **more)
