"""cnat: at(1) for Kubernetes, as a stateless one-shot reconciler."""

__version__ = "0.1.0"
