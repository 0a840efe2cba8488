"""File syntaxes, each read with nothing trusted: what bytes mean, not yet what a data set means."""
