# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._handoff import kit

FILES = {
    "index.html": b"<p>",
    "ca.crt": b"\x30",
    "ca.pem": b"--",
    "remote-notebooks.mobileconfig": b"<plist>",
    "h/lab.html": b"<q>",
    "key": b"k",
}


@pytest.mark.parametrize(
    ("target", "status", "kind"),
    [
        pytest.param("/t0ken/", 200, "text/html; charset=utf-8", id="the folder is its index"),
        pytest.param("/t0ken/ca.crt", 200, "application/x-x509-ca-cert", id="a certificate that devices install"),
        pytest.param("/t0ken/ca.pem", 200, "application/x-pem-file", id="the same as text"),
        pytest.param(
            "/t0ken/remote-notebooks.mobileconfig", 200, "application/x-apple-aspen-config", id="Apple's profile"
        ),
        pytest.param("/t0ken/h/lab.html", 200, "text/html; charset=utf-8", id="a server's page"),
        pytest.param("/t0ken/h%2Flab.html", 200, "text/html; charset=utf-8", id="quoted"),
        pytest.param("/t0ken/key", 200, "application/octet-stream", id="a file that was asked for"),
        pytest.param("/t0ken/ca.crt?x=1", 200, "application/x-x509-ca-cert", id="a query is ignored"),
        pytest.param("/", 404, None, id="without the token"),
        pytest.param("/t0ken", 404, None, id="without the slash"),
        pytest.param("/other/ca.crt", 404, None, id="another token"),
        pytest.param("/t0ken/../t0ken/ca.crt", 404, None, id="a path that climbs"),
        pytest.param("/t0ken//etc/passwd", 404, None, id="a path from the root"),
        pytest.param("/t0ken/h/lab.json", 404, None, id="not of the kit"),
        pytest.param(
            "//host/t0ken/ca.crt",
            200,
            "application/x-x509-ca-cert",
            id="an address without a scheme names the same file",
        ),
    ],
)
def test_what_is_answered(target, status, kind):
    answered, headers, body = kit.answer(FILES, "t0ken", "GET", target)
    assert (answered, headers.get("Content-Type")) == (status, kind)
    assert headers["Content-Length"] == str(len(body))
    assert headers["Cache-Control"] == "no-store"
    assert bool(body) is (status == 200)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405), ("PUT", 405), ("DELETE", 405)])
def test_only_reading(method, status):
    answered, _headers, body = kit.answer(FILES, "t0ken", method, "/t0ken/ca.crt")
    assert (answered, body) == (status, b"")


def test_records_and_unknown_kinds_stay_out():
    assert set(kit.kit({"index.html": b"", "h/lab.json": b"{}", "h/lab.key": b""}, {"mine.key": b"k"})) == {
        "index.html",
        "mine.key",
    }


def test_an_extra_file_replaces_none_of_the_kit():
    with pytest.raises(PlanError, match=r"files: 'ca.crt' is the name of a file of the kit"):
        kit.kit({"ca.crt": b""}, {"ca.crt": b"other"})
