# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels of uv for Linux: compatibility tag (PEP 425) and digest (SHA-256).

`make lock` writes this file from the lock files.
"""

from __future__ import annotations

VERSION = "0.13.8"
WHEELS = {
    "linux_armv6l": "0ec33661a14e38dea8dfb18167d2a4a5c7fe3d476c62dd8eb6acf5f378727201",
    "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64": (
        "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d"
    ),
    "manylinux_2_17_armv7l.manylinux2014_armv7l": "86f1319f851e645bc295bb921e6be19beae7e69216c75ae809010ca7817393aa",
    "manylinux_2_17_armv7l.manylinux2014_armv7l.musllinux_1_1_armv7l": (
        "9cf0b7b12f13da6ab1c85694ab618d97a2bbd0c904cdea7f0172fb1dd768b9d5"
    ),
    "manylinux_2_17_i686.manylinux2014_i686": "5ace7ec339798aca31be51a75fa7c1544fe84e02fadd17a9fa3324813bbaf237",
    "manylinux_2_17_ppc64le.manylinux2014_ppc64le": "6999618363d03a0a085a9491db319e00b461dbda205db06ef1fd55dfcbf6472b",
    "manylinux_2_17_s390x.manylinux2014_s390x": "13050c64530a1ccfc223af0306a8152d41c0d36ea63bc19161221ca65dfe480a",
    "manylinux_2_17_x86_64.manylinux2014_x86_64": "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    "manylinux_2_28_aarch64": "5337c30bb893b4f9ce0ceb921ba2da0d13f649da644f40ad3bef84083bef0203",
    "manylinux_2_31_riscv64": "b26fe533dc6153787e40443b7d9428ed41349127bff36a954ec82c48be01ded9",
    "manylinux_2_31_riscv64.musllinux_1_1_riscv64": "bfcaada3989c7716ad4b58673cd1413fad4fdc6b2e446f9553db0ef18da20850",
    "musllinux_1_1_i686": "63d807451e63c8d21b1b33c945af16438ac9d8ffddc59b31ce69c692135891f5",
    "musllinux_1_1_x86_64": "29451c60f5e8b07403e0a175d5229efc36b0289b34143ff4aaa499a5dd52553a",
}
