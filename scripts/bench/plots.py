# SPDX-License-Identifier: GPL-2.0-or-later
"""Plots beside docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.bench.measure import Wrong


@contextmanager
def drawing(path: Path, size: tuple[float, float]) -> Iterator[Any]:
    """Axes to draw on, which are then kept as a file: the same drawing gives the same file. Raises Wrong without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        raise Wrong("matplotlib is missing: `scripts/setup.sh plots`") from None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "pykaros", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=size, layout="constrained")
    try:
        yield axes
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
    finally:
        pyplot.close(figure)
