# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's SSH server and its tunnel accounts: read them, try a changed configuration, install it. Runs on the host, as root.

:mod:`_tunnel` compares and decides. What sshd would do is asked of sshd itself: ``sshd -T -C user=...`` says what applies to an account,
and with ``-ddd`` which line of which file says so.
"""

from __future__ import annotations

import contextlib
import glob
import grp
import os
import pwd
import re
import shutil
import signal
import stat
import tempfile
import time
from typing import Any, Callable, Iterator

from . import _tunnel, _tunnel_names
from ._errors import TunnelError
from ._processes import is_here

Command = Callable[["list[str]"], "tuple[int, str, str]"]

#: sshd reads its files as deep as this (sshd_config(5), Include).
DEPTH = 16
#: No account has this name, so what applies to it is what the administrator decided for everybody.
ANYONE = "remote-notebooks-anyone"
#: Of so many people's accounts at most is it seen that a change leaves their settings alone.
PEOPLE = 30


class Server:
    """The SSH server: its program, its configuration file, its process."""

    def __init__(self, run: Command) -> None:
        self.run = run
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
        if program is None:
            raise TunnelError("There is no SSH server (sshd) on this host. Install one (Debian: openssh-server).")
        self.program = program
        self.pid, self.config = _listener()

    def test(self, config: str) -> str:
        """Return what sshd has against a configuration file; empty where it takes it."""
        code, out, err = self.run([self.program, "-t", "-f", config])
        return "" if code == 0 else " ".join((err or out).split()) or f"sshd -t ended with {code}"

    def effective(self, user: str, config: str, real: Callable[[str], str] = str) -> dict[str, Any]:
        """Return what sshd applies to an account: ``{"values": {keyword: [value, ...]}, "origins": {keyword: where}}``.

        :param real: turns the name of a file of a trial into that of the file it stands for.
        """
        criteria = f"user={user},host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22"
        code, out, err = self.run([self.program, "-T", "-ddd", "-f", config, "-C", criteria])
        if code != 0:
            raise TunnelError(
                f"sshd does not take its own configuration: {' '.join(line for line in err.splitlines() if not line.startswith('debug'))}"
            )
        values: dict[str, list[str]] = {}
        for line in out.splitlines():
            keyword, _space, value = line.partition(" ")
            values.setdefault(keyword.lower(), []).append(value)
        return {"values": values, "origins": _origins(err, real)}


def _listener() -> tuple[int, str]:
    """Return the process id of the listening sshd (0 where there is none: a socket starts it) and its configuration file."""
    config = "/etc/ssh/sshd_config"
    for path in ("/run/sshd.pid", "/var/run/sshd.pid"):
        text = _text(path) or ""
        if not text.strip().isdigit() or (_text(f"/proc/{text.strip()}/comm") or "").strip() != "sshd":
            continue
        found = re.search(r"\s-f\s*(\S+)", (_text(f"/proc/{text.strip()}/cmdline") or "").replace("\0", " "))
        return int(text), found.group(1) if found else config
    return 0, config


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return None


def _origins(words: str, real: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    """Find in sshd's own words which line gave each keyword: the first under a satisfied Match, else the first at all (sshd_config(5))."""
    origins: dict[str, dict[str, Any]] = {}
    for path, number, keyword in re.findall(r"^debug3: (/\S+):(\d+) setting ([A-Za-z0-9]+)\b", words, re.MULTILINE):
        rows = [row for row in _tunnel.parse(_text(path) or "") if row[2] == int(number)]
        match = rows[0][3] if rows else ""
        known = origins.get(keyword.lower())
        if known is None or (match and not known["match"]):
            text = f"{keyword} {rows[0][1]}" if rows else keyword
            origins[keyword.lower()] = {"path": real(path), "line": int(number), "text": text, "match": match}
    return origins


# --- read --------------------------------------------------------------------------------------------------------------


