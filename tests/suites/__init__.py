"""Runs the client libraries' own test suites against a broker; holds none of their code."""
