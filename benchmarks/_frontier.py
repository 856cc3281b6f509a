"""The figure of score against training time."""

import numpy as np
from _classifiers import CANDIDATES, OURS


def frontier(fits):
    """Return of pairs (seconds, score) those that no fit in as little time equals, by time."""
    best = []
    for seconds, score in sorted(fits, key=lambda fit: (fit[0], -fit[1])):
        if not best or score > best[-1][1]:
            best.append((seconds, score))
    return best


def draw(results, mix, path, title):
    """Write the figure: macro F1 against training time, one mark a fit, and the frontier."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
    plot(axes, results, mix)
    axes.set(xscale="log", xlabel="training time, s", ylabel=f"macro F1 at {mix}, 95 % band by object", title=title)
    # Equal steps are equal factors in the errors that are left.
    axes.set_yscale("function", functions=(lambda f1: -np.log10(1.0001 - f1), lambda v: 1.0001 - 10**-v))
    axes.set_yticks([0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995])
    lowest, highest = (edge(r["scores"][mix]["band"][i] for r in results) for i, edge in enumerate((min, max)))
    axes.set_ylim(lowest - 0.1 * (1 - lowest), highest + 0.2 * (1 - highest))
    axes.grid(alpha=0.3)
    figure.legend(fontsize=7, loc="outside right upper")
    figure.savefig(path, dpi=200)
    plt.close(figure)


def plot(axes, results, mix):
    """Plot a mark for each fit, a line through those of one setting in several times, and the frontier."""
    # Okabe & Ito's colours, and a mark of its own for each, so that grey prints can be read too.
    colours = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#CC79A7", "#7F7F7F", "#FFFFFF"]
    others = [family for family in dict.fromkeys(c.family for c in CANDIDATES.values()) if family != OURS]
    style = {family: (colours[i % 9], "osv^<>Ph*"[i % 9]) for i, family in enumerate(others)}
    style[OURS] = ("#D55E00", "D")
    for family, (colour, mark) in style.items():
        own = sorted((r for r in results if r["family"] == family), key=lambda r: r["fit_s"])
        if not own:
            continue
        f1 = np.array([r["scores"][mix]["f1"] for r in own])
        band = np.abs(np.array([r["scores"][mix]["band"] for r in own]).T - f1)
        axes.errorbar(
            [r["fit_s"] for r in own],
            f1,
            band,
            fmt=mark,
            color=colour,
            ecolor="0.3",
            ms=8 if family == OURS else 6,
            mec="black",
            mew=0.5,
            elinewidth=0.7,
            alpha=0.9,
            label=family,
        )
        for method in dict.fromkeys(r["method"] for r in own):
            points = [(r["fit_s"], r["scores"][mix]["f1"]) for r in own if r["method"] == method]
            axes.plot(*zip(*points, strict=True), color="0.5", lw=0.6, zorder=1)
            if family == OURS:
                setting, side = method.removeprefix(OURS).strip(), len(axes.texts) % 2
                axes.annotate(
                    setting,
                    points[-1],
                    textcoords="offset points",
                    xytext=(7, (3, -8)[side]),  # neighbours do not cover each other
                    fontsize=7,
                )
    best = frontier([(r["fit_s"], r["scores"][mix]["f1"]) for r in results])
    best.append((max(r["fit_s"] for r in results), best[-1][1]))
    axes.step(*zip(*best, strict=True), where="post", color="0.5", lw=1, ls="--", zorder=0, label="frontier")
