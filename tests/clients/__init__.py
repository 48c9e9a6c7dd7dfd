"""What users of the well-known client libraries do, against a real broker."""
