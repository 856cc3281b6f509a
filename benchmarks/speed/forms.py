"""Which form of the convolutions of `DenseNet1DClassifier` is faster on this CPU?

Each row is a layer with parallel convolutions. It has the milliseconds per chunk of spectra for both forms that
`skspectra/neural_network/_modules` has: sums of products ("direct") and Fourier transforms of parts of the spectra
("Fourier"). A star marks the form that the network uses. The backward pass includes the gradients of the weights. The
forms of a row are timed in turn. Run the script on another kind of processor to see whether the choices are right
there. With the environment variables ATEN_CPU_CAPABILITY=avx2, ONEDNN_MAX_CPU_ISA=AVX2 and
MKL_ENABLE_INSTRUCTIONS=AVX2, a processor does not use its wider instructions.

    python -m benchmarks.speed.forms [--growth-rate 12] [--stem-stride 1] [--kernel-sizes 1 11 25 41]
"""

from functools import partial

import torch

from benchmarks._common.command import parser_of, print_machine, save
from benchmarks._common.timing import best_seconds
from skspectra.neural_network import DenseNet1D, PreActivatedConv
from skspectra.neural_network._modules import _functional
from skspectra.neural_network._modules._convolutions import DirectConvolution, crop_kernel
from skspectra.neural_network._modules._fourier import FourierConvolution

N_FEATURES = 2600
FORMS = {"direct": DirectConvolution, "Fourier": FourierConvolution}


def layers_of(args):
    """Return the length of the spectra and the weights of each layer with wide kernels."""
    network = DenseNet1D(3, growth_rate=args.growth_rate, stem_stride=args.stem_stride, kernel_sizes=args.kernel_sizes)
    layers, length = [], -(-N_FEATURES // args.stem_stride)
    for block in network.dense_blocks:
        for layer in block.modules():
            if isinstance(layer, PreActivatedConv):
                layers.append((length, [crop_kernel(weight.detach(), length) for weight in layer.weights]))
        length //= 2
    return [(length, weights) for length, weights in layers if max(weight.shape[2] for weight in weights) > 1]


def measure(length, weights, rounds):
    """Return the milliseconds of each form in the forward and the backward pass, for a chunk of spectra."""
    n_spectra = max(1, _functional.CHUNK_SIZE // (length * weights[0].shape[1]))
    functions = {}
    for name, form in FORMS.items():
        convolution = form(weights, length)
        activation = convolution.new_activation(n_spectra).uniform_()
        out = torch.zeros(n_spectra, convolution.padded_length, sum(len(weight) for weight in weights))
        grad, total = torch.zeros_like(out), convolution.new_total()
        grad[:, convolution.samples].uniform_()
        functions[f"{name} forward"] = partial(convolution.forward, activation, out=out)
        functions[f"{name} backward"] = partial(convolution.backward, activation, grad, total)
    with torch.no_grad():
        for function in functions.values():
            function()  # oneDNN prepares each new shape in the first call
        seconds = best_seconds(functions, rounds)
    return {name: 1000 * value for name, value in seconds.items()}


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--growth-rate", type=int, default=12)
    parser.add_argument("--stem-stride", type=int, default=1)
    parser.add_argument("--kernel-sizes", type=int, nargs="+", default=[1, 11, 25, 41])
    parser.add_argument("--rounds", type=int, default=20, help="number of rounds, of which the fastest counts")
    args = parser.parse_args()
    print_machine()
    print(f"capability {torch.backends.cpu.get_cpu_capability()}, threads {torch.get_num_threads()}")
    columns = [f"{name} {step}" for name in FORMS for step in ("forward", "backward")]
    print("length  channels" + "".join(f"{column:>18}" for column in columns))
    results = []
    for length, weights in layers_of(args):
        row = measure(length, weights, args.rounds)
        chosen = {
            step: type(_functional.make_convolution(weights, length, for_gradients=step == "backward"))
            for step in ("forward", "backward")
        }
        cells = ""
        for column in columns:
            form, step = column.split()
            cells += f"{row[column]:17.2f}{'*' if FORMS[form] is chosen[step] else ' '}"
        print(f"{length:6} {f'{weights[0].shape[1]} to {sum(map(len, weights))}':>9}{cells}", flush=True)
        results.append({"length": length, "milliseconds": row})
    save(args, results=results)


if __name__ == "__main__":
    main()
