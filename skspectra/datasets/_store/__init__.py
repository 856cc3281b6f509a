"""Stores: spectra on disk, written in steps that survive a kill, opened memory-mapped."""
