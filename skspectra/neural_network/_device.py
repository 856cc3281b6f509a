"""Choice of device, precision and size of the batches in prediction."""

import warnings

import torch

# Samples (spectra times their length) in a batch of prediction: the fastest of those measured on a CPU.
_SAMPLES_PER_BATCH = {"cpu": 1 << 17, "cuda": 1 << 22}


def select_device(device: str | torch.device) -> torch.device:
    """Return the device that a parameter names, "auto" being CUDA where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        selected = torch.device(device)
        torch.zeros(1, device=selected).item()  # the device "meta" holds no values
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # AssertionError: a PyTorch without CUDA
        available = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise ValueError(
            f"device={device!r} is not available. It must be 'auto' or a device of this machine, such as {available}."
        ) from error
    return selected


def compute_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the dtype of feature maps and convolutions; "auto" is bfloat16 where it is faster."""
    if precision == "auto":
        precision = "bfloat16" if _is_faster_in_bfloat16(device) else "float32"
    elif precision == "bfloat16" and not _is_faster_in_bfloat16(device):
        warnings.warn(
            f"precision='bfloat16' is slower than float32 on {device}, which emulates it in some or all layers. "
            "precision='auto' uses bfloat16 only if it is faster.",
            UserWarning,
            stacklevel=1,  # this line, so that it is shown once
        )
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def _is_faster_in_bfloat16(device: torch.device) -> bool:
    # On a CPU, wide kernels are applied in float32 in any case. On an Intel Xeon with AVX-512 for bfloat16, training in
    # bfloat16 takes 1.4 times as long as in float32 (`benchmarks.speed.throughput --precision`).
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def prediction_batch_size(length: int, device: torch.device) -> int:
    """Return the number of spectra that go through the network at once in prediction."""
    return max(1, _SAMPLES_PER_BATCH["cpu" if device.type == "cpu" else "cuda"] // length)
