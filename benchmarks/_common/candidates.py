"""The classifiers that the benchmarks compare, including networks that are not part of the package.

Edit `DENSENET_SETTINGS` to compare other settings. All networks are trained with the training loop of the package.

MiniRocket and InceptionTime come from sktime. Install it with ``pip install ".[bench]"`` in a clone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skspectra.neural_network import (
    BaseSpectrumClassifier,
    DBNClassifier,
    DenseNet1DClassifier,
    SpectrumMLPClassifier,
    SpectrumModule,
)

# Networks that two cores can train in minutes, and the paper's network, which is the last one.
DENSENET_SETTINGS = {
    "g8 s4": {"growth_rate": 8, "stem_stride": 4},
    "g8 s4, no excitation": {"growth_rate": 8, "stem_stride": 4, "se_reduction": None},
    "g8 s4, one block": {"growth_rate": 8, "stem_stride": 4, "n_conv_blocks_per_dense_block": 1},
    "g8 s8": {"growth_rate": 8, "stem_stride": 8},
    "g8 s2": {"growth_rate": 8, "stem_stride": 2},
    "g12 s4": {"growth_rate": 12, "stem_stride": 4},
    "g12 s2": {"growth_rate": 12, "stem_stride": 2},
    "g12 s1": {},
}
ONE_CYCLE = {"lr_schedule": "one-cycle"}


@dataclass(frozen=True)
class Candidate:
    """A classifier of the comparison. `make(random_state)` returns it unfitted.

    If the classes are balanced, a classifier that is not a network is trained on at most `n_of_each_class` spectra of
    each class.
    """

    name: str
    family: str
    make: Callable[[int], BaseEstimator]
    n_of_each_class: int = 30_000

    @property
    def is_network(self) -> bool:
        return isinstance(self.make(0), BaseSpectrumClassifier)


class SEResNet(SpectrumModule):
    """Residual network that maps spectra (n_spectra, n_features) to logits (n_spectra, n_classes).

    References
    ----------
    He, Zhang, Ren & Sun 2016, arXiv:1512.03385; Hu, Shen & Sun 2018, arXiv:1709.01507.
    """

    n_channels = 64
    n_stages = 6

    def __init__(self, n_features, n_classes, compute_dtype=torch.float32):
        super().__init__()
        self.compute_dtype = compute_dtype
        stages = []
        for stage in range(self.n_stages):
            stages += [
                nn.Conv1d(self.n_channels if stage else 1, self.n_channels, 2, stride=2, bias=False),
                nn.BatchNorm1d(self.n_channels),
                nn.ReLU(),
                SEResidualPair(self.n_channels),
            ]
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(self.n_channels * (n_features >> self.n_stages), n_classes)
        self.n_layers = 3 * self.n_stages + 1

    def forward_features(self, x):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.compute_dtype == torch.bfloat16):
            return self.dropout(self.stages(x.unsqueeze(1)).flatten(1))


class SEResidualPair(nn.Module):
    """Two convolutions of width 3 and squeeze-and-excitation, whose output is added to the input."""

    def __init__(self, n_channels, se_reduction=4):
        super().__init__()
        self.pair = nn.Sequential(
            nn.Conv1d(n_channels, n_channels, 3, padding="same", bias=False),
            nn.BatchNorm1d(n_channels),
            nn.ReLU(),
            nn.Conv1d(n_channels, n_channels, 3, padding="same", bias=False),
            nn.BatchNorm1d(n_channels),
        )
        n_hidden = n_channels // se_reduction
        self.excitation = nn.Sequential(
            nn.Linear(n_channels, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_channels), nn.Sigmoid()
        )

    def forward(self, x):
        maps = self.pair(x)
        return (x + maps * self.excitation(maps.mean(2)).unsqueeze(2)).relu()


class SEResNetClassifier(BaseSpectrumClassifier):
    """A small residual network of six stages, each with a convolution of stride 2 and a residual pair."""

    module_class = SEResNet

    def module_params(self, n_features, n_classes):
        return {"n_features": n_features, "n_classes": n_classes}


class OpenSEResNet(SEResNet):
    """`SEResNet` in which all excitations initially have the same factor, as in `DenseNet1DClassifier`."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for module in self.modules():
            if isinstance(module, SEResidualPair):
                nn.init.zeros_(module.excitation[2].weight)
                nn.init.constant_(module.excitation[2].bias, 2.0)  # a sigmoid of .88


class OpenSEResNetClassifier(SEResNetClassifier):
    """`SEResNetClassifier` in which all excitations initially have the same factor."""

    module_class = OpenSEResNet


