"""Measures a broker from outside: the same raw-socket load on Leveret and on any other AMQP 0-9-1 broker.

Must not: import the broker, the protocol or the storage package.
"""
