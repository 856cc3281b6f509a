"""Networks from outside the package: a convolution block, a module and a classifier of the user's own."""

import inspect
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.export import OnnxClassifier, to_onnx
from skspectra.inspection import class_activation_map
from skspectra.neural_network import (
    BaseSpectrumClassifier,
    DBNClassifier,
    DenseNet1D,
    DenseNet1DClassifier,
    Maps,
    MultiScaleBlock,
    PreActivatedConv,
    SpectrumMLPClassifier,
    SpectrumModule,
)
from skspectra.outliers import UnknownRejector

X = np.random.default_rng(0).random((30, 40)).astype(np.float32)
Y = np.arange(30) % 3
X[Y == 1, 10:20] += 1
X[Y == 2, 20:30] -= 1


class PlainBlock(torch.nn.Sequential):
    """One convolution instead of parallel ones."""

    def __init__(self, in_channels, growth_rate, kernel_sizes, se_reduction):
        super().__init__(PreActivatedConv(in_channels, growth_rate, kernel_sizes, se_reduction))


class PooledBlock(torch.nn.Module):
    """The mean of five samples: a block that ONNX has no form of here."""

    def __init__(self, in_channels, growth_rate, kernel_sizes, se_reduction):
        super().__init__()
        self.conv = PreActivatedConv(in_channels, growth_rate, kernel_sizes, se_reduction)

    def forward(self, maps):
        values = self.conv(maps).values
        smooth = torch.nn.functional.avg_pool1d(values.mT, 5, stride=1, padding=2).mT
        return Maps.measure(smooth, self.training)


class OneConvolution(SpectrumModule):
    n_layers = 2

    def __init__(self, n_classes, n_kernels, compute_dtype):
        super().__init__()
        self.convolution = torch.nn.Conv1d(1, n_kernels, 5)
        self.classifier = torch.nn.Linear(n_kernels, n_classes)

    def forward_features(self, x):
        return self.convolution(x.unsqueeze(1)).relu().amax(2)


class OneConvolutionClassifier(BaseSpectrumClassifier):
    """One convolution.

    Parameters
    ----------
    n_kernels : int, default=4
        Number of kernels.
    lr : float, default=0.02
        Rate of this class.
    <training parameters>

    Attributes
    ----------
    <fitted attributes>
    """

    module_class = OneConvolution

    def __init__(self, *, n_kernels=4, lr=0.02, **training_params):
        super().__init__(lr=lr, **training_params)
        self.n_kernels = n_kernels

    def module_params(self, n_features, n_classes):
        return {"n_classes": n_classes, "n_kernels": self.n_kernels}


def small(**params):
    defaults = {"n_dense_blocks": 2, "growth_rate": 2, "stem_channels": 3, "kernel_sizes": (3,), "precision": "float32"}
    return DenseNet1DClassifier(**{**defaults, "max_epochs": 2, "random_state": 0, **params})


TRAINING = {"max_epochs": 100, "lr_schedule": None, "sampling": "balanced", "random_state": 0, "precision": "float32"}


@pytest.mark.parametrize("block", [PlainBlock, PooledBlock, MultiScaleBlock])
def test_a_block_of_ones_own_trains_predicts_is_saved_and_mapped(block):
    classifier = small(conv_block=block).fit(X, Y)
    blocks = [b for dense_block in classifier.net_.module_.dense_blocks for b in dense_block.blocks]
    assert len(blocks) == 4
    assert all(type(b) is block for b in blocks)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    assert clone(classifier).conv_block is block
    assert class_activation_map(classifier, X, layer=0).shape == X.shape


def test_the_named_blocks_are_classes_too():
    by_name, by_class = small().fit(X, Y), small(conv_block=MultiScaleBlock).fit(X, Y)
    np.testing.assert_array_equal(by_name.predict_proba(X), by_class.predict_proba(X))


def test_blocks_of_the_package_s_layers_are_exported_and_others_refused(tmp_path):
    classifier = small(conv_block=PlainBlock).fit(X, Y)
    to_onnx(classifier, tmp_path / "model.onnx")
    expected = classifier.predict_proba(X)
    np.testing.assert_allclose(OnnxClassifier(tmp_path / "model.onnx").predict_proba(X), expected, atol=1e-5)
    with pytest.raises(TypeError, match=r"a PooledBlock, cannot be exported to ONNX; it must be a torch.nn.Seq"):
        to_onnx(small(conv_block=PooledBlock).fit(X, Y), tmp_path / "other.onnx")


