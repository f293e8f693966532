"""The test ground: real programs, in nodes made of namespaces, with nothing installed.

Programs are downloaded and unpacked into a cache outside the clone. A node has its own mounts,
processes and network, and vanishes with its first process, so nothing a test does can reach the
machine or outlive the test.
"""
