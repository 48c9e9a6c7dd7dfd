"""How the compiled form is made: when it is, and from which files."""
