"""A figure of macro F1 against training time."""

import numpy as np

from benchmarks._common.candidates import CANDIDATES, OURS


def frontier(fits):
    """Return the pairs (seconds, score) whose score is higher than that of every faster fit, sorted by time."""
    best = []
    for seconds, score in sorted(fits, key=lambda fit: (fit[0], -fit[1])):
        if not best or score > best[-1][1]:
            best.append((seconds, score))
    return best


def draw(results, mix, path, title):
    """Write a figure of macro F1 against training time with one mark per fit, and the frontier."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
    plot(axes, results, mix)
    axes.set(
        xscale="log",
        xlabel="training time, s",
        ylabel=f"macro F1 at {mix}, 95 % confidence interval by object",
        title=title,
    )
    # Equal distances on this axis are equal ratios of 1 - F1.
    axes.set_yscale("function", functions=(lambda f1: -np.log10(1.0001 - f1), lambda v: 1.0001 - 10**-v))
    axes.set_yticks([0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995])
    lowest, highest = (edge(r["scores"][mix]["ci"][i] for r in results) for i, edge in enumerate((min, max)))
    axes.set_ylim(lowest - 0.1 * (1 - lowest), highest + 0.2 * (1 - highest))
    axes.grid(alpha=0.3)
    figure.legend(fontsize=7, loc="outside right upper")
    figure.savefig(path, dpi=200)
    plt.close(figure)


def plot(axes, results, mix):
    """Plot a mark for each fit, a line through the fits of a method with several budgets, and the frontier."""
    # The colours of Okabe & Ito. Each family also has its own mark, so that the figure is readable in grey.
    colours = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#CC79A7", "#7F7F7F", "#FFFFFF"]
    others = [family for family in dict.fromkeys(c.family for c in CANDIDATES.values()) if family != OURS]
    style = {family: (colours[i % 9], "osv^<>Ph*"[i % 9]) for i, family in enumerate(others)}
    for family, (colour, mark) in style.items():
        if fits := [r for r in results if r["family"] == family]:
            _marks(axes, fits, mix, colour, mark, size=6, label=family)
    # The marks of our network are too close to each other for names beside them.
    ours = list(dict.fromkeys(r["method"] for r in results if r["family"] == OURS))
    for i, method in enumerate(ours):
        letter = chr(ord("a") + i)
        fits = [r for r in results if r["method"] == method]
        _marks(axes, fits, mix, "#D55E00", "D", size=9, label=f"{letter}: {method}")
        for r in fits:
            axes.annotate(letter, (r["fit_s"], r["scores"][mix]["f1"]), ha="center", va="center_baseline", fontsize=7)
    best = frontier([(r["fit_s"], r["scores"][mix]["f1"]) for r in results])
    best.append((max(r["fit_s"] for r in results), best[-1][1]))
    axes.step(*zip(*best, strict=True), where="post", color="0.5", lw=1, ls="--", zorder=0, label="frontier")


def _marks(axes, fits, mix, colour, mark, size, label):
    fits = sorted(fits, key=lambda r: r["fit_s"])
    seconds, f1 = (
        np.array(values) for values in zip(*((r["fit_s"], r["scores"][mix]["f1"]) for r in fits), strict=True)
    )
    bars = np.abs(np.array([r["scores"][mix]["ci"] for r in fits]).T - f1)
    axes.errorbar(
        seconds,
        f1,
        bars,
        fmt=mark,
        color=colour,
        ecolor="0.3",
        ms=size,
        mec="black",
        mew=0.5,
        elinewidth=0.7,
        label=label,
    )
    for method in dict.fromkeys(r["method"] for r in fits):
        of_method = [r["method"] == method for r in fits]
        axes.plot(seconds[of_method], f1[of_method], color="0.5", lw=0.6, zorder=1)
