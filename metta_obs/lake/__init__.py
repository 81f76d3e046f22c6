"""The lake: Delta tables of row versions, coverage, points and deliveries.

Here: the tables' schemas, the one class that reads and writes them, and the view of what was known at an instant.
Not here: where rows come from (`metta_obs.github`) and what is computed from them (`metta_obs.metrics`).
"""
