"""What must hold on every cluster: the embedded store and a real control plane."""
