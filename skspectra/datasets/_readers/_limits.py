"""The largest sizes that a survey file may state."""

# No survey spectrum has this many pixels. Grids and masks can be far larger than a compressed file that states their
# size.
MOST_PIXELS = 1_000_000


def check_n_pixels(n_pixels: int) -> None:
    """Raise ValueError if a file states more pixels than any survey spectrum has."""
    if n_pixels > MOST_PIXELS:
        raise ValueError(f"it states {n_pixels} pixels per spectrum, more than the limit of {MOST_PIXELS}")


def unpacked_limit(compressed_size: int) -> int:
    """Return the size allowed after decompression: noisy spectra shrink by a factor near 2, a zip bomb by 1000."""
    return max(100 * compressed_size, 1 << 26)
