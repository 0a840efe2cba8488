"""Examples of the parts of a data set, in memory or on disk, and the batches that training reads."""
