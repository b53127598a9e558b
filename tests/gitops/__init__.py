"""Flux and Argo CD themselves, on the real control plane: what they make of Ats. `make gitops`."""