def test_conv_block_is_a_name_or_a_class():
    with pytest.raises(ValueError, match=r"'conv_block' parameter .* must be a str among .* or an instance of 'type'"):
        small(conv_block="wide").fit(X, Y)


def test_a_classifier_of_ones_own_is_like_any_other(tmp_path):
    classifier = OneConvolutionClassifier(checkpoint_dir=tmp_path, validation_fraction=0.3, **TRAINING).fit(X, Y)
    assert classifier.score(X, Y) > 0.9
    assert classifier.n_layers_ == 2
    assert classifier.n_parameters_ == 4 * 5 + 4 + 4 * 3 + 3
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    search = GridSearchCV(OneConvolutionClassifier(max_epochs=1), {"n_kernels": [1, 3], "lr": [0.1]}, cv=2).fit(X, Y)
    assert search.best_estimator_.get_params()["lr"] == 0.1
    with pytest.raises(ValueError, match="'batch_size' parameter of OneConvolutionClassifier must be"):
        OneConvolutionClassifier(batch_size=0).fit(X, Y)
    with pytest.raises(TypeError, match="n_kernel"):
        OneConvolutionClassifier(n_kernel=3)


def test_parameters_and_their_documentation_are_inherited():
    parameters = inspect.signature(OneConvolutionClassifier).parameters
    assert list(parameters)[:3] == ["n_kernels", "lr", "max_epochs"]
    assert set(parameters) == set(OneConvolutionClassifier().get_params())
    assert parameters["lr"].default == 0.02
    assert parameters["batch_size"].default == 64
    docstring = OneConvolutionClassifier.__doc__
    assert docstring.count("\nlr : float") == 1
    assert "Rate of this class" in docstring
    assert "\nbatch_size : int, default=64\n    Largest number" in docstring
    assert "\nbest_epoch_ : int\n" in docstring
    assert "<training parameters>" not in docstring


@pytest.mark.parametrize("classifier", [DenseNet1DClassifier, SpectrumMLPClassifier, DBNClassifier])
def test_the_classifiers_of_the_package_describe_every_parameter_once(classifier):
    docstring = classifier.__doc__
    for name in classifier().get_params():
        assert docstring.count(f"\n{name} : ") == 1, name
    assert docstring.count("\nn_layers_ : ") == 1
    for placeholder in ("<training parameters>", "<fitted attributes>", "<parameters of the module>"):
        assert placeholder not in docstring


def test_the_embedding_is_what_the_last_layer_reads():
    for classifier in (small(), OneConvolutionClassifier(**TRAINING), SpectrumMLPClassifier(max_epochs=1)):
        last_layer = classifier.fit(X, Y).net_.module_.classifier
        embedding = classifier.embed(X)
        assert embedding.shape == (30, last_layer.in_features)
        assert embedding.dtype == np.float32
        logits = embedding @ last_layer.weight.detach().numpy().T + last_layer.bias.detach().numpy()
        np.testing.assert_allclose(logits, classifier.decision_function(X), atol=1e-5)


def test_the_embedding_of_a_network_with_two_units_has_two_columns():
    classifier = SpectrumMLPClassifier(hidden_layer_sizes=(2,), max_epochs=1).fit(X, Y)
    assert classifier.embed(X).shape == (30, 2)
    rejector = UnknownRejector(classifier, method="distance", random_state=0).fit(X, Y)
    assert rejector.score_samples(X).shape == (30,)


def test_no_embedding_before_fit():
    with pytest.raises(NotFittedError):
        small().embed(X)


def test_the_embedding_of_the_module_is_the_mean_of_its_features():
    module = DenseNet1D(3, n_dense_blocks=2, growth_rate=2).eval()
    x = torch.from_numpy(X)
    with torch.inference_mode():
        features = module.forward_features(x)
        activations = list(module.forward_intermediates(x))
        embedding = module.forward_head(features, pre_logits=True)
        assert [len(a[0]) for a in activations] == [40, 20]
        torch.testing.assert_close(activations[-1], features, rtol=0, atol=0)
        torch.testing.assert_close(embedding, features.mean(1))
        torch.testing.assert_close(module(x), module.classifier(embedding))


def test_a_model_of_another_layout_is_refused_by_name():
    state = small().fit(X, Y).__getstate__()
    del state["_network"]["format"]
    with pytest.raises(ValueError, match="This DenseNet1DClassifier was saved by another version of skspectra"):
        DenseNet1DClassifier.__new__(DenseNet1DClassifier).__setstate__(state)


