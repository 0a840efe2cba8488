"""What some objectives train or follow beside the model: projection heads, momentum teachers, spectra."""
