# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A changed configuration of the SSH server, tried in a copy before it counts. Runs on the host."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import tempfile
from typing import Any, Iterator

from .._errors import TunnelError
from . import server_config
from .sshd import Server, included, text, write


class Trial:
    """A copy of the whole configuration in which some files are others; nothing on the host changes.

    An account that is yet to be created is in no group for sshd, so a ``Match Group`` line says nothing of it. With
    ``groups`` such a line is turned into ``Match User`` and the names of those it will mean.
    """

    def __init__(
        self, server: Server, files: dict[str, str | None], groups: dict[str, list[str]] | None = None
    ) -> None:
        self.server, self.files, self.groups = server, files, groups
        self.names: dict[str, str] = {}  # the copy, by the path that it stands for
        self.rows: dict[str, list[tuple[str, str, int, str]]] = {}  # of the real file, by its path
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Trial:
        self._folder = tempfile.TemporaryDirectory(prefix="remote-notebooks-sshd-")
        self._copy(self.server.config)
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder:
            self._folder.cleanup()

    def test(self) -> str:
        return self._real(self.server.test(self.names[self.server.config]))

    def values(self, user: str) -> dict[str, list[str]]:
        return self._effective(user)[0]

    def effective(self, user: str) -> dict[str, Any]:
        """Return the effective settings of an account: ``{"values": {keyword: [value, ...]}, "origins": {keyword:
        where}}``."""
        values, words = self._effective(user)
        return {"values": values, "origins": self._origins(words)}

    def _effective(self, user: str) -> tuple[dict[str, list[str]], str]:
        try:
            values, words = self.server.effective(user, self.names[self.server.config])
        except TunnelError as error:
            raise TunnelError(self._real(str(error))) from error
        return values, self._real(words)

    def _copy(self, path: str) -> str:
        """Copy a file and its included files, line by line, so that the numbers of lines stay."""
        if self._folder is None:
            raise TunnelError("There is no copy of the configuration to look into.")
        if path in self.names:
            return self.names[path]
        copy = self.names[path] = os.path.join(self._folder.name, f"{len(self.names):05d}.conf")
        said = self.files[path] if path in self.files else text(path)
        lines = (said or "").split("\n")
        self.rows[path] = server_config.parse(said or "")
        for keyword, arguments, number, _match in server_config.parse(said or "", matches=True):
            if keyword == "include":
                lines[number - 1] = "Include " + (
                    " ".join(map(self._copy, self._files(arguments))) or f"{self._folder.name}/none"
                )
            elif keyword == "match" and self.groups is not None:
                lines[number - 1] = f"Match {server_config.by_user(arguments, self.groups)}"
        write(copy, "\n".join(lines))
        return copy

    def _files(self, arguments: str) -> Iterator[str]:
        """The files that an Include line means, with those that are to come and without those that are to go."""
        for pattern in included(arguments):
            more = [
                path
                for path in self.files
                if path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)
            ]
            for path in sorted({*glob.glob(pattern), *more}):
                if self.files.get(path, "") is not None and (path in self.files or os.path.isfile(path)):
                    yield path

    def _real(self, words: str) -> str:
        """Turn the names of copies into those of the files they stand for."""
        for path, copy in self.names.items():
            words = words.replace(copy, path)
        return words

    def _origins(self, words: str) -> dict[str, dict[str, Any]]:
        """Find in sshd's own words which line gave each keyword: the first under a satisfied Match, else the first at
        all (sshd_config(5))."""
        origins: dict[str, dict[str, Any]] = {}
        # It goes through its files twice: for the general settings, then for the Match lines, and calls the first file
        # by another name then.
        everybody, found, matched = words.partition("debug3: checking match for")
        for part in (
            (matched.replace("\ndebug3: reprocess config:", f"\ndebug3: {self.server.config}:"), everybody)
            if found
            else (everybody,)
        ):
            for path, number, keyword in re.findall(
                r"^debug3: (/.+):(\d+) setting ([A-Za-z0-9]+)\b", part, re.MULTILINE
            ):
                row = next((row for row in self.rows.get(path, []) if row[2] == int(number)), None)
                said = f"{keyword} {row[1]}" if row else keyword
                origins.setdefault(
                    keyword.lower(), {"path": path, "line": int(number), "text": said, "match": row[3] if row else ""}
                )
        return origins
