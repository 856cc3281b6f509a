"""Simulated spectra, the line table and readers of survey files."""

__all__: list[str] = []
