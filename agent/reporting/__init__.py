"""What the agent says: metrics, health endpoints, logs, and the lines of its commands."""
