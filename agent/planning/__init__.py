"""Decides what a node should look like. Pure: no clock, disk, network, threads, logs, metrics."""
