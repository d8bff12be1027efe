"""What goes wrong in what is measured: a result as well."""


class Failed(Exception):
    """A subject did not do what was asked of it, or gave wrong bytes; says what."""
