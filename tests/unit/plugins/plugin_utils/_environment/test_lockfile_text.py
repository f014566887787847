# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import LockError
from ansible_collections.remote.notebooks.plugins.plugin_utils._environment import lockfile_text

TEXT = lockfile_text.render("tiny==1 \\\n    --hash=sha256:00\n    # via x\n", [3, 11], "x86_64", ["tiny"], "T1")


def test_a_lock_says_what_it_is_for():
    assert (
        TEXT == "# For: tiny\n# On: Python 3.11, x86_64\n# State: T1\ntiny==1 \\\n    --hash=sha256:00\n    # via x\n"
    )
    assert lockfile_text.file_name([3, 11], "x86_64", ["tiny"]) == "py3.11-x86_64-8950abfd.txt"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(lockfile_text.stamped(TEXT, "T2"), True, id="another stamp"),
        pytest.param(TEXT.replace("# via x", "# via y"), True, id="another comment"),
        pytest.param(TEXT.replace("sha256:00", "sha256:01"), False, id="another hash"),
        pytest.param(TEXT.replace("tiny==1", "tiny==2"), False, id="another version"),
    ],
)
def test_only_what_is_installed_counts(other, same):
    assert (lockfile_text.digest(other) == lockfile_text.digest(TEXT)) is same


def test_a_stamp_that_somebody_took_out_comes_back():
    assert lockfile_text.stamp("tiny==1\n") == ""
    assert lockfile_text.stamp(lockfile_text.stamped("tiny==1\n", "T2")) == "T2"


def test_an_unknown_machine_is_named():
    with pytest.raises(LockError, match="s390x"):
        lockfile_text.command("uv", [3, 11], "s390x")
