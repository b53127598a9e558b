"""What can go wrong before there is a node. Each message says how to go on."""


class NodeError(RuntimeError):
    """The node's parts are not there, or it did not come up."""