class InceptionTime(SpectrumModule):
    """Network of sktime that maps spectra (n_spectra, n_features) to logits (n_spectra, n_classes).

    References
    ----------
    Ismail Fawaz et al. 2020, Data Mining and Knowledge Discovery 34, 1936-1962.
    """

    def __init__(self, n_classes, compute_dtype=torch.float32):
        from sktime.networks.inceptiontime import InceptionTimeNetworkTorch

        super().__init__()
        self.compute_dtype = compute_dtype
        relu = nn.ReLU()
        self.network = InceptionTimeNetworkTorch(1, n_classes, activation=relu, activation_hidden=relu)
        # In sktime one parameter sets the activation after the residual sums and that of the logits. The publication
        # has ReLU after the sums and no activation of the logits.
        self.network.activation = None
        self.classifier = self.network.fc
        self.network.fc = nn.Identity()
        self.n_layers = 2 * self.network.depth + 1  # bottleneck and parallel convolutions of each module
        if self.network.inception_modules[0].bottleneck is None:
            self.n_layers -= 1

    def forward_features(self, x):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.compute_dtype == torch.bfloat16):
            return self.network(x.unsqueeze(2))


class InceptionTimeClassifier(BaseSpectrumClassifier):
    """One network of InceptionTime from sktime. The published classifier is the average of five."""

    module_class = InceptionTime

    def module_params(self, n_features, n_classes):
        return {"n_classes": n_classes}


class MiniRocketFeatures(TransformerMixin, BaseEstimator):
    """The proportions of positive values of about 10 000 fixed convolutions, computed by sktime.

    References
    ----------
    Dempster, Schmidt & Webb 2021, KDD, arXiv:2012.08791.
    """

    def __init__(self, n_kernels=10_000, random_state=None):
        self.n_kernels = n_kernels
        self.random_state = random_state

    def fit(self, X, y=None):
        from sktime.transformations.rocket import MiniRocket

        self.transformer_ = MiniRocket(
            num_kernels=self.n_kernels, n_jobs=torch.get_num_threads(), random_state=self.random_state
        )
        self.transformer_.fit(X[:, np.newaxis])
        return self

    def transform(self, X):
        return self.transformer_.transform(X[:, np.newaxis]).to_numpy(np.float32)


def densenet(**settings):
    return lambda seed: DenseNet1DClassifier(**settings, **ONE_CYCLE, random_state=seed)


def se_resnet(classifier):
    return lambda seed: classifier(lr=0.003, **ONE_CYCLE, random_state=seed)


def logistic_regression(n_components):
    return lambda seed: make_pipeline(
        PCA(n_components, random_state=seed), StandardScaler(), LogisticRegression(max_iter=1000, random_state=seed)
    )


def boosting(n_components):
    return lambda seed: make_pipeline(
        PCA(n_components, random_state=seed), HistGradientBoostingClassifier(random_state=seed)
    )


def minirocket(n_kernels):
    return lambda seed: make_pipeline(
        MiniRocketFeatures(n_kernels, random_state=seed),
        StandardScaler(with_mean=False),
        RidgeClassifierCV(alphas=np.logspace(-3, 3, 10)),
    )


CANDIDATES = {
    candidate.name: candidate
    for candidate in (
        Candidate("logistic regression, 30 PC", "logistic regression", logistic_regression(30)),
        Candidate("logistic regression, 100 PC", "logistic regression", logistic_regression(100)),
        Candidate("logistic regression, 300 PC", "logistic regression", logistic_regression(300)),
        Candidate("boosting, 30 PC", "boosting", boosting(30)),
        Candidate("boosting, 100 PC", "boosting", boosting(100)),
        Candidate("boosting, 300 PC", "boosting", boosting(300)),
        Candidate("MiniRocket, 1000 kernels", "MiniRocket", minirocket(1000)),
        # The time of its ridge regression grows with the square of the number of spectra: half an hour for 20 000.
        Candidate("MiniRocket, 10000 kernels", "MiniRocket", minirocket(10_000), n_of_each_class=3000),
        Candidate("MLP", "MLP", lambda seed: SpectrumMLPClassifier(**ONE_CYCLE, random_state=seed)),
        Candidate("DBN", "DBN", lambda seed: DBNClassifier(**ONE_CYCLE, random_state=seed)),
        Candidate(
            "DBN, not pre-trained",
            "DBN, not pre-trained",
            lambda seed: DBNClassifier(pretrain_epochs=0, **ONE_CYCLE, random_state=seed),
        ),
        Candidate(
            "InceptionTime",
            "InceptionTime",
            lambda seed: InceptionTimeClassifier(lr=0.001, **ONE_CYCLE, random_state=seed),
        ),
        Candidate("SE-ResNet", "SE-ResNet", se_resnet(SEResNetClassifier)),
        Candidate("SE-ResNet, starting open", "SE-ResNet", se_resnet(OpenSEResNetClassifier)),
        Candidate(
            "plain DenseNet",
            "plain DenseNet",
            lambda seed: DenseNet1DClassifier.plain(**ONE_CYCLE, random_state=seed),
        ),
        *(
            Candidate(f"DenseNet1D {name}", "DenseNet1D", densenet(**settings))
            for name, settings in DENSENET_SETTINGS.items()
        ),
    )
}
OURS = "DenseNet1D"  # the family whose best member the others are compared with
