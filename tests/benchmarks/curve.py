# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the recorded curves: ``curve.py recorded.json picture.svg``. Runs in the benchmarks' own environment
(matplotlib)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot, ticker

# The same picture for the same figures.
matplotlib.rcParams.update({"svg.hashsalt": "remote.notebooks", "svg.fonttype": "path", "font.size": 11})


def main() -> None:
    source, target = sys.argv[1:]
    results = json.loads(Path(source).read_text()).values()
    curves = {name: (points, result) for result in results for name, points in result["curves"].items()}
    figure, panels = pyplot.subplots(1, len(curves), figsize=(5.4 * len(curves), 4.2), squeeze=False, facecolor="white")
    for panel, (name, (points, result)) in zip(panels[0], sorted(curves.items())):
        numbers = sorted(map(int, points))
        seconds, cpu = zip(*(points[str(number)] for number in numbers))
        linear = [seconds[0] * number / numbers[0] for number in numbers]
        panel.plot(numbers, linear, linestyle=":", color="0.5", label="as many times the first")
        panel.plot(numbers, seconds, marker="o", color="#1f5fa8", label="wall time")
        panel.plot(numbers, cpu, marker="s", color="#c2571a", label="control node's CPU")
        for number, value in zip(numbers, seconds):
            # Above: the other line runs close below. On white: the dotted one begins where the first label stands.
            white = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            panel.annotate(
                f"{value:.1f} s", (number, value), textcoords="offset points", xytext=(0, 8), ha="center", bbox=white
            )
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xticks(numbers, [str(number) for number in numbers])
        panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter("{x:g}")
        panel.minorticks_off()
        panel.set_xlabel(f"{name if name == 'hosts' else f'{name} on one host'}\n{result['date']}, {result['machine']}")
        panel.xaxis.label.set_fontsize(8)
        panel.set_ylabel("seconds")
        panel.set_title("A run that finds nothing to do")
        panel.grid(True, which="major", color="0.9")
        panel.legend(frameon=False)
        panel.margins(x=0.12, y=0.15)
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main()
