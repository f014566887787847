# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a Jupyter configuration that somebody wrote by hand to the variables of the role. Pure: no I/O, no Ansible; nothing of the file is executed.

The names are those of Notebook 6 (``NotebookApp``), Jupyter Server 1 (``ServerApp``) and 2 (identity providers); see
https://jupyter-server.readthedocs.io/en/latest/operators/migrate-from-nbserver.html and the traits of both classes.
"""

from __future__ import annotations

import re
from typing import Any

from ._errors import PlanError
from ._options import COMPUTED, Options, parse
from ._plan import PLANNED_SETTINGS

#: The files of a classic setup, in the order in which the first that says an option wins: JSON before Python, new names before old.
FILES = tuple(f"jupyter_{kind}config.{ending}" for kind in ("server_", "", "lab_", "notebook_") for ending in ("json", "py"))

#: A class and a trait of it, as Python names things.
_OPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*")

#: Options whose value becomes a variable as it is.
VARIABLES = {
    "ServerApp.port": "jupyter_port",
    "ServerApp.root_dir": "jupyter_root_dir",
    "ServerApp.base_url": "jupyter_base_url",
    "PasswordIdentityProvider.hashed_password": "jupyter_password_hash",
    "IdentityProvider.token": "jupyter_token",
}
#: Old name to new name; any other NotebookApp.x became ServerApp.x.
RENAMED = {
    "notebook_dir": "ServerApp.root_dir",
    "password": "PasswordIdentityProvider.hashed_password",
    "token": "IdentityProvider.token",
    "password_required": "PasswordIdentityProvider.password_required",
    "allow_password_change": "PasswordIdentityProvider.allow_password_change",
    "cookie_options": "IdentityProvider.cookie_options",
    "get_secure_cookie_kwargs": "IdentityProvider.get_secure_cookie_kwargs",
    "iopub_data_rate_limit": "ZMQChannelsWebsocketConnection.iopub_data_rate_limit",
    "iopub_msg_rate_limit": "ZMQChannelsWebsocketConnection.iopub_msg_rate_limit",
    "rate_limit_window": "ZMQChannelsWebsocketConnection.rate_limit_window",
    "nbserver_extensions": "ServerApp.jpserver_extensions",
}
#: NotebookApp options without a counterpart.
GONE = (
    "webapp_settings",
    "server_extensions",
    "base_project_url",
    "enable_mathjax",
    "mathjax_url",
    "mathjax_config",
    "log_json",
    "ignore_minified_js",
    "extra_nbextensions_path",
)
#: What the role decides by itself; said again it would contradict the plan.
DECIDED = {
    *PLANNED_SETTINGS,
    "ServerApp.open_browser",
    "ServerApp.quit_button",
    "ServerApp.allow_remote_access",
    "ServerApp.allow_root",
    "ServerApp.ssl_options",
    "PasswordIdentityProvider.allow_password_change",
    "IdentityProvider.hashed_password",
}
NETWORK = ("*", "", "0.0.0.0", "::")  # noqa: S104
NEAR = ("localhost", "127.0.0.1", "::1")


def new_name(option: str) -> str | None:
    """Return the name that an option has in Jupyter Server 2; None where it has no counterpart."""
    section, _dot, trait = option.partition(".")
    if section in ("NotebookApp", "ServerApp") and trait in RENAMED:
        return RENAMED[trait]
    if section == "NotebookApp":
        return None if trait in GONE else f"ServerApp.{trait}"
    if option == "IdentityProvider.hashed_password":
        return "PasswordIdentityProvider.hashed_password"
    return "IdentityProvider.token" if option == "PasswordIdentityProvider.token" else option


def convert(files: dict[str, str]) -> dict[str, Any]:
    """Return ``{"variables": {jupyter_...: value}, "remarks": [str, ...]}`` for the files of one account, by their path.

    A hash is kept word for word: the old password logs in afterwards, and who is logged in stays so.

    :raises PlanError: where a file cannot be read as what its ending says.
    """
    remarks: list[str] = []
    options: Options = {}
    origin: dict[str, str] = {}
    for path in sorted(files, key=lambda each: FILES.index(each.rsplit("/", 1)[-1]) if each.rsplit("/", 1)[-1] in FILES else len(FILES)):
        try:
            found = parse(files[path], path)
        except ValueError as error:
            raise PlanError(f"{path} cannot be read: {error}. Correct it, or leave it out.") from error
        for option, value in found.items():
            name = new_name(option)
            if not _OPTION.fullmatch(option):
                remarks.append(f"{path}: what is called {option[:60]!r} is no option of Jupyter and is left out.")
            elif name is None:
                remarks.append(f"{path}: {option} has no counterpart and is left out.")
            elif name not in options:
                options[name], origin[name] = value, path
    variables: dict[str, Any] = {}
    settings: dict[str, dict[str, Any]] = {}
    for name, value in options.items():
        if value is COMPUTED:
            remarks.append(f"{origin[name]}: {name} is computed there. Write its value by hand.")
        elif name in VARIABLES:
            if value not in ("", None):
                variables[VARIABLES[name]] = value
        elif name not in DECIDED:
            section, _dot, trait = name.partition(".")
            settings.setdefault(section, {})[trait] = value
    _place(options, variables, remarks)
    if settings:
        variables["jupyter_settings"] = settings
    return {"variables": dict(sorted(variables.items())), "remarks": remarks}


def _place(options: Options, variables: dict[str, Any], remarks: list[str]) -> None:
    """Settle who may connect and how it is encrypted, from ``ip``, ``certfile`` and ``keyfile``."""
    bind, certificate = options.get("ServerApp.ip", "localhost"), options.get("ServerApp.certfile")
    if bind in NEAR:
        return
    variables["jupyter_access"] = "direct"
    if bind not in NETWORK and bind is not COMPUTED:
        variables["jupyter_bind_address"] = bind
    if certificate and certificate is not COMPUTED:
        # No variable: that would be a path on the control node, and what lies there would be sent to the host.
        key = options.get("ServerApp.keyfile")
        files = " and ".join(str(path) for path in (certificate, key) if path and path is not COMPUTED)
        remarks.append(
            f"Its certificate lies on the host: {files}. To go on with it, copy it to the control node, and write where it lies there as "
            "jupyter_certificate_file and jupyter_key_file, with jupyter_tls: provided. Without, it gets one of the private authority."
        )
    else:
        remarks.append("It listened on the network without TLS. With access 'direct' it gets a certificate of the private authority.")