def read(owner: str, accounts: list[dict[str, Any]], run: Command) -> dict[str, Any]:
    """Describe what :mod:`_tunnel` compares. Nothing on the host changes; a trial of the block lives in a folder that is gone at the end."""
    names = [account["name"] for account in accounts]
    complaint = ""
    block = None
    try:
        server = Server(run)
        block = _Block(server, owner)
    except TunnelError as error:
        complaint = str(error)
    mine = owned(owner)
    report: dict[str, Any] = {
        "accounts": {name: _account(name) for name in names},
        # Those that are asked for: a directory service may have a hundred thousand.
        "groups": [name for name in sorted({name for account in accounts for name in account.get("groups", [])}) if _has_group(name)],
        "owned": mine,
        "keys": {name: _keys(name) for name in sorted({*names, *mine})},
        "block": block.found if block else "",
        "place": block.place["path"] if block else "",
        "error": complaint,
        "effective": {},
        "candidate": {},  # empty where it is what applies already
        "anyone": {},
        "host_keys": [],
    }
    if not accounts or block is None:
        return report
    try:
        anyone = server.effective(ANYONE, server.config)
        report["anyone"] = _relevant(anyone)
        report["effective"] = {name: _relevant(server.effective(name, server.config)) for name in names}
    except TunnelError as error:
        return {**report, "error": str(error)}
    report["host_keys"] = [key for key in map(_host_key, anyone["values"].get("hostkey", [])) if key]
    wanted = _tunnel.block(owner, accounts)
    if block.found != wanted:
        with block.trial(wanted) as (config, real):
            complaint = server.test(config)
            if complaint:
                return {**report, "error": f"sshd does not take the block for {', '.join(names)}: {real(complaint)}"}
            report["candidate"] = {name: _relevant(server.effective(name, config, real)) for name in names}
    return report


def _relevant(effective: dict[str, Any]) -> dict[str, Any]:
    """What the comparison looks at; sshd has a hundred settings, and the report goes over the wire."""
    return {part: {keyword: value for keyword, value in effective[part].items() if keyword in _tunnel.KEYWORDS} for part in effective}


def _has_group(name: str) -> bool:
    try:
        return bool(grp.getgrnam(name))
    except KeyError:
        return False


def owned(owner: str) -> list[str]:
    """The accounts that earlier runs made for this owner."""
    return sorted(entry.pw_name for entry in pwd.getpwall() if entry.pw_gecos.split(",")[0] == _tunnel_names.mark(owner))


def _account(name: str) -> dict[str, Any] | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return {
        "uid": entry.pw_uid,
        "comment": entry.pw_gecos.split(",")[0],
        "shell": entry.pw_shell,
        "home": entry.pw_dir,
        "password": _password(name),
        "groups": sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem),
    }


def _password(name: str) -> str:
    """Say of which kind the password is; the hash itself goes nowhere (shadow(5))."""
    for line in (_text("/etc/shadow") or "").splitlines():
        if line.startswith(f"{name}:"):
            field = line.split(":")[1]
            return "disabled" if field == "*" else "locked" if field.startswith("!") else "empty" if not field else "set"
    return "unknown"


def _keys(name: str) -> dict[str, Any] | None:
    path = _tunnel.key_file(name)
    text = "" if os.path.isdir(path) else _text(path)
    if text is None:
        return None
    found = os.stat(path)
    try:
        owner = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        owner = str(found.st_uid)
    return {"text": text, "mode": f"{stat.S_IMODE(found.st_mode):04o}", "owner": owner}


def _host_key(path: str) -> str | None:
    """The public half of a host key as ``type base64``."""
    words = (_text(f"{path}.pub") or "").split()
    return " ".join(words[:2]) if len(words) >= 2 else None


