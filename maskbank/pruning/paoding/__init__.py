"""PAODING's engine: stacks of dense layers, boxes of their inputs, pairs of nodes; in full, and as its tool ships it."""
