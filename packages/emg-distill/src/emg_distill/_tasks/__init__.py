"""What is trained: how a batch and a model become a loss, and how a model is validated."""
