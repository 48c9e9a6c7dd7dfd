"""From exchange and routing key to queues: bindings, matchers and the routing table. Must not: hold messages."""
