"""Numbers that say how good a model is: classes, values, text, events."""
