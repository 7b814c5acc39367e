"""The arithmetic of one step, for M trials at once: no files, no clock, no environment, no global random numbers.

Every parameter has a leading trial axis M; a single network is M = 1. Mini-batches have no trial axis: an absent axis
means "shared". Examples are rows, so the handouts' ``W x`` is written ``x @ W`` with W of shape (M, D, H).
"""
