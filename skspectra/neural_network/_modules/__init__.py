"""Torch modules of the networks; nothing here knows of scikit-learn."""
