"""Which classifier is best for a given training time? The networks of the package are compared with other classifiers.

Each kind of spectra has its own arguments, which ``compare KIND --help`` lists:

    python -m benchmarks.classifiers.compare simulated --train A.npz --test B.npz
    python -m benchmarks.classifiers.compare real --train SIMULATED.npz [--data FOLDER]
    python -m benchmarks.classifiers.compare few [--data FOLDER]
    python -m benchmarks.classifiers.compare laboratory [--data FOLDER]
"""

import argparse

from benchmarks.classifiers import _few_spectra, _laboratory, _real, _simulated

KINDS = {"simulated": _simulated, "real": _real, "few": _few_spectra, "laboratory": _laboratory}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for name, module in KINDS.items():
        of_kind = kinds.add_parser(
            name,
            help=module.__doc__.partition("\n")[0],
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(of_kind)
    args = parser.parse_args(argv)
    KINDS[args.kind].run(args)


if __name__ == "__main__":
    main()
