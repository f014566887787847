# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel.client_config import local_forwards
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.near_ports import FIRST, LAST
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.plan import resolve

from .test_plan import DEFAULTS

FLEET = [f"web{number}" for number in range(300)]


def ports(host, *names, hosts=(), **given):
    instances = [{"name": name, "port": 8888 + place, **given} for place, name in enumerate(names)]
    plan = resolve(host, "system", DEFAULTS, instances, hosts=hosts)
    assert plan["local_ports"] == {str(item["port"]): item["local_port"] for item in plan["instances"]}
    return [item["local_port"] for item in plan["instances"]]


def test_without_a_word_it_is_the_port_of_the_server():
    assert ports("web1", "lab", "ann") == [8888, 8889]
    assert ports("web1", "lab", local_port="9000") == [9000]
    door = resolve("web1", "system", DEFAULTS, [{"name": "lab", "port": 443}])
    assert door["local_ports"] == {"443": 8443}, "only root of a laptop listens below 1024"


def test_every_server_of_a_fleet_has_its_own():
    found = [port for host in FLEET for port in ports(host, "lab", "ann", "bob", hosts=FLEET, local_port="auto")]
    assert len(set(found)) == len(found) == 900
    assert min(found) >= FIRST and max(found) <= LAST


def test_they_stay_where_a_fleet_grows():
    # Written down once: laptops have these numbers in their configuration.
    assert ports("web1", "lab", "ann", hosts=["web1", "web2"], local_port="auto") == [25393, 25398]
    before = {host: ports(host, "lab", hosts=FLEET[:200], local_port="auto") for host in FLEET[:200]}
    after = {host: ports(host, "lab", hosts=FLEET, local_port="auto") for host in FLEET[:200]}
    moved = [host for host in before if before[host] != after[host]]
    assert len(moved) < 20


def test_more_instances_than_a_host_has_places():
    found = ports("web1", *(f"p{number}" for number in range(20)), hosts=FLEET, local_port="auto")
    assert len(set(found)) == 20


@pytest.mark.parametrize("port", ["80", "http", 70000])
def test_no_port_of_a_laptop(port):
    with pytest.raises(PlanError, match="is no port of a laptop"):
        ports("web1", "lab", local_port=port)


def test_two_instances_cannot_share_one():
    with pytest.raises(PlanError, match="local_port: 9000 is taken by instance 'lab' already"):
        ports("web1", "lab", "ann", local_port=9000)


def test_a_tunnel_account_forwards_from_that_port():
    targets = ["localhost:8888", "127.0.0.1:8888", "192.0.2.1:8888"]
    assert local_forwards(targets, {"8888": 20017}) == [(20017, "localhost:8888"), (8888, "192.0.2.1:8888")]
