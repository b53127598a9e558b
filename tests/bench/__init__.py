"""How close cnat comes to what the API server allows: ``python -m tests.bench``."""
