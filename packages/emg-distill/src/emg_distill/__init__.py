"""Pre-train, fine-tune and distil sEMG models, resume exactly, and prove every number."""
