# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import time

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter.password import (
    generate,
    hash_password,
    is_hash,
    verifies,
)

# Made by jupyter_server 2.21.1: python -c 'from jupyter_server.auth import passwd; print(passwd("correct horse"))'
JUPYTERS_OWN = (
    "argon2:$argon2id$v=19$m=10240,t=10,p=8$PzS1ewh2wMtda9yf/LKrwQ$1LL6EV1HYd0bHou73sNKNJddSEMzPxjkYiIglDtADI4"
)


def test_jupyters_own_hash_verifies():
    assert verifies("correct horse", JUPYTERS_OWN)
    assert not verifies("wrong horse", JUPYTERS_OWN)


def test_our_hash_has_jupyters_parameters():
    assert re.fullmatch(
        r"argon2:\$argon2id\$v=19\$m=10240,t=10,p=8\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", hash_password("pässword")
    )


def test_each_hash_has_a_salt_of_its_own():
    assert hash_password("x") != hash_password("x")


@pytest.mark.parametrize("text", ["", "argon2:", "argon2:garbage", "sha1:ab:cd", JUPYTERS_OWN[7:], JUPYTERS_OWN[:-10]])
def test_damaged_hashes_do_not_verify(text):
    assert not verifies("correct horse", text)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        pytest.param(JUPYTERS_OWN, True, id="argon2id"),
        pytest.param("sha256:0123abcd:" + "0" * 64, True, id="old salted hash"),
        pytest.param(JUPYTERS_OWN[7:], False, id="without the word argon2"),
        pytest.param("argon2:garbage", False, id="Jupyter would answer the login with HTTP 500"),
        pytest.param("secret", False, id="a plain password"),
        pytest.param("", False, id="empty"),
    ],
)
def test_is_hash(text, good):
    assert is_hash(text) is good


def test_generated_passwords_differ_and_can_be_read_aloud():
    one, other = generate(), generate()
    assert one != other
    assert re.fullmatch(r"([2-9a-km-np-zA-HJ-NP-Z]{6}-){3}[2-9a-km-np-zA-HJ-NP-Z]{6}", one)


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param("m=1048576,t=30,p=1", id="a GiB, thirty times"),
        pytest.param("m=102401,t=1,p=1", id="a little too much memory"),
        pytest.param("m=10240,t=101,p=1", id="too many passes"),
        pytest.param("m=10240,t=10,p=9999", id="too many lanes"),
        pytest.param("m=99999999999999999999,t=1,p=1", id="no number"),
    ],
)
def test_a_hash_that_costs_too_much_is_not_tried(parameters):
    """It comes from a host: to try it would take the control node's memory and minutes."""
    hashed = f"argon2:$argon2id$v=19${parameters}$c2FsdHNhbHRzYWx0c2FsdA$" + "A" * 43
    start = time.monotonic()
    assert not verifies("secret", hashed)
    assert time.monotonic() - start < 0.5


def test_a_text_without_end_is_no_hash():
    assert not is_hash("sha1:" + "a" * 2000 + ":" + "b" * 40)
