# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tools import gate, shards

ROOT = Path(__file__).parents[3]
LANES = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["scenarios"]["strategy"]["matrix"]


def test_the_machines_of_ci_run_each_scenario_once():
    asked = [tuple(map(int, lane.split("/"))) for lane in LANES["shard"]]
    assert sorted(name for lane in asked for name in shards.shard(*lane)) == sorted(gate.scenarios())


@pytest.mark.parametrize("count", [1, 3, 6])
def test_no_machine_has_much_more_work_than_another(count):
    work = [sum(map(shards.seconds, shards.shard(number + 1, count))) for number in range(count)]
    assert max(work) <= 1.25 * min(work)


def test_only_scenarios_that_exist_have_seconds():
    assert set(shards.SECONDS) - set(gate.scenarios()) == set()
