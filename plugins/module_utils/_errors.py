# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The possible errors, and the person who can correct each.

::

    RemoteNotebooksError
    ├── PlanError      the inventory contradicts itself or names something impossible
    ├── FilesError     the control node's disk: a lock, a mode, a link where a file should be
    ├── PkiError       the authority, a certificate or a key
    ├── FirewallError  a rule that cannot be or must not be applied
    ├── TunnelError    an SSH account, its key, or the SSH server that is to hold it
    ├── CheckError     the client's view could not even be tried
    ├── AnswerError    a host's answer is none of our programs'
    ├── BuildError     an environment cannot be built on a host, or does not work
    │   ├── AlarmError a downloaded file is not the expected one
    │   └── InterpreterError  the Python of an environment cannot be installed
    └── LockError      a lock file, or the wheels for it, cannot be created or taken back

The text of each is one message: the fault, its place in the user's file, the cure.
Plugins and modules translate them into ``AnsibleActionFail`` or ``fail_json``; nothing else does.
"""

from __future__ import annotations


class RemoteNotebooksError(Exception):
    """Something the user can mend; its text says how."""


class PlanError(RemoteNotebooksError):
    """The inventory contradicts itself or names something impossible."""


class FilesError(RemoteNotebooksError):
    """The control node's disk refuses, or is not safe to write to."""


class PkiError(RemoteNotebooksError):
    """The authority, a certificate or a key cannot be created, read or trusted."""


class FirewallError(RemoteNotebooksError):
    """A firewall rule cannot be or must not be applied."""


class TunnelError(RemoteNotebooksError):
    """A tunnel account cannot be had: its entry, its key, or the host's SSH server is in the way."""


class CheckError(RemoteNotebooksError):
    """A connection check could not even be tried."""


class BackupError(RemoteNotebooksError):
    """An archive cannot be created, opened or brought back."""


class AnswerError(RemoteNotebooksError):
    """The answer of a host does not have the form of our programs' answers."""


class BuildError(RemoteNotebooksError):
    """An environment cannot be built, or does not work."""


class AlarmError(BuildError):
    """A downloaded file is not the expected one. No run continues in another way before a person has looked."""


class InterpreterError(BuildError):
    """The Python of an environment cannot be installed."""


class LockError(RemoteNotebooksError):
    """A lock file cannot be created, read or taken back."""
