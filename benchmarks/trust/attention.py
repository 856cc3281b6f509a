"""Does the attention of a network follow the spectral lines of the class?

For spectra that the network classifies correctly, `line_attention` compares maps of the attention to their class with
the lines of that class. The test sets are simulated spectra, the spectra of another simulator (``--data FILE.npz`` with
flux, wavelength, target and z) and the observed spectra of `load_sdss_sample`, one for each object.

There are two sanity checks (Adebayo et al. 2018, arXiv:1810.03292; Samek et al. 2017, IEEE TNNLS 28(11), 2660):

- *Random weights.* The same maps are computed with networks that have random weights, but batch statistics of spectra.
  A map that follows any structure of a spectrum also follows lines with random weights. The attention is therefore also
  divided by that of random networks ("over random"). For the trained network, this is the mean of all random networks.
  For each random network, it is the mean of the others, and the result should be 1.
- *Deletion.* The spectrum is cut into blocks of 1 % of its length. The most attended blocks are hidden, and the
  probability of the class is compared with the probability after hiding as many random blocks. Hidden blocks are
  replaced by straight lines between the samples on both sides.

Without ``--model``, a network is trained on spectra of make_spectra (1:1:1, one-cycle schedule, with noise).

    python -m benchmarks.trust.attention [--model FILE.joblib] [--data FILE.npz] [--json PATH]
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
from scipy.stats import wilcoxon
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from benchmarks._common.command import parser_of, print_machine, save
from benchmarks._common.simulated import trained_network
from skspectra.datasets import load_sdss_sample, make_spectra
from skspectra.inspection import class_activation_map, line_attention, occlusion_map
from skspectra.preprocessing import MissingFluxInterpolator

CLASSES = ("STAR", "GALAXY", "QSO")
FRACTIONS = (0.05, 0.1, 0.2)
N_RANDOM_DELETIONS = 3


def network_to_look_at(args: argparse.Namespace) -> Pipeline:
    if args.model:
        return joblib.load(args.model)
    params = {"growth_rate": args.growth_rate, "stem_stride": args.stem_stride, "max_epochs": args.epochs}
    model = trained_network(args.n_train, (1, 1, 1), verbose=1, **params)
    if args.save:
        joblib.dump(model, args.save)
    return model


def random_network(model: Pipeline, seed: int) -> Pipeline:
    """Return the same network with random weights.

    It is trained with a learning rate so low that only the statistics of batch normalisation change.
    """
    spectra = make_spectra(1024, weights=(1, 1, 1), random_state=1000 + seed)
    untrained = clone(model)
    untrained[-1].set_params(
        lr=1e-12, lr_schedule=None, max_epochs=1, batch_size=32, validation_fraction=None, random_state=seed, verbose=0
    )
    return untrained.fit(spectra.data, spectra.target)


def kinds_of_maps(model: Pipeline, args: argparse.Namespace) -> dict[str, Callable]:
    """Return functions of model, flux and class that compute the maps, by name."""

    def activation(layer):
        return lambda model, X, y: class_activation_map(model, X, y, layer=layer)

    def occlusion(scale):
        return lambda model, X, y: occlusion_map(model, X, y, width=args.width, step=args.step, scale=scale)

    kinds = {"exact": activation(None)}
    kinds |= {f"LayerCAM {layer}": activation(layer) for layer in range(model[-1].n_dense_blocks)}
    kinds["LayerCAM all"] = activation("all")
    kinds |= {f"occlusion, {scale}": occlusion(scale) for scale in ("probability", "log-odds")}
    return kinds


def test_sets(args: argparse.Namespace) -> dict[str, dict[str, np.ndarray]]:
    spectra = make_spectra(args.n, weights=(1, 1, 1), random_state=7)
    wanted = {"flux": spectra.data, "target": spectra.target, "z": spectra.redshift, "wavelength": spectra.wavelength}
    sets = {"make_spectra": wanted}
    if args.data:
        with np.load(args.data) as other:
            sets["other simulator"] = {
                name: other[name] if name == "wavelength" else other[name][: args.n]
                for name in ("flux", "target", "z", "wavelength")
            }
    real = load_sdss_sample()
    rows = np.unique(real.object_id, return_index=True)[1]
    rows = rows[np.nan_to_num(real.redshift[rows], nan=-1) > -1]
    sets["real SDSS"] = {
        "flux": real.data[rows],
        "target": real.target[rows],
        "z": real.redshift[rows],
        "wavelength": real.wavelength,
    }
    return sets


def with_mean_1(maps: np.ndarray) -> np.ndarray:
    """Scale maps to mean 1 as `line_attention` does, so that all networks have the same weight in their mean."""
    maps = maps.clip(min=0)
    mean = maps.mean(axis=1, keepdims=True)
    return np.divide(maps, mean, out=np.ones_like(maps), where=mean > 0)


def enrichment(maps: np.ndarray, spectra: dict[str, np.ndarray], reference: np.ndarray | None = None) -> dict:
    """Return the enrichment and p-value of each class and of each of its lines."""
    found = line_attention(
        maps, spectra["wavelength"], spectra["z"], spectra["target"], reference=reference, random_state=0
    )
    keys = ("n_spectra", "share", "coverage", "enrichment", "p_value")
    classes = {str(name): {key: found[key][i].item() for key in keys} for i, name in enumerate(found.target_names)}
    lines = found.lines
    for name, scores in classes.items():
        scores["lines"] = [
            {key: lines[key][i].item() for key in ("name", "n_spectra", "density", "enrichment", "p_value")}
            for i in np.flatnonzero(lines.target == name)
        ]
    return classes


def hide(flux: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Replace the hidden samples of each spectrum by straight lines between the others."""
    position = np.arange(flux.shape[1])
    return np.array(
        [np.interp(position, position[~h], f[~h]) for f, h in zip(flux, hidden, strict=True)], dtype=flux.dtype
    )


