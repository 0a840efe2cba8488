"""TinyMyo: a masked-reconstruction Transformer for surface EMG, its tasks and its front ends."""
