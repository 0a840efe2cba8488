"""Recipes that ship with the package, read by `emg_distill.load_recipe`."""

__all__: list[str] = []
