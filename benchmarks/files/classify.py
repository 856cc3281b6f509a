"""How many files per second does ``skspectra classify`` process, and how much memory does it take?

    python -m benchmarks.files.classify [--n-files 500 2000]

The command uses the pretrained model and is measured in its own process, from the start of Python to the complete
table. The files are those of `benchmarks.files.load_spectra`: gzipped LAMOST spectra, which are real if SKSPECTRA_DATA
is set. The rate between the two numbers of files excludes what every call needs, such as the import of PyTorch.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._common.command import parser_of, print_machine, save
from benchmarks.files.load_spectra import lamost_files

# Prints the peak memory of the command and of its largest child process in kilobytes.
MEASURED = """
import resource, sys
from skspectra._command import main
code = main(sys.argv[1:])
print(*(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
sys.exit(code)
"""


def run(folder, n_files):
    """Return the seconds, and the peak memory of the command and of its largest child process in MB."""
    lamost_files(folder, n_files)
    output = folder.with_suffix(".csv")
    start = time.perf_counter()
    command = [sys.executable, "-c", MEASURED, "classify", str(folder), "-o", str(output)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    n_rows = len(output.read_text().splitlines()) - 1
    if n_rows != n_files:
        raise SystemExit(f"{n_rows} of {n_files} files were classified: {done.stderr}")
    return seconds, *(int(kilobytes) / 1024 for kilobytes in done.stdout.split())


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n-files", type=int, nargs="+", default=[500, 2000])
    args = parser.parse_args()
    print_machine()
    print("real files" if "SKSPECTRA_DATA" in os.environ else "files made by the test helpers")
    results = []
    print("| files | seconds | files/s | peak memory, MB | of a process that reads, MB |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as parent:
        for n_files in args.n_files:
            folder = Path(parent, str(n_files))
            folder.mkdir()
            seconds, own, of_reader = run(folder, n_files)
            print(f"| {n_files} | {seconds:.1f} | {n_files / seconds:.0f} | {own:.0f} | {of_reader:.0f} |", flush=True)
            results.append({"n_files": n_files, "seconds": seconds, "peak_mb": own, "reader_peak_mb": of_reader})
    if len(results) > 1:
        first, *_, last = results
        rate = (last["n_files"] - first["n_files"]) / (last["seconds"] - first["seconds"])
        print(f"between the first and the last number of files: {rate:.0f} files/s")
    save(args, real="SKSPECTRA_DATA" in os.environ, results=results)


if __name__ == "__main__":
    main()
