"""Which form of the most expensive operations of `DenseNet1DClassifier` is the fastest on this CPU?

Each row is one shape of a convolution. It has the milliseconds per chunk of spectra for the forms that
`skspectra/neural_network/_modules/_functional.py` can use. `steps` is the number of neighbouring samples that one step
of the convolution computes, and a star marks the number that the module uses on this processor. The gradient of the
weights is computed by matrix products ("phases", which the module uses for wide kernels on long spectra) or by
PyTorch's own convolution ("torch"). The forms of a row are timed in turn. Run the script on another kind of processor
to see whether the choices are right there. With the environment variables ATEN_CPU_CAPABILITY=avx2 and
ONEDNN_MAX_CPU_ISA=AVX2, a processor does not use its wider instructions.

    python -m benchmarks.speed.forms [--growth-rate 12] [--stem-stride 1] [--precision float32|bfloat16]
"""

import torch

from benchmarks._common.command import parser_of, print_machine, save
from benchmarks._common.timing import best_seconds
from skspectra.neural_network import DenseNet1D, PreActivatedConv
from skspectra.neural_network._modules import _functional

N_FEATURES, BATCH_SIZE = 2600, 64
STEPS = (1, 2, 4)


def shapes(growth_rate, stem_stride):
    """Return (length, in_channels, out_channels, width) of each convolution wider than one sample, without repeats."""
    network, found = DenseNet1D(3, growth_rate=growth_rate, stem_stride=stem_stride), []
    length = -(-N_FEATURES // stem_stride)
    for block in network.dense_blocks:
        layers = [layer for layer in block.modules() if isinstance(layer, PreActivatedConv)]
        weights = [weight.shape for layer in layers for weight in layer.weights if weight.shape[2] > 1]
        found += [(length, n_in, n_out, width) for n_out, n_in, width in weights]
        length //= 2
    return list(dict.fromkeys(found))


def measure(shape, dtype, rounds):
    """Return the milliseconds of each form, for as many spectra as a chunk has."""
    length, n_in, n_out, width = shape
    n_spectra = max(1, min(BATCH_SIZE, _functional._CHUNK_SIZE // (length * n_in)))
    # The module pads the length to a multiple of the steps. This length is a multiple of all of them.
    x = torch.rand(n_spectra, length + -length % max(STEPS), n_in, dtype=dtype)
    gradient = torch.rand(*x.shape[:2], n_out, dtype=dtype)
    weight = torch.rand(n_out, n_in, width, dtype=dtype)
    forms = {f"steps {steps}": convolution(weight, steps, x) for steps in STEPS}
    forms["phases"] = lambda: _functional._weight_gradient_in_phases(x, gradient, width)
    forms["torch"] = lambda: _functional._weight_gradient_of_convolution(x, gradient, width)
    with torch.inference_mode():
        for function in forms.values():
            function()  # oneDNN prepares each new shape in the first call
        seconds = best_seconds(forms, rounds)
    return {name: 1000 * value for name, value in seconds.items()}


def convolution(weight, steps, x):
    kernel = _functional._PreparedConv(weight, steps)
    return lambda: kernel(x)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--growth-rate", type=int, default=12)
    parser.add_argument("--stem-stride", type=int, default=1)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--rounds", type=int, default=20, help="number of rounds, of which the fastest counts")
    args = parser.parse_args()
    print_machine()
    print(f"capability {torch.backends.cpu.get_cpu_capability()}, threads {torch.get_num_threads()}")
    print(
        "length channels width" + "".join(f"{f'steps {steps}':>10}" for steps in STEPS) + f"{'phases':>10}{'torch':>10}"
    )
    results = []
    for shape in shapes(args.growth_rate, args.stem_stride):
        length, n_in, n_out, width = shape
        row = measure(shape, getattr(torch, args.precision), args.rounds)
        chosen = f"steps {_functional._steps_at_once(n_out, width)}"
        cells = "".join(f"{value:9.2f}{'*' if name == chosen else ' '}" for name, value in row.items())
        print(f"{length:6} {f'{n_in} to {n_out}':>8} {width:5}{cells}", flush=True)
        results.append({"shape": shape, "chosen": chosen, "milliseconds": row})
    save(args, results=results)


if __name__ == "__main__":
    main()
