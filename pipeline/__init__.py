"""A hyperparameter-sweep pipeline for fully-connected networks, trained packed in NumPy.

Axes in every docstring: M trials of a pack, B examples (of a mini-batch or of a set), D inputs, H units of a layer,
C classes. Steps are mini-batch updates; step sizes and cycles are stated in epochs.
"""
