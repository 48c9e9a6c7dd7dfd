"""Programs that use a broker through a client library, each run in a process of its own by `bench/apart.py`.

Must not: be imported by the rest of the bench, because the libraries may be missing.
"""