class _Block:
    """Our text in the server's configuration: where it is or should be, and how the whole reads with another one."""

    def __init__(self, server: Server, owner: str) -> None:
        self.server = server
        self.owner = owner
        self.main = _text(server.config) or ""
        folders = {os.path.dirname(path) for path in _included(self.main)}
        self.place = _tunnel.place(server.config, self.main, owner, [folder for folder in folders if os.path.isdir(folder)])
        self.in_folder = self.place["include"] is not None
        # What stands in the other of the two places was put there before the configuration changed its ways.
        self.bare_main = _tunnel.with_block(self.main, owner, "")
        self.stale = "" if self.in_folder else f"/etc/ssh/sshd_config.d/00-remote-notebooks-{owner}.conf"
        if self.in_folder:
            self.found = (_text(self.place["path"]) or "") + ("" if self.bare_main == self.main else self.main)
        else:
            # A file that is no longer included does nothing, so it must not count as what is wanted, even where it says the same.
            self.found = self._inner() + (f"# {self.stale}\n" if os.path.exists(self.stale) else "")

    def _inner(self) -> str:
        """The block within the main file, without its marks."""
        found = re.search(
            rf"# BEGIN remote\.notebooks {self.owner}\b[^\n]*\n(.*?)Match all\n# END remote\.notebooks {self.owner}\n", self.main, re.DOTALL
        )
        return found.group(1) if found else ""

    def files(self, wanted: str) -> dict[str, str | None]:
        """Each file of the configuration that is ours or holds ours, as it should be: its text, or None where it should not be."""
        if self.in_folder:
            return {self.place["path"]: wanted or None, self.server.config: self.bare_main}
        return {self.server.config: _tunnel.with_block(self.main, self.owner, wanted), self.stale: None}

    @contextlib.contextmanager
    def trial(self, wanted: str) -> Iterator[tuple[str, Callable[[str], str]]]:
        """Give the path of a copy of the whole configuration with ``wanted`` in it, and what turns its names back into the real ones."""
        files = self.files(wanted)
        with tempfile.TemporaryDirectory(prefix="remote-notebooks-sshd-") as folder:
            main = files[self.server.config] or ""
            copy = os.path.join(folder, "sshd_config")
            names = {copy: self.server.config}
            if self.in_folder:
                path, word = self.place["path"], self.place["include"]
                parts = os.path.join(folder, "parts")
                names[parts] = os.path.dirname(path)
                os.mkdir(parts)
                for name in os.listdir(os.path.dirname(path)):
                    if os.path.isfile(os.path.join(os.path.dirname(path), name)):
                        shutil.copy(os.path.join(os.path.dirname(path), name), parts)
                text = files[path]
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(parts, os.path.basename(path)))
                if text is not None:
                    _write(os.path.join(parts, os.path.basename(path)), text)
                include = os.path.join(parts, os.path.basename(word.strip('"')))
                main = re.sub(rf"(?mi)^(\s*Include\s.*?){re.escape(word)}", lambda found: found.group(1) + include, main, count=1)
            _write(copy, main)

            def real(text: str) -> str:
                for trial_name, name in names.items():
                    text = text.replace(trial_name, name)
                return text

            yield copy, real


def _included(text: str) -> list[str]:
    words = [word.strip('"') for keyword, arguments, _number, _match in _tunnel.parse(text) if keyword == "include" for word in arguments.split()]
    return [word if word.startswith("/") else f"/etc/ssh/{word}" for word in words]


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


# --- act ---------------------------------------------------------------------------------------------------------------


def plan(owner: str, accounts: list[dict[str, Any]], run: Command) -> list[dict[str, Any]]:
    """List the files that :func:`install` would change: ``{"path", "before": text | None, "after": text | None}``, keys first."""
    block = _Block(Server(run), owner)
    names = {account["name"] for account in accounts}
    if not accounts and not owned(owner) and block.found and not _tunnel.is_block(block.found):
        return []  # somebody else's file, by the name that ours would have
    files: dict[str, str | None] = {_tunnel.key_file(account["name"]): _tunnel.authorized_keys(account) for account in accounts}
    files.update({_tunnel.key_file(name): None for name in set(owned(owner)) - names})
    files.update(block.files(_tunnel.block(owner, accounts)))
    changes = []
    for path, after in files.items():
        before = _text(path)
        keys = path.startswith(f"{_tunnel.FOLDER}/")
        found = _keys(os.path.basename(path)) if keys and before is not None else None
        if before != after or (found and (found["mode"], found["owner"]) != ("0644", "root")):
            changes.append({"path": path, "before": before, "after": after})
    return changes


