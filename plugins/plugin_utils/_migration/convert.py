# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a Jupyter configuration that somebody wrote by hand to the variables of the role. Pure: no I/O, no Ansible;
nothing of the file is executed.

Each option that a file sets becomes a variable, or a remark with its line.

The names are those of Notebook 6 (``NotebookApp``), Jupyter Server 1 (``ServerApp``) and 2 (identity providers); see
https://jupyter-server.readthedocs.io/en/latest/operators/migrate-from-nbserver.html and the traits of both classes.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, NamedTuple

from ...module_utils._errors import PlanError
from ...module_utils._jupyter.config_file import LONGEST_NAME, Reading, read
from .._jupyter.password import is_hash
from .._plan.account import SERVICE_ACCOUNT
from .tables import DECIDED, FILES, HUB, NEAR, NETWORK, OPENING, OWN, PACKAGES, PLACED, SERVER, VARIABLES, new_name

#: A class and a trait of it, as Python names things.
_OPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*")


#: Nobody reads more of them, and files may hold as many options as they like.
MOST_REMARKS = 500


class _Option(NamedTuple):
    """An option as a file sets it."""

    #: As the file calls it.
    name: str
    value: Any
    #: Why the value is not known; empty where it is.
    why: str
    #: Where: ``file, line 3``.
    place: str


def convert(files: dict[str, str], account: str = "") -> dict[str, Any]:
    """Return ``{"variables": {jupyter_...: value}, "remarks": [str, ...]}`` for the files of one account, by their
    path.

    A hash is kept word for word: the old password logs in afterwards, and who is logged in stays so.

    :param account: whose files they are; empty where nobody in particular is to run the server.
    :raises PlanError: if a file cannot be read in the format of its ending.
    """
    remarks: list[str] = []
    options: dict[str, _Option] = {}
    for path in sorted(
        files, key=lambda each: FILES.index(each.rsplit("/", 1)[-1]) if each.rsplit("/", 1)[-1] in FILES else len(FILES)
    ):
        _collect(path, _read(files[path], path), options, remarks)
    variables: dict[str, Any] = {}
    settings: dict[str, dict[str, Any]] = {}
    for name, option in options.items():
        if option.why:
            remarks.append(f"{option.place}: {option.name} {option.why}. {_by_hand(name)}")
        elif name in VARIABLES:
            _variable(name, option, variables, remarks)
        elif name in DECIDED:
            remarks.append(f"{option.place}: {option.name} is left out: {DECIDED[name]}.")
        elif name not in PLACED:
            _setting(name, option, settings, remarks)
    _place(options, variables, remarks)
    _warn(options, variables, remarks)
    _packages(settings, options, variables, remarks)
    if settings:
        variables["jupyter_settings"] = settings
    if account == "root":
        remarks.append(
            f"These are root's, and Jupyter never runs as root here: the server will run as '{SERVICE_ACCOUNT}', or as"
            " jupyter_user says."
        )
    elif account and files:
        variables["jupyter_user"] = account
    said = list(dict.fromkeys(remarks))
    if len(said) > MOST_REMARKS:
        said[MOST_REMARKS:] = [f"There are {len(said) - MOST_REMARKS} more remarks like these."]
    return {"variables": dict(sorted(variables.items())), "remarks": said}


def _read(text: str, path: str) -> Reading:
    try:
        return read(text, path)
    except ValueError as error:
        raise PlanError(f"{path} cannot be read: {error}. Correct it, or leave it out.") from error


def _collect(path: str, found: Reading, options: dict[str, _Option], remarks: list[str]) -> None:
    """Add the settings of a file, unless a file with precedence set them."""
    remarks += [f"{path}, line {line}: {text[0].lower()}{text[1:]}" for line, text in found.remarks]
    # Of an old and a new name in one file, the new one counts.
    for option, (value, line, why) in sorted(found.options.items(), key=lambda each: new_name(each[0]) != each[0]):
        place, name = f"{path}, line {line}", new_name(option)
        if not _OPTION.fullmatch(option) or len(option) > LONGEST_NAME:
            remarks.append(f"{place}: what is called {option[:60]!r} is no option of Jupyter and is left out.")
        elif name is None:
            remarks.append(f"{place}: {option} has no counterpart and is left out.")
        elif name in options:
            if (value, why) != options[name][1:3]:
                remarks.append(f"{place}: {option} is left out: {options[name].place} wins.")
        else:
            options[name] = _Option(option, value, why, place)


def _by_hand(name: str) -> str:
    if name in VARIABLES:
        return f"Write {VARIABLES[name]} by hand."
    if name in PLACED:
        return f"Write {PLACED[name]} by hand."
    if name in DECIDED:
        return f"It is left out in any case: {DECIDED[name]}."
    section, _dot, trait = name.partition(".")
    return f"Write it by hand, as jupyter_settings: {{{section}: {{{trait}: ...}}}}"


