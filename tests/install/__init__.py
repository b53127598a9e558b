"""cnat as its users install it: from kustomize/, as an image, beside GitOps tools."""
