"""The demo: the agent's main job, from the first failing pull to a node put back, for real.

`make demo`, or `python -m tests.demo`. It is a test that tells what it sees: it ends with status 0
only if every step went as it says.
"""
