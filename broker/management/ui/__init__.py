"""The management page: static files that talk to /api, served at /. Must not: know the broker."""
