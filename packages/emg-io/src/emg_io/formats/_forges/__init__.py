"""One forger a data set: synthetic EMG in the real layout."""
