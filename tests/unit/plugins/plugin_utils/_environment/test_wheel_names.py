# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import LockError
from ansible_collections.remote.notebooks.plugins.plugin_utils._environment import wheel_names

INSTANCE = {"index_url": "", "http_proxy": ""}
LOCK = "# State: T1\ntiny==1 --hash=sha256:00\n"


def order(machine="x86_64", libc="glibc 2.36"):
    return wheel_names.order(
        "/srv/locks/py3.11-x86_64-8950abfd.txt", [3, 11], {"machine": machine, "libc": libc}, INSTANCE
    )


def test_archives_lie_beside_the_lock_files():
    assert order()["folder"] == "/srv/wheels"
    assert wheel_names.archive(order(), LOCK, "0.1") == "py3.11-x86_64-8950abfd-glibc2.36-500f0ab6.tar"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param((order(), LOCK.replace("T1", "T2"), "0.1"), True, id="another stamp"),
        pytest.param((order(), LOCK.replace("00", "01"), "0.1"), False, id="another hash"),
        pytest.param((order(), LOCK, "0.2"), False, id="another uv"),
        pytest.param((order(), LOCK, ""), False, id="no uv"),
        pytest.param((order(libc="glibc 2.41"), LOCK, "0.1"), False, id="another libc"),
    ],
)
def test_another_content_has_another_name(other, same):
    assert (wheel_names.archive(*other) == wheel_names.archive(order(), LOCK, "0.1")) is same


@pytest.mark.parametrize(
    ("wanted", "platform", "taken"),
    [
        pytest.param(order(), "manylinux_2_36_x86_64", True, id="as new as the host"),
        pytest.param(order(), "manylinux_2_37_x86_64", False, id="newer than the host"),
        pytest.param(order(), "manylinux2014_x86_64", True, id="an old name"),
        pytest.param(order(), "linux_x86_64", True, id="built by somebody here"),
        pytest.param(order(), "musllinux_1_2_x86_64", False, id="another C library"),
        pytest.param(order("aarch64"), "manylinux_2_17_aarch64", True, id="another machine"),
        pytest.param(order("aarch64"), "manylinux_2_17_x86_64", False, id="not that machine"),
    ],
)
def test_wheels_for_the_host(wanted, platform, taken):
    assert (platform in wheel_names.options(wanted)) is taken


def test_a_host_without_glibc_is_refused():
    with pytest.raises(LockError, match="C library is not GNU's"):
        wheel_names.options(order(libc=""))


@pytest.mark.parametrize(
    ("said", "package"),
    [
        pytest.param("ERROR: No matching distribution found for tiny==1", "tiny==1", id="it has none"),
        pytest.param(
            "WARNING: Retrying (Retry(total=4\nERROR: No matching distribution found for tiny==1",
            "",
            id="nobody could be asked",
        ),
        pytest.param("ERROR: something else", "", id="something else"),
    ],
)
def test_what_has_no_wheel(said, package):
    assert wheel_names.missing(said) == package
