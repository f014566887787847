# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a tunnel's client on the control node, in a real folder."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

from ansible_collections.remote.notebooks.plugins.action import tunnel_client
from ansible_collections.remote.notebooks.plugins.plugin_utils import _files


def test_the_files_of_a_key_are_set_aside_together(tmp_path, monkeypatch):
    """A second may pass between two of them."""
    seconds = itertools.count()
    monkeypatch.setattr(_files.time, "strftime", lambda *_args: f"2026-12-01T0000{next(seconds):02}Z")
    (tmp_path / "lab").mkdir()
    paths = [tmp_path / "lab" / name for name in ("ipad", "ipad.pub", "ipad.pem", "ipad.config")]
    for path in paths:
        path.write_text(path.name)
    action = tunnel_client.ActionModule.__new__(tunnel_client.ActionModule)
    action._task = SimpleNamespace(check_mode=False)
    action._directory, action._diff, action._aside = str(tmp_path), [], []
    action._all({}, [*map(str, paths), str(tmp_path / "lab" / "away")])
    kept = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == {f"removed/2026-12-01T000000Z/lab/{name}" for name in ("ipad", "ipad.pub", "ipad.pem")}
    assert len(action._diff) == 4
