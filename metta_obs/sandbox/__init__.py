"""Local GitHub and Datadog servers over a simulated world, for the demo and the tests.

Here: the world and the two servers. Nothing here imports the product, and the product imports nothing from here:
what the servers answer is judged against the published APIs, not against our own reading of them.
"""
