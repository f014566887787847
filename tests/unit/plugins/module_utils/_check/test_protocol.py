# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Jupyter says, and how it is read."""

# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._check.causes import Stop
from ansible_collections.remote.notebooks.plugins.module_utils._check.protocol import (
    Answer,
    absorb,
    base_in_policy,
    error_text,
    is_xsrf_refusal,
    read_page,
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(
            b'{"message": "Kernel does not exist: 1", "reason": null}', "Kernel does not exist: 1", id="Jupyter's JSON"
        ),
        pytest.param(b"<html><head><title>502 Bad\n Gateway</title></head>", "502 Bad Gateway", id="a proxy's page"),
        pytest.param(b"<p>no</p>", "no", id="a page without a title"),
        pytest.param(b'{"message": ""}', "without a reason", id="an empty message"),
        pytest.param(b"[]", "without a reason", id="JSON of another shape"),
        pytest.param(b"", "without a reason", id="nothing"),
        pytest.param(b"\xff" * 1000, "\ufffd" * 200, id="bytes"),
    ],
)
def test_the_text_of_an_error(body, text):
    assert error_text(body) == text


@pytest.mark.parametrize(
    ("policy", "base"),
    [
        pytest.param("frame-ancestors 'self'; report-uri /team/b/api/security/csp-report", "/team/b", id="a base"),
        pytest.param(
            "frame-ancestors 'self'; report-uri /api/security/csp-report; default-src 'none'", "", id="the root"
        ),
        pytest.param("default-src 'self'", None, id="another program's policy"),
        pytest.param("", None, id="none"),
    ],
)
def test_where_jupyter_says_it_is(policy, base):
    assert base_in_policy(policy) == base


def test_only_a_403_about_xsrf_is_one():
    assert is_xsrf_refusal(403, b"'_xsrf' argument missing from POST")
    assert not is_xsrf_refusal(403, b"Forbidden")
    assert not is_xsrf_refusal(200, b"_xsrf")


def message(kind, parent="m", **content):
    return {"msg_type": kind, "parent_header": {"msg_id": parent}, "content": content}


IDLE = message("status", execution_state="idle")


@pytest.mark.parametrize(
    ("messages", "text", "done"),
    [
        pytest.param([message("execute_result", data={"text/plain": "42"}), IDLE], "42", True, id="a value"),
        pytest.param(
            [message("stream", name="stdout", text="4"), message("stream", name="stdout", text="2\n"), IDLE],
            "42",
            True,
            id="printed in parts",
        ),
        pytest.param(
            [message("stream", name="stderr", text="w"), message("execute_result", data={"text/plain": "42"}), IDLE],
            "42",
            True,
            id="a warning",
        ),
        pytest.param(
            [
                message("execute_result", "other", data={"text/plain": "1"}),
                message("status", "other", execution_state="idle"),
            ],
            "",
            False,
            id="others",
        ),
        pytest.param([{}], "", False, id="an empty message"),
    ],
)
def test_messages_of_the_kernel(messages, text, done):
    answer = Answer("m")
    for one in messages:
        absorb(answer, one)
    assert (answer.text, answer.done) == (text, done)


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        pytest.param(
            message("error", ename="ZeroDivisionError", evalue="division by zero"), "code_failed", id="an exception"
        ),
        pytest.param(message("error", ename="HostAway", evalue="gpu1 is off"), "host_away", id="a host that is away"),
        pytest.param(message("status", "", execution_state="dead"), "kernel_died", id="dead"),
        pytest.param(
            message("status", "", execution_state="restarting"), "kernel_died", id="started again by the server"
        ),
    ],
)
def test_messages_that_end_the_check(bad, cause):
    with pytest.raises(Stop) as raised:
        absorb(Answer("m"), bad)
    assert raised.value.cause == cause


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(200, b'<div id="ipython-main-app" class="container">', "", id="nbclassic, Notebook 6"),
        pytest.param(200, b'{"notebookPage": "tree", "x": 1}', "Notebook 7 answers there", id="Notebook 7"),
        pytest.param(200, b"<title>Login</title>", "another page answers there", id="a login"),
        pytest.param(404, b'<div id="ipython-main-app">', "HTTP 404 is the answer", id="no page"),
    ],
)
def test_the_kind_of_a_page(status, body, kind):
    page = read_page(status, body)
    assert (page.is_classic, page.kind) == (not kind, kind)
