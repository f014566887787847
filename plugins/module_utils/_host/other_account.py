# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let another process do something, with the rights of another account where that is asked for. Runs on the host.

An account can change its own folder at any moment, so root reads and writes there with
that account's rights alone: then a link leads no further than the account gets by itself. The account can stop and end
such a process, and its input may be endless: it has a deadline, a limit of memory, and its answer a length.
"""

from __future__ import annotations

import errno
import json
import os
import pwd
import resource
import select
import signal
import stat
import time
from typing import Any, Callable

#: How much address space a process that reads an account's files may add to its own. Python itself takes some 20 MB.
MEMORY = 1 << 30
#: As many times, a second apart, a process may be found stopped: then its account has no wish to see its work done.
STOPS = 10


def _address_space() -> int:
    """Return the bytes of address space that this process has (proc_pid_statm(5)). A fork inherits them."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def begin(
    function: Callable[[], Any],
    account: str = "",
    *,
    seconds: float = 600,
    limit: int = 1 << 26,
    memory: int | None = None,
) -> Callable[[], Any]:
    """Have another process call ``function``. Return a function that waits for its answer.

    It returns the JSON form of the function's value. It raises OSError as the function did, or if there
    is no answer.

    :param account: whose rights the process has; it gives up root for good. Empty, or without root: the same account.
    :param seconds: from now on; then the process is killed.
    :param limit: length of the answer, in bytes.
    """
    entry = pwd.getpwnam(account) if account and os.geteuid() == 0 else None
    deadline = time.monotonic() + seconds
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reading)
            if entry is not None:
                _become(entry)
            if memory is not None:
                most = _address_space() + memory
                resource.setrlimit(resource.RLIMIT_AS, (most, most))
            said = json.dumps(_said(function)).encode()
            while said:
                said = said[os.write(writing, said) :]
            code = 0
        finally:
            os._exit(code)  # nothing of the work that this process would do at its end
    os.close(writing)

    def answer() -> Any:
        try:
            text = _read(reading, deadline, limit, pid)
        finally:
            os.close(reading)
            # It may have been stopped, and would be waited for in vain.
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
        try:
            said = json.loads(text)
        except ValueError:
            raise OSError(
                errno.EIO, f"a process{_of(account)} was ended (status {status}) before it answered"
            ) from None
        if "error" in said:
            raise OSError(*said["error"])
        return said["value"]

    return answer


def call(account: str, function: Callable[[], Any], **more: Any) -> Any:
    """Have ``function`` called with the rights of an account, and wait for it (:func:`begin`)."""
    return begin(function, account, **more)()


def _of(account: str) -> str:
    return f" of the account '{account}'" if account else ""


def _become(entry: pwd.struct_passwd) -> None:
    os.initgroups(entry.pw_name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.chdir("/")
    os.umask(0o077)


def _said(function: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"value": function()}
    except OSError as error:
        return {
            "error": [
                error.errno or errno.EIO,
                error.strerror or str(error),
                *([str(error.filename)] if error.filename else []),
            ]
        }
    except (RecursionError, MemoryError) as error:
        return {"error": [errno.EFBIG, f"{type(error).__name__}: it asks for too much"]}


def _read(descriptor: int, deadline: float, limit: int, pid: int) -> bytes:
    parts: list[bytes] = []
    length = stopped = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise OSError(errno.ETIMEDOUT, "no answer in time")
        if not select.select([descriptor], [], [], min(left, 1))[0]:
            stopped += _is_stopped(pid)
            if stopped >= STOPS:
                raise OSError(errno.ECANCELED, "its account stops what does that")
            continue
        part = os.read(descriptor, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
        length += len(part)
        if length > limit:
            raise OSError(errno.EFBIG, "an answer that does not end")


def _is_stopped(pid: int) -> bool:
    """Tell whether a process, or one that it has started, was stopped (proc_pid_stat(5))."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            pids = [str(pid), *file.read().split()]
        for each in pids:
            with open(f"/proc/{each}/stat", encoding="utf-8", errors="replace") as file:
                if file.read().rpartition(")")[2].split()[0] in "Tt":
                    return True
    except OSError:
        pass  # gone by now
    return False


def content(path: str, limit: int, *, follow: bool = True) -> bytes:
    """Return the content of a regular file. A FIFO, a device, and a file beyond ``limit`` bytes are refused, and never
    waited for.

    :param follow: whether ``path`` may be a link.
    """
    # Without O_NONBLOCK to open a FIFO waits for a writer; a terminal must not become this process's own.
    descriptor = os.open(
        path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    )
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", path)
        if found.st_size > limit:
            raise OSError(errno.EFBIG, f"it holds {found.st_size} bytes, and at most {limit} are read", path)
        parts, left = [], limit + 1
        while left > 0:
            part = os.read(descriptor, min(left, 1 << 20))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        if left <= 0:
            raise OSError(errno.EFBIG, f"it holds more than the {limit} bytes that are read", path)
        return b"".join(parts)
    finally:
        os.close(descriptor)
