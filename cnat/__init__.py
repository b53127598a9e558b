"""cnat: at(1) for Kubernetes, as a stateless one-shot reconciler."""
