"""Stores of spectra on disk, written so that a killed process can resume, and memory-mapped when opened."""
