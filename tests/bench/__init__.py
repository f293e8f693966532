"""The bench: what the agent costs, beside the least that could do the same, in one run.

`make bench`, or `python -m tests.bench`; `--quick` takes a minute. It asserts nothing: machines
differ and neighbours are noisy, so what counts is the ratio of two figures of the same run.
"""
