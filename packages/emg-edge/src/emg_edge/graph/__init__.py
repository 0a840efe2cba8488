"""The float graph: values, nodes, shape rules, a numpy executor."""
