"""How Leveret is compiled: the list of modules, the compiler's call, and the hooks of the package build.

Must not: be imported by the broker, or be part of a wheel.
"""
