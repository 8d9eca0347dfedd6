"""A doorman with a word for everybody who comes in."""


def greet(name: str) -> str:
    """One line for whoever stands at the door."""
    return f"Hello, {name}!"
