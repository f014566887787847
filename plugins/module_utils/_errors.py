# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, and who can mend it.

::

    RemoteNotebooksError
    ├── PlanError      the inventory contradicts itself or names something impossible
    ├── FilesError     the control node's disk: a lock, a mode, a link where a file should be
    ├── PkiError       the authority, a certificate or a key
    ├── FirewallError  a rule that cannot be or must not be applied
    ├── TunnelError    an SSH account, its key, or the SSH server that is to hold it
    ├── CheckError     the client's view could not even be tried
    ├── AnswerError    a host answered what no program of ours says
    ├── BuildError     an environment cannot be built on a host, or does not work
    │   └── AlarmError what was fetched is not what it says it is
    └── LockError      a lock file, or the wheels for it, cannot be made or taken back

The text of each is one message: what is wrong, where in the user's file, what to do.
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
    """The authority, a certificate or a key cannot be made, read or trusted."""


class FirewallError(RemoteNotebooksError):
    """A firewall rule cannot be or must not be applied."""


class TunnelError(RemoteNotebooksError):
    """A tunnel account cannot be had: its entry, its key, or the host's SSH server is in the way."""


class CheckError(RemoteNotebooksError):
    """A connection check could not even be tried."""


class BackupError(RemoteNotebooksError):
    """An archive cannot be made, opened or brought back."""


class AnswerError(RemoteNotebooksError):
    """What came from a host is not of the form that our programs there give it."""


class BuildError(RemoteNotebooksError):
    """An environment cannot be built, or does not work."""


class AlarmError(BuildError):
    """What was fetched is not what it says it is. Nobody goes on another way before a person has looked."""


class LockError(RemoteNotebooksError):
    """A lock file cannot be made, read or taken back."""
