"""The part that is the same for simulated and for real spectra: arguments, fits that go on where they were."""

import traceback

from threadpoolctl import threadpool_limits

from benchmarks._common.candidates import CANDIDATES
from benchmarks._common.machine import describe


def add_arguments(parser, json):
    """Add those of the training and of the stored results."""
    parser.add_argument("--train", required=True, help="npz of simulated spectra: flux, target, object and snr")
    parser.add_argument("--methods", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES), metavar="NAME")
    parser.add_argument("--max-epochs", type=int, default=60, help="as many as the paper's, however fast the network")
    parser.add_argument(
        "--balance",
        action="store_true",
        help="balance the simulated classes, with noise for every spectrum: networks in their training loop, the "
        "others by copies, and a frequent class thinned",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", default=json, help="results; their predictions go beside it")
    parser.add_argument("--cache", metavar="DIR", help="keep models fitted on simulated spectra here, for all kinds")
    parser.add_argument("--force", action="store_true", help="fit again what the JSON has")


def training_parameters(args, budget, seed):
    return {"budget": budget, "max_epochs": args.max_epochs, "balance": args.balance, "seed": seed}


def store_result(store, label, identity, settings, fit, args):
    """Store the probabilities that `fit` returns, and what the training was; a failure is printed.

    Nothing is fitted where the same settings have left a result.
    """
    if store.has(identity, settings) and not args.force:
        return
    try:
        with threadpool_limits(args.threads):  # numba, once MiniRocket has used it, would start threads of its own
            probabilities, facts = fit()
    except Exception:
        print(f"{label}: failed, the others go on.\n{traceback.format_exc()}", flush=True)
        return
    store.add(identity, settings, probabilities, facts | {"machine": describe() | {"threads": args.threads}})
