# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables as YAML whose texts have no second meaning, word for word.

Ansible takes a text in a file of variables for a template, wherever the text comes from; one that is tagged ``!unsafe``
stays a text.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from ...module_utils._errors import PlanError

#: In such a text nothing can be a template, and it is easier to read without a tag.
_PLAIN = re.compile(r"[A-Za-z0-9_.~/:@ -]*")


class _Literally(yaml.SafeDumper):
    pass


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if _PLAIN.fullmatch(text):
        return dumper.represent_str(text)
    return dumper.represent_scalar("!unsafe", text, style='"')


_Literally.add_representer(str, _text)


def dump(variables: dict[str, Any]) -> str:
    """Return the variables as YAML; keys are texts as well.

    :raises PlanError: for a value that YAML has no word for.
    """
    try:
        return str(yaml.dump(variables, Dumper=_Literally, sort_keys=True, allow_unicode=True))
    except (yaml.YAMLError, RecursionError) as error:
        raise PlanError(
            f"The configuration holds a value that no variable can hold ({str(error)[:100]}). Leave it out, and run"
            " again."
        ) from error
