"""More than one process: strategies, sharded checkpoints, and what a run will cost."""
