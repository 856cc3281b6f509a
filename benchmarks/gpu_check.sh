#!/usr/bin/env bash
# This script runs the tests of the GPU and measures the throughput on it in a few minutes, without network access.
# Run it from the root of the repository:
#   bash benchmarks/gpu_check.sh [FOLDER OF THE RESULTS]
# It needs PyTorch, numpy, scipy, scikit-learn, imbalanced-learn, skorch, joblib, filelock, tqdm and pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
out="${1:-gpu-check}"
mkdir -p "$out"
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | tee "$out/gpu.txt"
python -c "import torch; print(torch.__version__, torch.version.cuda)" | tee -a "$out/gpu.txt"
python -m pytest -p no:cacheprovider -q tests/test_cuda.py 2>&1 | tee "$out/tests.txt" || echo "tests failed" | tee -a "$out/gpu.txt"
python -m benchmarks.speed.throughput --device cuda --lengths 2600 --growth-rates 12 --json "$out/growth12.json" | tee "$out/growth12.txt"
python -m benchmarks.speed.throughput --device cuda --lengths 2600 --growth-rates 8 --stem-stride 4 --batch-sizes 64 512 \
    --json "$out/lean.json" | tee "$out/lean.txt"
