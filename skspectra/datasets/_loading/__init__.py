"""Loading: find files, read them in processes, and gather spectra and labels."""
