"""Settings that must stand before NumPy and PyTorch are imported."""

import os

# One thread for each library: tests that run side by side, or that start processes of their own, would otherwise
# fight for the cores, and sums would depend on the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
