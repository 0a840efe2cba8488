"""Networks that classify a single instant of a high-density electrode grid, and what is done with their decisions."""
