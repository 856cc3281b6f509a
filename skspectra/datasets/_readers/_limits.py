"""The largest sizes that a survey file may claim."""

# No survey spectrum has as many. Grids and masks are far larger than the bytes that a compressed file claims them in.
MOST_PIXELS = 1_000_000


def check_n_pixels(n_pixels: int) -> None:
    """Raise ValueError where a spectrum claims more pixels than any has."""
    if n_pixels > MOST_PIXELS:
        raise ValueError(f"it claims {n_pixels} pixels a spectrum, which no survey has: the limit is {MOST_PIXELS}")


def unpacked_limit(compressed_size: int) -> int:
    """Largest size that compressed data may grow to: noisy spectra shrink by a factor near 2, a bomb by 1000."""
    return max(100 * compressed_size, 1 << 26)
