"""The Dagster shells in the order of the data: raw, metrics, delivery, dashboards; their checks, jobs and schedule.

Here: asset functions of a few lines that call plain Python, and what the Dagster UI shows of it. Not here: anything
that can be computed or tested without Dagster.
"""