def install(owner: str, accounts: list[dict[str, Any]], run: Command, move: Callable[[str, str], None]) -> list[dict[str, Any]]:
    """Bring keys and configuration up to date and let sshd read it. Return what changed, as :func:`plan` does.

    The whole configuration is tried first, in a copy: sshd must take it, and it must not change what applies to anybody else.
    Raises TunnelError, with the configuration as it was, where either fails.

    :param move: puts a file in the place of another in one step, with the owner, mode and context of that.
    """
    changes = plan(owner, accounts, run)
    if not changes:
        return []
    server = Server(run)
    configuration = [change for change in changes if not change["path"].startswith(f"{_tunnel.FOLDER}/")]
    if configuration:
        _try(server, _Block(server, owner), _tunnel.block(owner, accounts), {account["name"] for account in accounts})
    done: list[dict[str, Any]] = []
    try:
        for change in changes:
            done.append(change)
            _put(change["path"], change["after"], move)
        complaint = server.test(server.config) if configuration else ""
    except OSError as error:
        complaint = str(error)
    if complaint:
        for change in reversed(done):
            _put(change["path"], change["before"], move)
        raise TunnelError(f"Nothing was changed, because sshd refuses the result: {complaint}")
    with contextlib.suppress(OSError):
        os.rmdir(_tunnel.FOLDER)  # only an empty one goes
    if configuration and server.pid:
        _reload(server.pid)
    return changes


def _try(server: Server, block: _Block, wanted: str, ours: set[str]) -> None:
    people = [name for name in _people() if name not in ours]
    before = {name: server.effective(name, server.config)["values"] for name in people}
    with block.trial(wanted) as (config, real):
        complaint = server.test(config)
        if complaint:
            raise TunnelError(f"Nothing was changed, because sshd refuses the result: {real(complaint)}")
        for name in people:
            after = server.effective(name, config)["values"]
            for keyword in sorted({*before[name], *after}):
                if before[name].get(keyword) != after.get(keyword):
                    raise TunnelError(
                        f"Nothing was changed, because '{keyword}' would become {after.get(keyword)} instead of {before[name].get(keyword)} "
                        f"for the account '{name}'. Look at the end of {server.config}: lines below a Match line count for that alone."
                    )


def _people() -> list[str]:
    """root, whoever Ansible came as, and everybody else with a shell."""
    shells = [entry.pw_name for entry in pwd.getpwall() if not entry.pw_shell.endswith(("nologin", "false", "sync"))]
    return list(dict.fromkeys([ANYONE, "root", *filter(None, [os.environ.get("SUDO_USER")]), *shells]))[:PEOPLE]


def _put(path: str, text: str | None, move: Callable[[str, str], None]) -> None:
    """Make ``path`` hold ``text`` in one step, or be gone."""
    if text is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    if path.startswith(f"{_tunnel.FOLDER}/"):
        os.makedirs(_tunnel.FOLDER, mode=0o755, exist_ok=True)
        # sshd reads them as the account itself, so they are open to all; whatever the umask was, only root writes (StrictModes).
        os.chmod(_tunnel.FOLDER, 0o755)  # noqa: S103
    descriptor, temporary = tempfile.mkstemp(prefix=".remote-notebooks-", dir=os.path.dirname(path))
    os.close(descriptor)
    try:
        _write(temporary, text)
        os.chmod(temporary, 0o644)
        existed = os.path.exists(path)
        move(temporary, path)
        if not existed or path.startswith(f"{_tunnel.FOLDER}/"):
            os.chmod(path, 0o644)
            os.chown(path, 0, 0)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _reload(pid: int) -> None:
    """Let sshd read its configuration again (sshd(8): SIGHUP). Open sessions are processes of their own and go on."""
    os.kill(pid, signal.SIGHUP)
    for _attempt in range(50):  # it starts itself anew under the same number, and writes that down once it listens
        time.sleep(0.1)
        if (_text("/run/sshd.pid") or _text("/var/run/sshd.pid") or "").strip() == str(pid):
            return


def cut_off(names: list[str]) -> list[int]:
    """End every process of these accounts: the connections they hold open. Return their ids."""
    ended = []
    for name in names:
        try:
            uid = pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
        for entry in glob.glob("/proc/[0-9]*"):
            with contextlib.suppress(OSError):
                if os.stat(entry).st_uid == uid and uid != 0 and is_here(os.path.basename(entry)):
                    os.kill(int(os.path.basename(entry)), signal.SIGKILL)
                    ended.append(int(os.path.basename(entry)))
    return ended
