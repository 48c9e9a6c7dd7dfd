"""One file per AMQP class; importing this package registers every handler. Must not: hold anything else."""

from broker.connections.handlers import basic, exchange, modes, queue

LOADED = (basic, exchange, modes, queue)