def _variable(name: str, option: _Option, variables: dict[str, Any], remarks: list[str]) -> None:
    """Take over an option that has a variable of its own, where the role would accept its value."""
    value, wrong = option.value, ""
    secret = name in ("PasswordIdentityProvider.hashed_password", "IdentityProvider.token")
    if value in ("", None):
        if not secret:  # of those, _warn speaks
            remarks.append(f"{option.place}: {option.name} is empty there, and {VARIABLES[name]} keeps its default.")
        return
    if name == "ServerApp.port":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
            wrong = "is no number of a port"
        elif value == 0:
            wrong = "is a port that is free at the moment"
    elif not isinstance(value, str):
        wrong = "is no text"
    elif name == "ServerApp.root_dir" and not value.startswith(("/", "~/")):
        value = "~/" if value == "~" else value
        wrong = "" if value == "~/" else "is relative to wherever Jupyter was started"
    elif name == "ServerApp.base_url" and not re.fullmatch(r"[A-Za-z0-9._~/-]*", value):
        wrong = "holds characters that need quoting in a URL"
    elif name == "PasswordIdentityProvider.hashed_password" and not is_hash(value):
        wrong = "is no hash of a form that Jupyter accepts, so nobody could log in with it"
    if wrong:
        remarks.append(f"{option.place}: {option.name} {wrong}. Write {VARIABLES[name]} by hand, or leave it out.")
    else:
        variables[VARIABLES[name]] = value


def _setting(name: str, option: _Option, settings: dict[str, dict[str, Any]], remarks: list[str]) -> None:
    section, _dot, trait = name.partition(".")
    if section == "ServerApp" and trait not in SERVER:
        remarks.append(f"{option.place}: {option.name} has no counterpart and is left out.")
        return
    settings.setdefault(section, {})[trait] = option.value
    opens, why = OPENING.get(name, (None, ""))
    if opens is not None and opens(option.value):
        remarks.append(
            f"{option.place}: {option.name} is kept, and is dangerous: {why}. Take it out unless you need it."
        )


def _warn(options: dict[str, _Option], variables: dict[str, Any], remarks: list[str]) -> None:
    """Name the settings by which the old server let anybody in, and the new behaviour."""
    for name, word in (("PasswordIdentityProvider.hashed_password", "password"), ("IdentityProvider.token", "token")):
        option = options.get(name)
        if option and not option.why and option.value in ("", None):
            remarks.append(
                f"{option.place}: {option.name} is empty there, so the old server asked for no {word}. "
                + (
                    "It is left out."
                    if word == "token" or "jupyter_password_hash" in variables
                    else "Here a password is always required."
                )
            )


def _packages(
    settings: dict[str, dict[str, Any]], options: dict[str, _Option], variables: dict[str, Any], remarks: list[str]
) -> None:
    """Add the packages of the classes of some settings. Leave out settings of unknown classes: a run refuses
    them."""
    needed = set()
    for section in sorted(settings):
        if section in OWN:
            continue
        places = ", ".join(f"{options[f'{section}.{trait}'].place} ({trait})" for trait in settings[section])
        if section in PACKAGES:
            needed.add(PACKAGES[section])
            remarks.append(
                f"{places}: {section} belongs to the package {PACKAGES[section]}, which is written to jupyter_packages."
                " That stands in place of the jupyter_packages of an inventory: add those to it, or take out both."
            )
            continue
        del settings[section]
        cure = (
            "that belongs to JupyterHub, which is no server for one person"
            if section in HUB
            else (
                "no class of the server has that name. Where a package brings it, write both by hand: jupyter_packages"
                " and jupyter_settings"
            )
        )
        remarks.append(f"{places}: {section} is left out: {cure}.")
    if needed:
        variables["jupyter_packages"] = sorted(needed)


def _place(options: dict[str, _Option], variables: dict[str, Any], remarks: list[str]) -> None:
    """Settle who may connect and how it is encrypted, from ``ip``, ``certfile`` and ``keyfile``."""
    files = [
        options[name]
        for name in ("ServerApp.certfile", "ServerApp.keyfile")
        if name in options and not options[name].why
    ]
    given = [option for option in files if option.value not in ("", None)]
    remarks += [
        f"{option.place}: {option.name} is empty there, which is the default."
        for option in files
        if option not in given
    ]
    bind = options.get("ServerApp.ip")
    if bind is None or bind.why or not _listens(bind, variables, remarks):
        remarks += [
            f"{option.place}: {option.name} is left out: through an SSH tunnel no certificate is needed."
            for option in given
        ]
        return
    if given:
        # No variable: that would be a path on the control node, and the file there would be sent to the host.
        remarks.append(
            f"{given[0].place}: {' and '.join(option.name for option in given)} lie on the host:"
            f" {' and '.join(str(option.value) for option in given)}. To go on with them, copy them to the control"
            " node, and write where they lie there as jupyter_certificate_file and jupyter_key_file, with jupyter_tls:"
            " provided. Without, the server gets one of the private authority."
        )
    elif not any(options[name].why for name in ("ServerApp.certfile", "ServerApp.keyfile") if name in options):
        remarks.append(
            f"{bind.place}: It listened on the network without TLS. With access 'direct' it gets a certificate of the"
            " private authority."
        )


def _listens(bind: _Option, variables: dict[str, Any], remarks: list[str]) -> bool:
    """Write down where the server is to listen; tell whether that is the network."""
    near = bind.value in NEAR
    if not near and isinstance(bind.value, str) and bind.value not in NETWORK:
        try:
            near = ipaddress.ip_address(bind.value).is_loopback
            if near:
                remarks.append(
                    f"{bind.place}: {bind.name} is an address of the loopback. With access 'tunnel' it is localhost."
                )
            else:
                variables["jupyter_bind_address"] = bind.value
        except ValueError:
            remarks.append(
                f"{bind.place}: {bind.name} is no IP address. Write one as jupyter_bind_address; without, it listens on"
                " all."
            )
    elif not near and not isinstance(bind.value, str):
        remarks.append(f"{bind.place}: {bind.name} is no address and is left out. {_by_hand('ServerApp.ip')}")
        return False
    variables["jupyter_access"] = "tunnel" if near else "direct"
    return not near
