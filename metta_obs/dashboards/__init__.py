"""From Jsonnet sources to dashboards in Datadog.

Here: evaluating the sources (`compile`), finding mistakes before anything leaves the machine (`check`, with the
`schema` of the installed client and a reader of `queries`), making Datadog equal to the sources (`push`, with
`compare` and the ownership `mark`). Not here: the sources (`jsonnet/`), requests (`metta_obs.datadog`), Dagster.
"""
