"""The simulator: physics of stars, galaxies, quasars and the spectrograph."""
