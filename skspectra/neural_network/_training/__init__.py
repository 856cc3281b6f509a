"""Training of a network: data, batches, the skorch net, its callbacks and checkpoints."""
