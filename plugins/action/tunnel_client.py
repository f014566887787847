# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import glob
import os
import shlex
from typing import Any

from ansible.errors import AnsibleActionFail

from ..module_utils._errors import FilesError
from ..module_utils._tunnel import client_config
from ..module_utils._tunnel import names as tunnel_names
from ..plugin_utils import _files
from ..plugin_utils._action import OwnAction
from ..plugin_utils._remote.contact import contact
from ..plugin_utils._remote.route import spelled, way

#: The files of an account in the folder of its host: its key in two forms, the public key, the block for ssh.
FORMS = ("", ".pem", ".pub", ".config")
#: Files that can be generated again from others. The rest are keys.
MADE = (".config", "/config", "/known_hosts")


class ActionModule(OwnAction):
    """Write, for the tunnel accounts of one host, the files for the user's ssh on the control node."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _result, arguments = self.validate_argument_spec(
            {
                "directory": {"type": "path", "required": True},
                "accounts": {"type": "list", "elements": "dict", "default": []},
                "host_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
                "address": {"type": "str", "default": ""},
                "jump": {"type": "str", "default": ""},
                "local_ports": {"type": "dict", "default": {}},
                "ssh_config": {"type": "path"},
                "forget": {"type": "list", "elements": "str", "default": []},
            }
        )
        # Both come from the host: no path of this machine, and no line of a file, is made of anything but a name and a
        # key.
        strange = [name for name in arguments["forget"] if not tunnel_names.NAME.fullmatch(name)]
        strange += [key for key in arguments["host_keys"] if not tunnel_names.HOST_KEY.fullmatch(key)]
        if strange:
            raise AnsibleActionFail(
                f"forget, host_keys: {strange[0][:100]!r} is neither the name of an account nor a key. Nothing was"
                " changed."
            )
        self._arguments, self._directory = arguments, os.path.abspath(arguments["directory"])
        self._host = task_vars["inventory_hostname"]
        self._ports = {str(port): int(local) for port, local in arguments["local_ports"].items()}
        self._folder = os.path.join(self._directory, self._host)
        self._diff: list[dict[str, str]] = []
        self._aside: list[str] = []
        try:
            clients = self._host_files(contact(task_vars, self._templar))
            self._fleet_files()
        except FilesError as error:
            raise AnsibleActionFail(str(error)) from error
        result.update(changed=bool(self._diff), clients=clients, aside=self._aside)
        if self._task.diff:
            result["diff"] = self._diff
        return result

    def _host_files(self, reached: dict[str, Any]) -> list[dict[str, Any]]:
        """Create the blocks, and store the host's keys. Return the connection data of each account for a person."""
        accounts = self._arguments["accounts"]
        (address, port), via = way(self._arguments["address"], self._arguments["jump"], reached)
        # Included in the operator's own configuration, the block finds its aliases, with their keys.
        via = via if self._arguments["ssh_config"] else spelled(via, reached)
        known, everything = os.path.join(self._folder, "known_hosts"), tunnel_names.config_file(self._directory)
        files = {known: client_config.known_hosts(address, port, self._arguments["host_keys"])} if accounts else {}
        clients = []
        for account in accounts:
            path = os.path.join(self._folder, f"{account['name']}.config")
            files[path] = client_config.client_config(
                self._host, account, (address, port), known, via, ports=self._ports
            )
            clients.append(
                {
                    "account": account["name"],
                    "alias": tunnel_names.alias(self._host, account["name"]),
                    "command": f"ssh -F {shlex.quote(everything)} -N {tunnel_names.alias(self._host, account['name'])}",
                    "config_file": everything,
                    "address": address,
                    "port": port,
                    "private_key_file": account["identity_file"] or None,
                    "pem_file": account.get("pem_file"),
                    "forwards": [
                        {"local_port": local, "target": target}
                        for local, target in client_config.local_forwards(account["permit_open"], self._ports)
                    ],
                }
            )
        unwanted = [
            os.path.join(self._folder, name + form)
            for name in [*self._arguments["forget"], *self._strays()]
            for form in FORMS
        ]
        if not accounts and not self._others():
            unwanted.append(known)
        if os.path.islink(self._folder):
            raise FilesError(
                f"{self._folder} is a link. Move it away: secrets are kept there, and a link could lead them elsewhere."
            )
        if self._task.check_mode:
            self._all(files, unwanted)
        elif accounts or os.path.isdir(self._folder):
            _files.private_directory(self._directory)
            _files.directory(self._folder)
            with _files.lock(self._folder):
                self._all(files, unwanted)
            _files.remove_empty(self._folder)
        return clients

    def _others(self) -> list[str]:
        """The blocks of accounts that another caller of the role has on this host."""
        gone = {f"{name}.config" for name in self._arguments["forget"]}
        return [name for name in glob.glob("*.config", root_dir=glob.escape(self._folder)) if name not in gone]

    def _strays(self) -> list[str]:
        """Keys without a block: they were created in a run that then ended in a refusal, and nobody asks for their
        account any more."""
        names = {name.removesuffix(".pub") for name in glob.glob("*.pub", root_dir=glob.escape(self._folder))}
        blocks = {name.removesuffix(".config") for name in glob.glob("*.config", root_dir=glob.escape(self._folder))}
        return sorted(names - blocks - {account["name"] for account in self._arguments["accounts"]})

    def _fleet_files(self) -> None:
        """One file that includes the blocks of all hosts, and on request one line of the user's own configuration that
        includes that."""
        everything = tunnel_names.config_file(self._directory)
        wanted = bool(self._arguments["accounts"]) or bool(
            glob.glob("*/*.config", root_dir=glob.escape(self._directory))
        )
        own = self._arguments["ssh_config"]
        if self._task.check_mode:
            self._fleet(everything, own, wanted)
        elif wanted or os.path.lexists(everything) or own:
            _files.private_directory(self._directory)
            with _files.lock(self._directory):
                self._fleet(everything, own, wanted)

    def _fleet(self, everything: str, own: str | None, wanted: bool) -> None:
        blocks = tunnel_names.quoted(f"{self._directory}/*/*.config")
        self._all({everything: f"Include {blocks}\n"} if wanted else {}, [] if wanted else [everything])
        if own:
            own = os.path.realpath(own)
            before = (_files.read(own) or b"").decode("utf-8", "surrogateescape")
            after = client_config.with_include(before, f"Include {tunnel_names.quoted(everything)}", wanted)
            if after != before:
                if not self._task.check_mode and not os.path.isdir(os.path.dirname(own)):
                    _files.directory(os.path.dirname(own))
                self._one(own, after)

    def _all(self, files: dict[str, str], unwanted: list[str]) -> None:
        for path, text in files.items():
            self._one(path, text)
        gone = [path for path in unwanted if os.path.lexists(path)]
        for path in gone:
            # A key among them is never shown.
            self._diff.append({"before_header": path, "after_header": os.devnull, "before": "(a file)\n", "after": ""})
        if not self._task.check_mode:
            for path in gone:
                if path.endswith(MADE):
                    _files.remove(path)
            # All in one call: the three files of a key belong in one folder, whatever second it is.
            self._aside += _files.set_aside([path for path in gone if not path.endswith(MADE)], self._directory)

    def _one(self, path: str, text: str) -> None:
        data = text.encode("utf-8", "surrogateescape")
        before = _files.read(path)
        changed = before != data if self._task.check_mode else _files.write(path, data, 0o600)
        if changed:
            said = (before or b"").decode("utf-8", "replace")
            self._diff.append(
                {"before_header": path, "after_header": path, "before": said, "after": data.decode("utf-8", "replace")}
            )
