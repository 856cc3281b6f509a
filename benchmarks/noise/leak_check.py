"""Does an artefact alone change the predicted class?

If only the copies of rare classes receive noise, a network can learn that an artefact means "not a star". The same
network is trained in three ways on the same survey: with plain copies of the rare classes, with noisy copies
(`PhysicsNoiseOverSampler`) and clean stars, and with balanced epochs in which the spectra of every class receive noise
(``sampling="balanced"`` with an augmenter). Then each artefact is added to clean test spectra. The leak is the share of
the stars that it turns into galaxies or quasars, minus the share that it turns into stars.

    python -m benchmarks.noise.leak_check [--n-stars 1200] [--epochs 5] [--json leak.json]
"""

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from benchmarks._common.command import parser_of, save
from benchmarks._common.leak import ARTEFACTS, moved_stars
from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import make_spectra
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler


def train(way, X, y, epochs):
    network = DenseNet1DClassifier(
        growth_rate=8, stem_stride=4, max_epochs=epochs, lr_schedule="one-cycle", random_state=0
    )
    if way == "plain copies":
        X, y = RandomOverSampler(random_state=0).fit_resample(X, y)
    elif way == "noisy copies":
        X, y = PhysicsNoiseOverSampler(random_state=0).fit_resample(X, y)
    else:
        # As many spectra are drawn in total as with the copies above.
        n_epochs = round(epochs * 3 * np.sum(y == "STAR") / len(y))
        network.set_params(sampling="balanced", augmenter=CCDNoiseAugmenter(), max_epochs=n_epochs)
    return make_pipeline(MinMaxSpectrumScaler(), network).fit(X, y)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n-stars", type=int, default=1200)
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()

    survey = make_spectra(round(1.2 * args.n_stars), weights=(1, 0.12, 0.08), random_state=0)
    test = make_spectra(3000, weights=(1, 1, 1), random_state=1)
    stars = test.target == "STAR"
    results = []
    print(f"{'training':28} {'artefact':18} {'macro F1':>8} {'to rare':>8} {'to star':>8} {'leak':>8}")
    for way in ("plain copies", "noisy copies", "balanced epochs, all noisy"):
        model = train(way, survey.data, survey.target, args.epochs)
        clean = model.predict(test.data)
        for name, artefact in {"none": None, **ARTEFACTS}.items():
            predicted = clean if artefact is None else model.predict(artefact.augment(test.data))
            row = {
                "training": way,
                "artefact": name,
                "macro_f1": f1_score(test.target, predicted, average="macro"),
                **moved_stars(clean, predicted, stars),
            }
            results.append(row)
            print(f"{way:28} {name:18} {row['macro_f1']:8.3f}", end="")
            print("".join(f" {row[key]:8.4f}" for key in ("stars_to_rare", "stars_to_star", "leak")))
    save(args, results=results)


if __name__ == "__main__":
    main()
