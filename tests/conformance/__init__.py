"""What a peer may rely on, by area of the AMQP 0-9-1 specification, in raw frames; proven against RabbitMQ 3.10.8.

Tests marked `ours` expect what we document where that server hangs, crashes or answers differently from 3.13.
"""