def test_layers_are_counted_in_blocks_of_ones_own():
    # The stem, 4 blocks of one convolution, one transition and the last layer.
    assert small(conv_block=PlainBlock).fit(X, Y).n_layers_ == 7
    assert small(conv_block=MultiScaleBlock).fit(X, Y).n_layers_ == 11


def test_parameters_are_inherited_through_a_mixin_and_an_intermediate_class():
    class Mixin:
        """Nothing."""

    class Intermediate(BaseSpectrumClassifier):
        """Another default.

        Parameters
        ----------
        <training parameters>
        """

        def __init__(self, *, max_epochs=3, **training_params):
            super().__init__(max_epochs=max_epochs, **training_params)

    class Own(Mixin, SpectrumMLPClassifier):
        """As the base class.

        Parameters
        ----------
        <training parameters>
        """

        def __init__(self, *, a=1, **params):
            super().__init__(**params)
            self.a = a

    class WithoutInit(OneConvolutionClassifier):
        """As the base class.

        Parameters
        ----------
        <training parameters>
        """

    assert inspect.signature(Intermediate).parameters["max_epochs"].default == 3
    assert {"a", "hidden_layer_sizes", "lr", "batch_size"} <= set(Own().get_params())
    assert Own(hidden_layer_sizes=(3,), max_epochs=1).fit(X, Y).n_layers_ == 2
    for cls in (Intermediate, Own, WithoutInit):
        assert "\nbatch_size : int, default=64\n" in cls.__doc__


def test_a_module_that_lacks_something_is_refused_before_its_training():
    class WithoutLayers(OneConvolution):
        @property
        def n_layers(self):
            raise AttributeError

    class Unfinished(OneConvolutionClassifier):
        module_class = WithoutLayers

    with pytest.raises(TypeError, match="module WithoutLayers lacks n_layers: see SpectrumModule"):
        Unfinished(max_epochs=10**9).fit(X, Y)


def test_maps_behind_earlier_blocks_of_a_network_with_other_features_are_refused():
    class Halved(DenseNet1D):
        def forward_features(self, x):
            return super().forward_features(x) / 2

    class HalvedClassifier(DenseNet1DClassifier):
        module_class = Halved

    classifier = HalvedClassifier(**small().get_params()).fit(X, Y)
    assert class_activation_map(classifier, X).shape == X.shape
    with pytest.raises(TypeError, match="layer=0 is not possible: Halved overrides forward_features"):
        class_activation_map(classifier, X, layer=0)


class Checkpoint(Callback):
    """A callback with the name of the package's own, which fails in the second epoch where that is asked for."""

    fails = False

    def on_train_begin(self, net, **kwargs):
        self.n_ = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_ += 1
        if self.n_ == 2 and Checkpoint.fails:
            raise RuntimeError("as asked for")

    def state_dict(self):
        return {"n": self.n_}

    def load_state_dict(self, state):
        self.n_ = state["n"]


class OtherNoise(CCDNoiseAugmenter):
    """Noise of a user's own, with the parameters of the package's."""


def test_a_checkpoint_is_that_of_one_augmenter_and_leaves_callbacks_of_its_name_alone(tmp_path, monkeypatch):
    training = {"max_epochs": 3, "random_state": 0, "checkpoint_dir": tmp_path, "callbacks": [Checkpoint()]}
    classifier = SpectrumMLPClassifier(augmenter=CCDNoiseAugmenter(), **training)
    monkeypatch.setattr(Checkpoint, "fails", True)
    with pytest.raises(RuntimeError, match="as asked for"):
        classifier.fit(X, Y)
    monkeypatch.setattr(Checkpoint, "fails", False)
    assert len(list(tmp_path.glob("*.pt"))) == 1

    SpectrumMLPClassifier(augmenter=OtherNoise(), **training).fit(X, Y)  # a file of its own, deleted at its end

    assert len(list(tmp_path.glob("*.pt"))) == 1
    assert len(classifier.fit(X, Y).history_) == 3
    assert not list(tmp_path.glob("*.pt"))


def test_a_module_without_features_is_no_module():
    class WithoutFeatures(SpectrumModule):
        n_layers = 1

    with pytest.raises(TypeError, match=r"abstract class WithoutFeatures .* forward_features"):
        WithoutFeatures()
