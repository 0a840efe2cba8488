"""Random changes of training examples, each a function of (seed, epoch, example)."""
