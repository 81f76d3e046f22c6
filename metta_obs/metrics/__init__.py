"""The metrics: one catalogue, one module per group, and the arithmetic of windows and percentiles.

Here: pure functions from tables and instants to values. Not here: where tables come from (`metta_obs.lake`), where
values go (`metta_obs.assets`, `metta_obs.datadog`). Nothing here asks a clock, a network or a setting.
"""
