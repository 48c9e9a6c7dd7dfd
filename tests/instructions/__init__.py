"""How many instructions the kernel spends on a message, counted and compared with what was recorded."""
