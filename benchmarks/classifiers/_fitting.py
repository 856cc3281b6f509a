"""Arguments and storage of results that ``compare simulated`` and ``compare real`` share."""

import traceback

from threadpoolctl import threadpool_limits

from benchmarks._common.candidates import CANDIDATES
from benchmarks._common.machine import describe


def add_arguments(parser, json):
    """Add the arguments of the training and of the stored results."""
    parser.add_argument("--train", required=True, help="npz file of simulated spectra: flux, target, object and snr")
    parser.add_argument("--methods", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES), metavar="NAME")
    parser.add_argument(
        "--max-epochs", type=int, default=60, help="largest number of epochs; the default is the number in the paper"
    )
    parser.add_argument(
        "--balance",
        action="store_true",
        help="balance the simulated classes and add noise to every spectrum; networks do this in the training loop, "
        "other classifiers train on copies of rare spectra and on fewer spectra of frequent classes",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", default=json, help="file of the results; their predictions are stored beside it")
    parser.add_argument(
        "--cache", metavar="DIR", help="folder of models fitted on simulated spectra, shared by `simulated` and `real`"
    )
    parser.add_argument("--force", action="store_true", help="fit again even if the JSON file has the result")


def training_parameters(args, budget, seed):
    return {"budget": budget, "max_epochs": args.max_epochs, "balance": args.balance, "seed": seed}


def store_result(store, label, identity, settings, fit, args):
    """Store the probabilities that `fit` returns and the facts of the training, or print the error if it fails.

    Nothing is fitted if a result with the same settings is stored already, except with ``--force``.
    """
    if store.has(identity, settings) and not args.force:
        return
    try:
        with threadpool_limits(args.threads):  # otherwise numba starts its own threads after MiniRocket has used it
            probabilities, facts = fit()
    except Exception:
        print(f"{label}: failed; the other methods continue.\n{traceback.format_exc()}", flush=True)
        return
    store.add(identity, settings, probabilities, facts | {"machine": describe() | {"threads": args.threads}})
