"""What can go wrong before there is a control plane. Each message says how to go on."""


class AssetsError(RuntimeError):
    """The executables are not there, and could not be built."""


class ControlPlaneError(RuntimeError):
    """A process of the control plane did not come up, or ended by itself."""
