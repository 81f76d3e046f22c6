"""The lake: Delta tables of row versions, coverage, points and deliveries.

Here: the tables' schemas and the one class that reads and writes them. Not here: where rows come from
(`metta_obs.github`), what was known at an instant and what is computed from it (`metta_obs.metrics`).
"""
