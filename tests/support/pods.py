"""Pods that an API server takes, and Pods that it refuses beyond their schema: one table for the
check offline and for the API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]

CONTAINER = {"name": "shell", "image": "busybox:1.37"}


def spec(**fields: Any) -> Spec:
    """The smallest PodSpec, with further fields."""
    return {"containers": [CONTAINER], **fields}


def container(**fields: Any) -> Spec:
    """A PodSpec whose container has further fields."""
    return spec(containers=[CONTAINER | fields])


def init(**fields: Any) -> Spec:
    """A PodSpec with an init container that has further fields."""
    return spec(initContainers=[CONTAINER | {"name": "init"} | fields])


def volume(**source: Any) -> Spec:
    return spec(volumes=[{"name": "data", **source}])


def mounted(**fields: Any) -> Spec:
    """A volume `data`, mounted with further fields."""
    mount = {"name": "data", "mountPath": "/data"} | fields
    mounting = CONTAINER | {"volumeMounts": [mount]}
    return spec(containers=[mounting], volumes=[{"name": "data", "emptyDir": {}}])


def variable(**fields: Any) -> Spec:
    return container(env=[{"name": "A", **fields}])


def port(**fields: Any) -> Spec:
    return container(ports=[{"containerPort": 80, **fields}])


def toleration(**fields: Any) -> Spec:
    return spec(tolerations=[fields])


@dataclass(frozen=True)
class Bad:
    """A PodSpec, and the field that is at fault."""

    spec: Spec
    field: str


_C = "spec.containers[0]"

BAD = {
    # containers
    "no image": Bad(spec(containers=[{"name": "shell"}]), f"{_C}.image"),
    "an empty image": Bad(container(image=""), f"{_C}.image"),
    "an empty name": Bad(container(name=""), f"{_C}.name"),
    "a name in upper case": Bad(container(name="Shell"), f"{_C}.name"),
    "a name with an underscore": Bad(container(name="my_shell"), f"{_C}.name"),
    "a name of 64 characters": Bad(container(name="a" * 64), f"{_C}.name"),
    "two containers of one name": Bad(
        spec(containers=[CONTAINER, CONTAINER]), "spec.containers[1].name"
    ),
    "an init container of a container's name": Bad(
        init(name="shell"), "spec.initContainers[0].name"
    ),
    "an init container without image": Bad(init(image=None), "spec.initContainers[0].image"),
    "an init container with a probe": Bad(
        init(livenessProbe={"exec": {"command": ["true"]}}), "spec.initContainers[0].livenessProbe"
    ),
    "an init container with a hook": Bad(
        init(lifecycle={"preStop": {"exec": {"command": ["true"]}}}),
        "spec.initContainers[0].lifecycle",
    ),
    "an unknown pull policy": Bad(container(imagePullPolicy="Sometimes"), f"{_C}.imagePullPolicy"),
    "an unknown restart policy": Bad(container(restartPolicy="Maybe"), f"{_C}.restartPolicy"),
    "an unknown message policy": Bad(
        container(terminationMessagePolicy="Log"), f"{_C}.terminationMessagePolicy"
    ),
    # ports
    "the port 0": Bad(port(containerPort=0), f"{_C}.ports[0].containerPort"),
    "the port 65536": Bad(port(containerPort=65536), f"{_C}.ports[0].containerPort"),
    "a host port out of range": Bad(port(hostPort=70000), f"{_C}.ports[0].hostPort"),
    "an unknown protocol": Bad(port(protocol="HTTP"), f"{_C}.ports[0].protocol"),
    "a port's name in upper case": Bad(port(name="HTTP"), f"{_C}.ports[0].name"),
    "a port's name of digits": Bad(port(name="80"), f"{_C}.ports[0].name"),
    "a port's name of 16 characters": Bad(port(name="a" * 16), f"{_C}.ports[0].name"),
    "a port's name with two dashes": Bad(port(name="a--b"), f"{_C}.ports[0].name"),
    "two ports of one name": Bad(
        container(ports=[{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]),
        f"{_C}.ports[1].name",
    ),
    "one host port twice": Bad(
        container(ports=[{"containerPort": 80, "hostPort": 8080}] * 2), f"{_C}.ports[1].hostPort"
    ),
    "another host port on the host's network": Bad(
        port(hostPort=81) | {"hostNetwork": True}, f"{_C}.ports[0].hostPort"
    ),
    # environment
    "a variable without name": Bad(variable(name=""), f"{_C}.env[0].name"),
    "a variable with =": Bad(variable(name="A=B"), f"{_C}.env[0].name"),
    "a variable with an umlaut": Bad(variable(name="Ä"), f"{_C}.env[0].name"),
    "a variable from nowhere": Bad(variable(valueFrom={}), f"{_C}.env[0].valueFrom"),
    "a variable with value and source": Bad(
        variable(value="b", valueFrom={"fieldRef": {"fieldPath": "metadata.name"}}),
        f"{_C}.env[0].valueFrom",
    ),
    "a variable from two sources": Bad(
        variable(
            valueFrom={
                "fieldRef": {"fieldPath": "metadata.name"},
                "secretKeyRef": {"name": "a", "key": "b"},
            }
        ),
        f"{_C}.env[0].valueFrom.secretKeyRef",
    ),
    "a variable from an unknown field": Bad(
        variable(valueFrom={"fieldRef": {"fieldPath": "metadata.nmae"}}),
        f"{_C}.env[0].valueFrom.fieldRef.fieldPath",
    ),
    "a variable from a Secret without name": Bad(
        variable(valueFrom={"secretKeyRef": {"key": "b"}}),
        f"{_C}.env[0].valueFrom.secretKeyRef.name",
    ),
    "a variable from a key with a space": Bad(
        variable(valueFrom={"configMapKeyRef": {"name": "a", "key": "b c"}}),
        f"{_C}.env[0].valueFrom.configMapKeyRef.key",
    ),
    "variables from nowhere": Bad(container(envFrom=[{}]), f"{_C}.envFrom[0]"),
    "variables from a name in upper case": Bad(
        container(envFrom=[{"configMapRef": {"name": "A"}}]), f"{_C}.envFrom[0].configMapRef.name"
    ),
    "variables from two sources": Bad(
        container(envFrom=[{"configMapRef": {"name": "a"}, "secretRef": {"name": "a"}}]),
        f"{_C}.envFrom[0].secretRef",
    ),
    # volumes
    "a volume of two types": Bad(
        volume(emptyDir={}, configMap={"name": "a"}), "spec.volumes[0].configMap"
    ),
    "a volume's name in upper case": Bad(volume(name="Data", emptyDir={}), "spec.volumes[0].name"),
    "two volumes of one name": Bad(
        spec(volumes=[{"name": "data", "emptyDir": {}}] * 2), "spec.volumes[1].name"
    ),
    "a ConfigMap without name": Bad(volume(configMap={}), "spec.volumes[0].configMap.name"),
    "a Secret called by name": Bad(volume(secret={}), "spec.volumes[0].secret.secretName"),
    "a claim without name": Bad(
        volume(persistentVolumeClaim={"claimName": ""}),
        "spec.volumes[0].persistentVolumeClaim.claimName",
    ),
    "a mode that is none": Bad(
        volume(secret={"secretName": "a", "defaultMode": 644}),
        "spec.volumes[0].secret.defaultMode",
    ),
    "a file that climbs": Bad(
        volume(configMap={"name": "a", "items": [{"key": "k", "path": "../k"}]}),
        "spec.volumes[0].configMap.items[0].path",
    ),
    "a host path that climbs": Bad(
        volume(hostPath={"path": "/a/../b"}), "spec.volumes[0].hostPath.path"
    ),
    "an unknown kind of host path": Bad(
        volume(hostPath={"path": "/a", "type": "Folder"}), "spec.volumes[0].hostPath.type"
    ),
    "an NFS path that is relative": Bad(
        volume(nfs={"server": "a", "path": "b"}), "spec.volumes[0].nfs.path"
    ),
    "a token for five minutes": Bad(
        volume(
            projected={
                "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 300}}]
            }
        ),
        "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds",
    ),
    # mounts
    "a mount of no volume": Bad(mounted(name="date"), f"{_C}.volumeMounts[0].name"),
    "a mount of no volume at all": Bad(
        container(volumeMounts=[{"name": "data", "mountPath": "/data"}]),
        f"{_C}.volumeMounts[0].name",
    ),
    "a mount without path": Bad(mounted(mountPath=""), f"{_C}.volumeMounts[0].mountPath"),
    "two mounts at one path": Bad(
        spec(
            containers=[CONTAINER | {"volumeMounts": [{"name": "data", "mountPath": "/d"}] * 2}],
            volumes=[{"name": "data", "emptyDir": {}}],
        ),
        f"{_C}.volumeMounts[1].mountPath",
    ),
    "a sub-path that climbs": Bad(mounted(subPath="../x"), f"{_C}.volumeMounts[0].subPath"),
    "a sub-path that is absolute": Bad(mounted(subPath="/x"), f"{_C}.volumeMounts[0].subPath"),
    "two sub-paths": Bad(
        mounted(subPath="x", subPathExpr="y"), f"{_C}.volumeMounts[0].subPathExpr"
    ),
    "a mount that spreads": Bad(
        mounted(mountPropagation="Bidirectional"), f"{_C}.volumeMounts[0].mountPropagation"
    ),
    "a device of no volume": Bad(
        container(volumeDevices=[{"name": "data", "devicePath": "/dev/x"}]),
        f"{_C}.volumeDevices[0].name",
    ),
    # resources
    "an unknown resource": Bad(
        container(resources={"limits": {"ram": "1Gi"}}), f"{_C}.resources.limits.ram"
    ),
    "a negative resource": Bad(
        container(resources={"requests": {"cpu": "-1"}}), f"{_C}.resources.requests.cpu"
    ),
    "a request above its limit": Bad(
        container(resources={"requests": {"memory": "1Gi"}, "limits": {"memory": "1000M"}}),
        f"{_C}.resources.requests.memory",
    ),
    # probes and hooks
    "a probe that does nothing": Bad(container(livenessProbe={}), f"{_C}.livenessProbe"),
    "a probe that does two things": Bad(
        container(livenessProbe={"exec": {"command": ["true"]}, "tcpSocket": {"port": 80}}),
        f"{_C}.livenessProbe.tcpSocket",
    ),
    "a probe without command": Bad(
        container(readinessProbe={"exec": {}}), f"{_C}.readinessProbe.exec.command"
    ),
    "a probe of the port 0": Bad(
        container(startupProbe={"tcpSocket": {"port": 0}}), f"{_C}.startupProbe.tcpSocket.port"
    ),
    "a probe of a port that is no name": Bad(
        container(startupProbe={"httpGet": {"port": "HTTP"}}), f"{_C}.startupProbe.httpGet.port"
    ),
    "a probe by an unknown scheme": Bad(
        container(startupProbe={"httpGet": {"port": 80, "scheme": "FTP"}}),
        f"{_C}.startupProbe.httpGet.scheme",
    ),
    "a probe with a negative delay": Bad(
        container(livenessProbe={"tcpSocket": {"port": 80}, "initialDelaySeconds": -1}),
        f"{_C}.livenessProbe.initialDelaySeconds",
    ),
    "a liveness that must succeed twice": Bad(
        container(livenessProbe={"tcpSocket": {"port": 80}, "successThreshold": 2}),
        f"{_C}.livenessProbe.successThreshold",
    ),
    "a readiness with a grace period": Bad(
        container(readinessProbe={"tcpSocket": {"port": 80}, "terminationGracePeriodSeconds": 5}),
        f"{_C}.readinessProbe.terminationGracePeriodSeconds",
    ),
    "a hook that does nothing": Bad(
        container(lifecycle={"preStop": {}}), f"{_C}.lifecycle.preStop"
    ),
    # security
    "a user below 0": Bad(
        container(securityContext={"runAsUser": -1}), f"{_C}.securityContext.runAsUser"
    ),
    "privileged without privileges": Bad(
        container(securityContext={"privileged": True, "allowPrivilegeEscalation": False}),
        f"{_C}.securityContext.allowPrivilegeEscalation",
    ),
    "a group below 0": Bad(spec(securityContext={"fsGroup": -1}), "spec.securityContext.fsGroup"),
    "the host's processes, and shared ones": Bad(
        spec(hostPID=True, shareProcessNamespace=True), "spec.shareProcessNamespace"
    ),
    # the Pod
    "no time to run": Bad(spec(activeDeadlineSeconds=0), "spec.activeDeadlineSeconds"),
    "a hostname with a dot": Bad(spec(hostname="a.b"), "spec.hostname"),
    "a subdomain in upper case": Bad(spec(subdomain="A"), "spec.subdomain"),
    "a service account with a space": Bad(
        spec(serviceAccountName="my account"), "spec.serviceAccountName"
    ),
    "a node with an underscore": Bad(spec(nodeName="my_node"), "spec.nodeName"),
    "a priority in upper case": Bad(spec(priorityClassName="High"), "spec.priorityClassName"),
    "a runtime in upper case": Bad(spec(runtimeClassName="GVisor"), "spec.runtimeClassName"),
    "an unknown preemption": Bad(spec(preemptionPolicy="Always"), "spec.preemptionPolicy"),
    "an unknown DNS policy": Bad(spec(dnsPolicy="Cluster"), "spec.dnsPolicy"),
    "no DNS at all": Bad(spec(dnsPolicy="None"), "spec.dnsConfig.nameservers"),
    "four name servers": Bad(
        spec(dnsConfig={"nameservers": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]}),
        "spec.dnsConfig.nameservers",
    ),
    "a name server by name": Bad(
        spec(dnsConfig={"nameservers": ["ns.example.com"]}), "spec.dnsConfig.nameservers[0]"
    ),
    "an alias of no address": Bad(
        spec(hostAliases=[{"ip": "localhost", "hostnames": ["a"]}]), "spec.hostAliases[0].ip"
    ),
    "a node's label with a space": Bad(
        spec(nodeSelector={"disk": "very fast"}), "spec.nodeSelector.disk"
    ),
    "a node's key with two slashes": Bad(
        spec(nodeSelector={"a/b/c": "x"}), "spec.nodeSelector[a/b/c]"
    ),
    "an unknown operator": Bad(toleration(key="a", operator="In"), "spec.tolerations[0].operator"),
    "an unknown effect": Bad(toleration(key="a", effect="NoRun"), "spec.tolerations[0].effect"),
    "a toleration without key": Bad(toleration(value="a"), "spec.tolerations[0].operator"),
    "a toleration of all values and one": Bad(
        toleration(key="a", operator="Exists", value="b"), "spec.tolerations[0].value"
    ),
    "a toleration for a while of no eviction": Bad(
        toleration(key="a", tolerationSeconds=5), "spec.tolerations[0].effect"
    ),
    "a spread of no skew": Bad(
        spec(
            topologySpreadConstraints=[
                {"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
            ]
        ),
        "spec.topologySpreadConstraints[0].maxSkew",
    ),
    "a spread that does something else": Bad(
        spec(
            topologySpreadConstraints=[
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "Wait"}
            ]
        ),
        "spec.topologySpreadConstraints[0].whenUnsatisfiable",
    ),
}

GOOD = {
    "the smallest": spec(),
    "nulls as templates leave them": container(env=None, ports=None, resources=None)
    | {"volumes": None, "nodeSelector": None, "tolerations": None, "dnsConfig": None},
    "an init container": init(),
    "a sidecar": init(
        restartPolicy="Always",
        livenessProbe={"httpGet": {"port": "http", "path": "/"}},
        lifecycle={"preStop": {"sleep": {"seconds": 1}}},
    ),
    "a name of 63 characters": container(name="a" * 63),
    "a name of digits": container(name="0"),
    "ports": container(
        ports=[
            {"containerPort": 80, "name": "http", "hostPort": 8080},
            {"containerPort": 80, "name": "udp-80", "hostPort": 8080, "protocol": "UDP"},
            {"containerPort": 65535, "hostIP": "10.0.0.1", "hostPort": 8080},
        ]
    ),
    "a port on the host's network": port() | {"hostNetwork": True},
    "a variable twice": container(env=[{"name": "A", "value": "b"}, {"name": "A"}]),
    "odd names of variables": container(env=[{"name": "1 a.b-c"}]),
    "variables from everywhere": container(
        env=[
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in {
                "a": "metadata.name",
                "b": "metadata.labels['example.com/team']",
                "c": "spec.nodeName",
                "d": "status.podIP",
                "e": "status.hostIPs",
                "f": "metadata.annotations['Team']",
            }.items()
        ]
        + [
            {"name": "g", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "h", "valueFrom": {"secretKeyRef": {"name": "a", "key": ".key_1"}}},
        ],
        envFrom=[{"configMapRef": {"name": "a.b"}, "prefix": "P_"}, {"secretRef": {"name": "a"}}],
    ),
    "volumes": spec(
        volumes=[
            {"name": "a", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
            {"name": "b", "configMap": {"name": "a", "defaultMode": 0o644}},
            {"name": "c", "secret": {"secretName": "a", "items": [{"key": "k", "path": "d/k"}]}},
            {"name": "d", "persistentVolumeClaim": {"claimName": "a"}},
            {"name": "e", "hostPath": {"path": "/var/..log", "type": ""}},
            {"name": "f", "projected": {"sources": [{"configMap": {"name": "a"}}]}},
            {"name": "g", "emptyDir": {}, "secret": None},
        ]
    ),
    "a volume that says nothing is an emptyDir": volume(),
    "a volume of an empty type, too": volume(configMap=None),
    "a mount": mounted(subPath="a..b/c", readOnly=True),
    "a mount that spreads": spec(
        volumes=[{"name": "data", "emptyDir": {}}],
        containers=[
            CONTAINER
            | {
                "securityContext": {"privileged": True},
                "volumeMounts": [
                    {"name": "data", "mountPath": "/d", "mountPropagation": "Bidirectional"}
                ],
            }
        ],
    ),
    "resources": container(
        resources={
            "requests": {"cpu": 0.5, "memory": "1000M", "ephemeral-storage": "1e6"},
            "limits": {"cpu": "500m", "memory": "1Gi", "example.com/gpu": 1},
        }
    ),
    "probes": container(
        livenessProbe={"exec": {"command": ["true"]}, "terminationGracePeriodSeconds": 5},
        readinessProbe={"httpGet": {"port": "http", "scheme": "HTTPS"}, "successThreshold": 3},
        startupProbe={"grpc": {"port": 80}},
    ),
    "DNS": spec(
        dnsPolicy="None",
        dnsConfig={"nameservers": ["10.0.0.1", "fd00::1"]},
        hostAliases=[{"ip": "10.0.0.1", "hostnames": ["a.b"]}],
    ),
    "placement": spec(
        nodeSelector={"kubernetes.io/os": "linux", "disk": ""},
        tolerations=[
            {"operator": "Exists"},
            {"key": "a", "value": "b", "effect": "NoSchedule"},
            {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
        ],
        topologySpreadConstraints=[
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ],
    ),
    "names": spec(hostname="a", subdomain="b", serviceAccountName="default", nodeName="n.1"),
}
