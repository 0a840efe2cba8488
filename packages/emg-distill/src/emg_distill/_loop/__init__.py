"""The one training loop, with its optimiser, schedules, checkpoints and logs."""
