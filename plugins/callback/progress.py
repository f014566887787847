# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: Shows the work of each host, and the addresses at the end
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - On a terminal, shows one line for each host with its task and the seconds. Many hosts are counted instead. While an
    environment is built, the line has a bar of its packages.
  - Prints failures at once, and at the end the changes, the proof and the addresses.
  - With C(-v), C(--step), a debugger, or output that is no terminal, prints the output of
    P(ansible.builtin.default#callback). Without C(-v), a failure is then its message as it was written, once. The proof
    and the addresses follow after the recap.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - the Python library rich. Without it, prints the output of P(ansible.builtin.default#callback)
  - set as stdout in configuration
"""

import threading
import time
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.plugins.callback.default import CallbackModule as Default

from ..module_utils._plain import plain
from ..plugin_utils._progress import lines, results, terminal
from ..plugin_utils._progress.run import Run

BUILD = "remote.notebooks.jupyter_environment"
PROMPTS = ("pause", "ansible.builtin.pause", "ansible.legacy.pause")
#: Tasks of the control node, too short for a line of their own.
SMALL = ("assert", "debug", "fail", "include_role", "include_tasks", "meta", "set_fact", "set_stats")
COLOURS = {
    "FAILED": C.COLOR_ERROR,
    "OUT OF REACH": C.COLOR_UNREACHABLE,
    "WARNING": C.COLOR_WARN,
    "ok": C.COLOR_OK,
}


class CallbackModule(Default):
    """Ansible's default output, or a live screen in its place."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "remote.notebooks.progress"

    def __init__(self) -> None:
        super().__init__()
        self._run = Run(began=time.monotonic(), dry=bool(context.CLIARGS.get("check")))
        self._screen: Any = None
        self._play = ""
        #: The failures of blocks with a rescue: printed if the host fails without another message.
        self._held: dict[str, list[str]] = {}
        #: The place of the failure that a log is about to get.
        self._origin: str | None = None
        if terminal.has_screen(self._display.verbosity):
            from ..plugin_utils._progress.screen import Screen

            lock = getattr(self._display, "_lock", None) or threading.RLock()
            self._screen = Screen(self._run, lock, colour=not C.ANSIBLE_NOCOLOR)

    # --- what stays on the terminal ------------------------------------------------------------------------------

    def _say(self, said: list[str]) -> None:
        for line in said:
            self._display.display(line, color=COLOURS.get(lines.tone(line)))

    def _message(self, result: Any) -> None:
        """Print the message of a debug task, or keep it for the end."""
        found, shown = results.found(result), results.shown(results.task(result))
        if shown == "at_end" or (shown == "in_check_mode" and not (self._run.dry or context.CLIARGS.get("diff"))):
            return
        if "msg" in found:
            said = lines.message(found["msg"])
        else:
            said = lines.message(self._dump_results({k: v for k, v in found.items() if k not in self._hide_in_debug}))
        host = plain(results.host(result))
        for line in said:
            text = line.removeprefix("WARNING: ")
            if text == line:
                self._say([f"{host}: {line}"])
            else:
                self._run.warnings[f"WARNING: {host}: {text}"] = None

    def _keep(self, result: Any) -> None:
        task, found = results.task(result), results.found(result)
        self._run.learn(task.action, found)
        if results.shown(task) == "at_end" and isinstance(found.get("msg"), list):
            if found["msg"] not in self._run.last_lines:
                self._run.last_lines.append(found["msg"])
            found["_ansible_verbose_always"] = False
        if found.get("changed"):
            self._run.change(task.get_path() or "", task.name or task.action)

    def _fail(self, result: Any, said: list[str]) -> None:
        host = results.host(result)
        if results.is_rescued(results.task(result)):
            self._held[host] = said
            return
        self._held.pop(host, None)
        self._run.fail(host, "failed")
        self._say(said)

    # --- failures in a log ---------------------------------------------------------------------------------------

    def _logged(self, usual: Any, result: Any, *words: Any) -> None:
        """Print a failure in a log as Ansible does, with its message as it was written in place of YAML."""
        self._origin = results.origin(result)
        usual(result, *words)
        self._origin = None

    def _dump_results(self, result: Any, *words: Any, **more: Any) -> str:
        if self._origin is None or self._display.verbosity:
            return str(super()._dump_results(result, *words, **more))
        if result.get("unreachable"):
            return lines.sentence(result)
        said = [*lines.reason(result), *([f"Origin: {plain(self._origin)}"] if self._origin else [])]
        return "".join(f"\n  {line}" for line in said)

    def _handle_exception(self, result: Any, use_stderr: bool = False) -> None:
        """The failed line follows with the same text."""
        if self._display.verbosity == 0:
            result.pop("exception", None)
        else:
            super()._handle_exception(result, use_stderr=use_stderr)

    # --- events --------------------------------------------------------------------------------------------------

    def v2_playbook_on_play_start(self, play: Any) -> None:
        if not self._screen:
            super().v2_playbook_on_play_start(play)
            return
        self._run.hosts.clear()
        if play._uuid != self._play:  # another batch of a play (serial) is no news
            self._play = play._uuid
            self._say([plain(play.get_name())])
            if play.serial:
                names = play.get_variable_manager().get_vars(play=play, include_hostvars=False)
                self._run.listed |= dict.fromkeys(names["ansible_play_hosts_all"])
        if play.strategy not in ("debug", "ansible.builtin.debug"):
            self._screen.start()

    def v2_playbook_on_vars_prompt(self, *_: Any, **__: Any) -> None:
        if self._screen:
            self._screen.stop()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if not self._screen:
            super().v2_playbook_on_task_start(task, is_conditional)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        if not self._screen:
            super().v2_playbook_on_handler_task_start(task)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if not self._screen:
            super().v2_runner_on_start(host, task)
            return
        small = task.action.rpartition(".")[2] in SMALL
        work = "" if small else str(task.name or task.action)
        self._run.begin(host.get_name(), work, time.monotonic(), builds=task.action == BUILD)
        if task.action in PROMPTS:
            self._screen.stop()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._keep(result)
        if not self._screen:
            super().v2_runner_on_ok(result)
            return
        task = self._ended(result)
        self._handle_warnings(results.found(result))
        if task.action in C._ACTION_DEBUG and not (task.loop and "results" in results.found(result)):
            self._message(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        if not self._screen:
            # A loop over secrets has nothing to say about its items.
            if self._display.verbosity or not results.found(result).get("_ansible_no_log"):
                super().v2_runner_item_on_ok(result)
            return
        self._handle_warnings(results.found(result))
        if results.task(result).action in C._ACTION_DEBUG:
            self._message(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._run.learn(results.task(result).action, results.found(result))
        if not self._screen:
            self._logged(super().v2_runner_on_failed, result, ignore_errors)
            return
        task, found = self._ended(result), results.found(result)
        self._handle_warnings(found)
        if ignore_errors:
            return
        if task.loop and "results" in found:  # its items have been printed
            if not results.is_rescued(task):
                self._run.fail(results.host(result), "failed")
            return
        self._fail(result, lines.failure("FAILED", self.host_label(result), task.name or task.action, found))

    def v2_runner_item_on_failed(self, result: Any) -> None:
        if not self._screen:
            self._logged(super().v2_runner_item_on_failed, result)
            return
        task, found = results.task(result), results.found(result)
        self._handle_warnings(found)
        if not task.ignore_errors:
            item = str(self._get_item_label(found))
            said = lines.failure("FAILED", self.host_label(result), f"{task.name or task.action} ({item})", found)
            self._fail(result, said)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        if not self._screen:
            self._logged(super().v2_runner_on_unreachable, result)
            return
        task = self._ended(result)
        if not task.ignore_unreachable:
            self._run.fail(results.host(result), "out of reach")
            self._say(lines.unreachable(results.host(result), results.found(result)))

    def v2_runner_on_skipped(self, result: Any) -> None:
        if not self._screen:
            super().v2_runner_on_skipped(result)
            return
        self._ended(result)

    def v2_on_file_diff(self, result: Any) -> None:
        if not self._screen:
            super().v2_on_file_diff(result)
            return
        found, task = results.found(result), results.task(result)
        each = found["results"] if task.loop and "results" in found else [found]
        texts = [self._get_diff(one["diff"]) for one in each if one.get("diff") and one.get("changed")]
        for text in filter(None, texts):
            self._say([f"{plain(results.host(result))}: {plain(task.name or task.action)}"])
            for line in lines.difference(text):
                self._display.display(line, color=_colour_of(line))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        outcomes = {name: stats.summarize(name) for name in sorted(stats.processed)}
        if self._screen:
            self._screen.stop()
            for name, said in self._held.items():
                if outcomes.get(name, {}).get("failures"):
                    self._say(said)
            self._say(["", *lines.recap(self._run, outcomes, time.monotonic() - self._run.began)])
        else:
            super().v2_playbook_on_stats(stats)
        self._say(lines.ending(self._run))

    def _ended(self, result: Any) -> Any:
        task = results.task(result)
        self._run.end(results.host(result))
        if task.action in PROMPTS:
            self._screen.start()
        return task


def _quiet(name: str) -> Any:
    """An event that the live screen does not show."""
    usual = getattr(Default, name)

    def event(self: CallbackModule, *arguments: Any, **more: Any) -> None:
        if not self._screen:
            usual(self, *arguments, **more)

    event.__name__ = name
    return event


for _name in (
    "v2_playbook_on_start",
    "v2_playbook_on_include",
    "v2_playbook_on_notify",
    "v2_playbook_on_no_hosts_remaining",
    "v2_runner_item_on_skipped",
    "v2_runner_retry",
    "v2_runner_on_async_poll",
    "v2_runner_on_async_ok",
    "v2_runner_on_async_failed",
):
    setattr(CallbackModule, _name, _quiet(_name))


def _colour_of(line: str) -> str | None:
    return {"+": C.COLOR_DIFF_ADD, "-": C.COLOR_DIFF_REMOVE, "@": C.COLOR_DIFF_LINES}.get(line[:1])
