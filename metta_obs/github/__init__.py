"""The GitHub collector: GitHub's answers become rows of the raw tables.

Here: the client (`api`, `answers`, `errors`, `transport`), what may have changed (`probe`), one module per pull
(`pull_requests`, `commits`, `branches`, `workflow_runs`) with its lists beside it, what earlier pulls covered
(`coverage`, `context`) and the function that does one pull (`collector`). The GraphQL documents lie beside the code.
Not here: how rows are stored (`metta_obs.lake`), what is computed from them (`metta_obs.metrics`), when a pull happens
(`metta_obs.assets`).
"""
