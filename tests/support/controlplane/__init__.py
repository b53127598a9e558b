"""A real Kubernetes control plane for the tests: etcd, API server, controllers and kubectl."""