class Deletion:
    """The probability of the class after blocks of the spectra are hidden."""

    def __init__(self, model: Pipeline, spectra: dict[str, np.ndarray]):
        self.model = model
        self.flux = MissingFluxInterpolator().fit_transform(spectra["flux"])
        self.codes = np.searchsorted(model.classes_, spectra["target"])
        n_features = self.flux.shape[1]
        self.block = np.arange(n_features) * 100 // n_features
        self.whole = float(self.probability(self.flux).mean())
        rng = np.random.default_rng(0)
        orders = [rng.permuted(np.tile(np.arange(100), (len(self.flux), 1)), axis=1) for _ in range(N_RANDOM_DELETIONS)]
        self.chance = {f: np.mean([self.left(order, f) for order in orders], axis=0) for f in FRACTIONS}

    def probability(self, flux: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(flux)[np.arange(len(flux)), self.codes]

    def left(self, order: np.ndarray, fraction: float) -> np.ndarray:
        hidden = np.zeros(order.shape, dtype=bool)
        np.put_along_axis(hidden, order[:, : round(100 * fraction)], True, axis=1)
        return self.probability(hide(self.flux, hidden[:, self.block]))

    def curve(self, maps: np.ndarray) -> list[dict]:
        attention = np.stack([maps[:, self.block == b].mean(axis=1) for b in range(100)], axis=1)
        most_first = np.argsort(-attention, axis=1)
        points = []
        for fraction in FRACTIONS:
            most, chance = self.left(most_first, fraction), self.chance[fraction]
            points.append(
                {
                    "fraction": fraction,
                    "whole": self.whole,
                    "most_attended": float(most.mean()),
                    "random": float(chance.mean()),
                    "p_value": float(wilcoxon(most, chance, alternative="less").pvalue),
                }
            )
        return points


def print_enrichment(name: str, classes: dict) -> None:
    cells = [
        f"{classes[c]['enrichment']:5.2f} (p {classes[c]['p_value']:.3f})" if c in classes else " " * 15
        for c in CLASSES
    ]
    print(f"{name:26} " + "   ".join(cells), flush=True)


def look(where: str, model: Pipeline, untrained: list[Pipeline], kinds: dict[str, Callable], spectra: dict) -> dict:
    """Print and return what the maps of all kinds attend to in one set of spectra."""
    correct = model.predict(spectra["flux"]) == spectra["target"]
    spectra = {name: values if name == "wavelength" else values[correct] for name, values in spectra.items()}
    counts = ", ".join(f"{name} {np.sum(spectra['target'] == name)}" for name in CLASSES)
    print(f"\n{where}: {correct.mean():.3f} correct ({counts}). Enrichment of the lines of the class:")
    print(f"{'map':26} " + "   ".join(f"{name:15}" for name in CLASSES))
    result = {"accuracy": float(correct.mean()), "enrichment": {}, "deletion": {}}
    delete = Deletion(model, spectra)
    for name, kind in kinds.items():
        maps = kind(model, spectra["flux"], spectra["target"])
        random = [with_mean_1(kind(network, spectra["flux"], spectra["target"])) for network in untrained]
        result["enrichment"][name] = rows = {
            "trained": enrichment(maps, spectra),
            "trained over random": enrichment(maps, spectra, np.mean(random, axis=0)),
        }
        for seed, own in enumerate(random):
            others = np.mean([other for other in random if other is not own], axis=0)
            rows[f"random {seed}"] = enrichment(own, spectra)
            rows[f"random {seed} over others"] = enrichment(own, spectra, others)
        print(name)
        for row, classes in rows.items():
            print_enrichment(f"  {row}", classes)
        result["deletion"][name] = delete.curve(maps)
    print("\nprobability of the class: whole spectrum; most attended and random blocks hidden")
    print(f"{'map':26} " + "   ".join(f"{fraction:16.0%}" for fraction in FRACTIONS))
    for name, curve in result["deletion"].items():
        cells = [f"{c['whole']:.2f}; {c['most_attended']:.2f} {c['random']:.2f}" for c in curve]
        print(f"{name:26} " + "   ".join(f"{cell:>16}" for cell in cells))
    return result


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--model", type=Path, help="fitted pipeline that ends in a DenseNet1DClassifier")
    parser.add_argument("--save", type=Path, help="file for the network that is trained without --model")
    parser.add_argument("--n-train", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--growth-rate", type=int, default=8)
    parser.add_argument("--stem-stride", type=int, default=2)
    parser.add_argument("--n", type=int, default=600, help="number of simulated spectra")
    parser.add_argument("--n-random", type=int, default=3, help="number of random networks, at least 2")
    parser.add_argument("--width", type=int, default=16, help="samples that occlusion covers, 2.08 angstrom each")
    parser.add_argument("--step", type=int, default=8)
    parser.add_argument("--maps", nargs="+", help="default: all")
    parser.add_argument("--data", type=Path, help="npz file of another simulator")
    args = parser.parse_args()
    if args.n_random < 2:
        parser.error("--n-random must be at least 2, because each random network is compared with the others.")

    print_machine()
    model = network_to_look_at(args)
    print(model[-1])
    kinds = kinds_of_maps(model, args)
    if unknown := set(args.maps or ()) - set(kinds):
        parser.error(f"--maps has unknown names {sorted(unknown)}; allowed are {list(kinds)}.")
    kinds = {name: kind for name, kind in kinds.items() if args.maps is None or name in args.maps}
    untrained = [random_network(model, seed) for seed in range(args.n_random)]
    results = {where: look(where, model, untrained, kinds, spectra) for where, spectra in test_sets(args).items()}
    save(args, network=str(model[-1]), sets=results)


if __name__ == "__main__":
    main()
