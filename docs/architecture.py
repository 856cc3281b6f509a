"""Draw the network, its parts and the class activation map: `draw(folder)` writes one SVG each.

Lengths and feature maps are read from the network itself.
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from skspectra.neural_network import DenseNet1D

N_FEATURES = 2600
COLOURS = {"conv": "#cfe3f5", "block": "#d9ecd0", "halve": "#fbe3c3", "weigh": "#ead8f0", "plain": "#eeeeee"}


def draw(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"font.size": 9, "svg.hashsalt": "skspectra", "svg.fonttype": "path"}):
        for function in (network, dense_block, conv_block, squeeze_excitation, transitions, activation_map):
            figure = function()
            figure.savefig(folder / f"{function.__name__}.svg", bbox_inches="tight", metadata={"Date": None})
            plt.close(figure)


def canvas(width: float, height: float) -> Axes:
    """Make axes in inches, without frame."""
    figure = plt.figure(figsize=(width, height))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    return ax


def box(ax: Axes, x: float, y: float, text: str, kind: str, width: float = 1.9, height: float = 0.34) -> None:
    """Draw a box around (x, y)."""
    corner = (x - width / 2, y - height / 2)
    ax.add_patch(
        FancyBboxPatch(corner, width, height, "round,pad=0,rounding_size=0.06", fc=COLOURS[kind], ec="#333333")
    )
    ax.text(x, y, text, ha="center", va="center", color="black")


def arrow(ax: Axes, *points: tuple[float, float]) -> None:
    """Draw a line through points, with a head at the last."""
    xs, ys = zip(*points, strict=True)
    ax.plot(xs[:-1], ys[:-1], color="#333333", linewidth=1, solid_capstyle="round")
    style = {"arrowstyle": "-|>", "color": "#333333", "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=points[-1], xytext=points[-2], arrowprops=style)


def join(ax: Axes, x: float, y: float) -> None:
    """Draw a concatenation."""
    ax.plot(x, y, "o", markersize=11, markerfacecolor="white", markeredgecolor="#333333")
    ax.text(x, y - 0.01, "C", ha="center", va="center", fontsize=7.5, color="black")


def network() -> plt.Figure:
    module = DenseNet1D(n_classes=3)
    step, x, right = 0.5, 2.4, 4.9
    n = len(module.dense_blocks)
    ax = canvas(7.2, step * (3 * n + 4.5))
    y = ax.get_ylim()[1] - 0.3

    def size(at: float, length: int, channels: int) -> None:
        ax.text(x - 1.1, at, f"{length} × {channels}", ha="right", va="center", color="black")

    ax.text(x - 1.1, y, "samples × maps", ha="right", va="center", color="#555555")
    box(ax, x, y, "spectrum", "plain")
    arrow(ax, (x, y - 0.17), (x, y - step + 0.17))
    y -= step
    box(ax, x, y, f"convolution, width {module.stem.shape[2]}", "conv")
    length, channels = N_FEATURES, module.stem.shape[0]
    size(y, length, channels)
    top = y - 0.17  # where the line to the next box begins
    for i, block in enumerate(module.dense_blocks):
        y -= step * (1.2 if i == 1 else 1.0)  # room for the first branch
        start = (top + y + 0.17) / 2
        arrow(ax, (x, top), (x, y + 0.17))
        box(ax, x, y, f"dense block {i + 1}", "block")
        growth = sum(b[-1].weights[0].shape[0] for b in block.blocks)
        channels += growth
        size(y, length, channels)
        if i == n - 1:
            break
        arrow(ax, (x, y - 0.17), (x, y - step + 0.17))
        block_y = y
        y -= step
        box(ax, x, y, f"transition {i + 1}", "halve")
        length, channels = length // 2, module.transitions[i].weight.shape[0]
        size(y, length, channels)
        top = y - 0.17
        if i > 0:
            cross = module.cross_transitions[i - 1].weight.shape[0]
            middle = (block_y + y) / 2
            box(ax, right, middle, f"extra transition {i}", "halve")
            ax.text(right + 1.02, middle, f"+ {cross}", ha="left", va="center", color="black")
            y -= step * 0.75
            arrow(ax, (x, start), (right, start), (right, middle + 0.17))
            arrow(ax, (right, middle - 0.17), (right, y), (x + 0.1, y))
            arrow(ax, (x, top), (x, y + 0.09))
            join(ax, x, y)
            channels += cross
            top = y - 0.09
    for text, kind in (
        ("BN → SE → ReLU", "weigh"),
        ("global average", "plain"),
        ("fully connected", "conv"),
        ("class probabilities", "plain"),
    ):
        arrow(ax, (x, y - 0.17), (x, y - step + 0.17))
        y -= step
        box(ax, x, y, text, kind)
    assert length == 40
    ax.set_ylim(y - 0.3, None)
    return ax.figure


def dense_block() -> plt.Figure:
    ax = canvas(7.0, 1.7)
    y = 0.5
    box(ax, 0.5, y, "maps", "plain", 0.8)
    arrow(ax, (0.9, y), (1.25, y))
    box(ax, 2.0, y, "conv block 1", "block", 1.5)
    arrow(ax, (2.75, y), (3.05, y))
    join(ax, 3.15, y)
    arrow(ax, (3.25, y), (3.6, y))
    box(ax, 4.35, y, "conv block 2", "block", 1.5)
    arrow(ax, (5.1, y), (5.4, y))
    join(ax, 5.5, y)
    arrow(ax, (5.6, y), (6.0, y))
    box(ax, 6.45, y, "maps", "plain", 0.9)
    arrow(ax, (1.07, y), (1.07, 1.1), (3.15, 1.1), (3.15, y + 0.1))
    arrow(ax, (3.42, y), (3.42, 1.1), (5.5, 1.1), (5.5, y + 0.1))
    ax.text(2.1, 1.18, "what went in, unchanged", ha="center", va="bottom", color="black")
    ax.text(4.46, 1.18, "and the maps of block 1", ha="center", va="bottom", color="black")
    return ax.figure


def conv_block() -> plt.Figure:
    ax = canvas(7.0, 2.5)
    middle = 1.25
    box(ax, 0.5, middle, "maps", "plain", 0.8)
    arrow(ax, (0.9, middle), (1.05, middle))
    box(ax, 1.7, middle, "BN→SE→ReLU", "weigh", 1.25)
    for y, width in zip((2.15, 1.55, 0.95, 0.35), (1, 11, 25, 41), strict=True):
        arrow(ax, (2.33, middle), (2.48, middle), (2.48, y), (2.7, y))
        box(ax, 3.35, y, f"width {width}", "conv", 1.25)
        arrow(ax, (3.98, y), (4.22, y), (4.22, middle + (0.1 if y > middle else -0.1)))
    join(ax, 4.22, middle)
    arrow(ax, (4.32, middle), (4.47, middle))
    box(ax, 5.1, middle, "BN→SE→ReLU", "weigh", 1.25)
    arrow(ax, (5.73, middle), (5.88, middle))
    box(ax, 6.38, middle, "width 1", "conv", 0.95)
    return ax.figure


def squeeze_excitation() -> plt.Figure:
    ax = canvas(7.2, 1.7)
    y = 0.45
    box(ax, 0.5, y, "maps", "plain", 0.8)
    arrow(ax, (0.9, y), (1.15, y))
    box(ax, 1.95, y, "batch normalisation", "weigh", 1.55)
    arrow(ax, (2.73, y), (4.87, y))
    ax.plot(5.0, y, "o", markersize=12, markerfacecolor="white", markeredgecolor="#333333")
    ax.text(5.0, y, "×", ha="center", va="center", color="black")
    arrow(ax, (2.95, y), (2.95, 1.25), (3.1, 1.25))
    box(ax, 3.5, 1.25, "average", "plain", 0.8)
    arrow(ax, (3.9, 1.25), (4.05, 1.25))
    box(ax, 4.65, 1.25, "fully connected,\nReLU", "conv", 1.2, 0.5)
    arrow(ax, (5.25, 1.25), (5.4, 1.25))
    box(ax, 6.15, 1.25, "fully connected,\none weight a map", "conv", 1.4, 0.5)
    arrow(ax, (6.15, 1.0), (6.15, 0.85), (5.0, 0.85), (5.0, y + 0.11))
    arrow(ax, (5.12, y), (5.35, y))
    box(ax, 5.75, y, "ReLU", "weigh", 0.8)
    arrow(ax, (6.15, y), (6.35, y))
    box(ax, 6.75, y, "convolution", "conv", 0.8)
    return ax.figure


def transitions() -> plt.Figure:
    ax = canvas(7.2, 2.1)
    low, high = 0.5, 1.6
    arrow(ax, (0.1, low), (0.75, low))
    box(ax, 1.35, low, "dense block i", "block", 1.2)
    arrow(ax, (1.95, low), (2.2, low))
    arrow(ax, (0.4, low), (0.4, high), (2.2, high))
    for y, name in ((low, "transition i"), (high, "extra transition i - 1")):
        box(ax, 2.85, y, "BN→SE→ReLU", "weigh", 1.25)
        arrow(ax, (3.48, y), (3.65, y))
        box(ax, 4.1, y, "width 1", "conv", 0.85)
        arrow(ax, (4.53, y), (4.7, y))
        box(ax, 5.33, y, "mean of two", "halve", 1.2)
        ax.text(3.9, y + 0.24, name, ha="center", va="bottom", color="black")
    arrow(ax, (5.93, low), (6.25, low))
    join(ax, 6.35, low)
    arrow(ax, (5.93, high), (6.35, high), (6.35, low + 0.1))
    arrow(ax, (6.45, low), (7.1, low))
    ax.text(6.5, low - 0.12, "dense\nblock i + 1", ha="left", va="top", color="black", fontsize=8)
    return ax.figure


def activation_map() -> plt.Figure:
    ax = canvas(7.2, 1.9)
    low, high = 0.45, 1.45
    box(ax, 0.75, low, "maps before the\nglobal average", "plain", 1.35, 0.5)
    arrow(ax, (1.43, low), (1.65, low), (1.65, high), (1.9, high))
    box(ax, 2.5, high, "global average", "plain", 1.15)
    arrow(ax, (3.08, high), (3.3, high))
    box(ax, 4.05, high, "fully connected", "conv", 1.4)
    arrow(ax, (4.75, high), (5.0, high))
    box(ax, 5.6, high, "class C", "plain", 1.1)
    arrow(ax, (1.43, low), (3.35, low))
    box(ax, 4.05, low, "weighted sum", "weigh", 1.4)
    arrow(ax, (4.05, high - 0.17), (4.05, low + 0.17))
    ax.text(4.12, 0.95, "weights of class C", ha="left", va="center", color="black")
    arrow(ax, (4.75, low), (4.95, low))
    box(ax, 5.95, low, "normalised, interpolated\nto 2600 samples", "plain", 1.9, 0.5)
    return ax.figure


if __name__ == "__main__":
    draw(Path(__file__).parent / "generated" / "architecture")
