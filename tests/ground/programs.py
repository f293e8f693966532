"""Every program that the tests, the demo and the bench run, by name; prefetch.py fetches them."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.ground import debian, go_modules
from tests.ground.debian import ProgramMissingError, Unpacked

CONTAINERD_VERSIONS = ("1.6", "1.7", "2.0", "2.1", "2.2", "2.3")
NEWEST_1_7 = "1.7-newest"  # Debian's 1.7 is older than distributions have it
CRIO_VERSIONS = ("1.34", "1.36")
DOCKER_VERSIONS = ("26.1", "29")
CRI_DOCKERD, SPEGEL = "cri-dockerd-0.4", "spegel-0.7"
KUBERNETES = "kubernetes-1.37"  # the minor version of the client in pyproject.toml
ETCD = "etcd-3.7"
DISTRIBUTION, CRANE = "distribution-3.1", "crane-0.22"
KO, KANIKO = "ko-0.19", "kaniko-1.25"
CRANE_OF_KNATIVE = "crane-0.20"  # of the library that Knative Serving 1.23 resolves tags with
KUBERNETES_PROGRAMS = (
    *("kube-apiserver", "kubectl"),
    *("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"),
)

_KUBERNETES_STAMP = "k8s.io/component-base/version.gitVersion"
_DOCKER_STAMP = "github.com/moby/moby/v2/dockerversion.Version"
_SUITES = {"1.6": ("bookworm",), "1.7": ("trixie",), "2.1": ("forky", "sid")}
_CRI_DOCKERD_STAMP = "github.com/Mirantis/cri-dockerd/cmd/version.Version"
_DOCKER_SUITES = {"26.1": "trixie"}
_NGINX = ("nginx", "libpcre2-8-0", "libssl3", "libcrypt1", "zlib1g")
_FRONT = (
    *("nginx", "libc6", "libcrypt1", "libpcre2-8-0", "libssl3t64", "zlib1g", "libzstd1"),
    "libgcc-s1",
)
_CRIO_TAGS = ("containers_image_openpgp", "exclude_graphdriver_btrfs")  # what would need C
_DOCKER_TAGS = ("no_embedded_containerd",)  # it is given one
_CONMON = ("conmon", "libglib2.0-0", "libsystemd0", "libseccomp2", "libcap2", "libgcrypt20")
_IMAGE_TOOLS = (
    *("podman", "skopeo", "buildah", "libgpgme11", "libassuan0", "libgpg-error0", "libsubid4"),
    *("libdevmapper1.02.1", "libseccomp2", "libselinux1", "libpcre2-8-0", "libudev1"),
)
_IPROUTE2 = (
    *("iproute2", "libbpf1", "libelf1", "libmnl0", "libxtables12", "libtirpc3", "libbsd0"),
    *("libmd0", "libcap2", "libdb5.3", "libselinux1", "libpcre2-8-0", "zlib1g", "libssl3"),
    *("libgssapi-krb5-2", "libkrb5-3", "libk5crypto3", "libkrb5support0", "libcom-err2"),
    *("libkeyutils1",),
)
_BUILDAH = (
    *("buildah", "libgpgme11", "libassuan0", "libgpg-error0", "libdevmapper1.02.1"),
    *("libseccomp2", "libsubid4", "libselinux1", "libpcre2-8-0", "libudev1"),
)
_NFTABLES = (
    *("nftables", "libnftables1", "libnftnl11", "libmnl0", "libjansson4", "libedit2"),
    *("libxtables12", "libbsd0", "libmd0", "libtinfo6", "libgmp10"),
)


@dataclass(frozen=True, kw_only=True)
class Program:
    """An executable that lies in the cache or on the machine."""

    executable: Path
    version: str = ""
    tree: Path | None = None
    libraries: tuple[Path, ...] = field(default=())

    @property
    def files(self) -> Path:
        """The directory that holds all of it."""
        return self.tree or self.executable.parent

    @property
    def environment(self) -> dict[str, str]:
        """What has to be set for this program only."""
        if not self.libraries:
            return {}
        return {"LD_LIBRARY_PATH": ":".join(map(str, self.libraries))}


def containerd(version: str) -> Program:
    """The newest containerd of a minor version that can be had: from Debian, else from Go."""
    refused = ""
    for suite in _SUITES.get(version, ()):
        packages = ("containerd", "libseccomp2")
        try:
            found = debian.unpack(suite=suite, packages=packages, version=f"{version}.")
            return _in(found, "usr/bin/containerd")
        except ProgramMissingError as trouble:
            refused += f"{trouble}; "
    try:
        return _in(go_modules.build(f"containerd-{version}"), "usr/bin/containerd")
    except ProgramMissingError as trouble:
        raise ProgramMissingError(f"containerd {version}: {refused}{trouble}") from trouble


def crio(version: str) -> Program:
    """The CRI-O of a minor version."""
    return _built(f"crio-{version}", "crio", static=True, tags=_CRIO_TAGS)


def dockerd(version: str) -> Program:
    """A Docker, from Debian or of Go. The machine's libsystemd serves Debian's, as it does apt."""
    suite = _DOCKER_SUITES.get(version)
    if not suite:
        return _built(
            f"dockerd-{version}", "dockerd", stamp=_DOCKER_STAMP, static=True, tags=_DOCKER_TAGS
        )
    found = debian.unpack(suite=suite, packages=("docker.io",), version=f"{version}.")
    return _in(found, "usr/sbin/dockerd")


def cri_dockerd() -> Program:
    """What serves CRI for Docker."""
    return _built(CRI_DOCKERD, "cri-dockerd", stamp=_CRI_DOCKERD_STAMP, static=True)


def spegel() -> Program:
    """A mirror between nodes, which writes into the same directory as we do."""
    return _built(SPEGEL, "spegel", static=True)


def conmon() -> Program:
    """What CRI-O wants to see before it starts: it watches over containers."""
    return _in(debian.unpack(suite="bookworm", packages=_CONMON), "usr/bin/conmon")


def image_tools() -> Program:
    """podman; skopeo and buildah lie beside it."""
    return _in(debian.unpack(suite="bookworm", packages=_IMAGE_TOOLS), "usr/bin/podman")


def kubernetes(name: str) -> Program:
    """A program of Kubernetes: ready-made, else built from Go, all of them at once."""
    return _ready_made(name) or _built(KUBERNETES, name, stamp=_KUBERNETES_STAMP)


def etcd() -> Program:
    """The API server's store: ready-made, else built from Go, which calls it by its folder."""
    return _ready_made("etcd") or _built(ETCD, "server")


def docker_registry() -> Program:
    """The registry."""
    found = debian.unpack(suite="bookworm", packages=("docker-registry",))
    return _in(found, "usr/bin/docker-registry")


def nginx() -> Program:
    """The TLS front of the registry."""
    return _in(debian.unpack(suite="bookworm", packages=_NGINX), "usr/sbin/nginx")


def distribution() -> Program:
    """The registry of `deploy/registry`."""
    return _built(DISTRIBUTION, "registry", static=True)


def front() -> Program:
    """The nginx of `deploy/registry`. It runs below its own tree only, with its own libc."""
    return _in(debian.unpack(suite="forky", packages=_FRONT), "usr/sbin/nginx")


def crane() -> Program:
    """A client of registries, which Kaniko, ko and Knative are built on."""
    return _built(CRANE, "crane")


def ko() -> Program:
    """Builds images of Go programs, and pushes them by the same library as crane."""
    return _built(KO, "ko", static=True)


def kaniko() -> Program:
    """Kaniko's executor, of Chainguard's fork: the one with the older registry library."""
    return _built(KANIKO, "executor", static=True)


def crane_of_knative() -> Program:
    """The same as crane from before 0.21.6, when it still tried plain HTTP for `*.local`."""
    return _built(CRANE_OF_KNATIVE, "crane")


def promtool() -> Program:
    """Prometheus's own judge of rules."""
    return _in(debian.unpack(suite="bookworm", packages=("prometheus",)), "usr/bin/promtool")


def strace() -> Program:
    """The machine's strace, or one from the cache."""
    return _on_machine("strace") or _in(
        debian.unpack(suite="bookworm", packages=("strace", "libunwind8", "liblzma5")),
        "usr/bin/strace",
    )


def iproute2() -> Program:
    """The machine's `ip`, or one from the cache."""
    return _on_machine("ip") or _in(debian.unpack(suite="bookworm", packages=_IPROUTE2), "bin/ip")


def runc() -> Program:
    """What starts containers for containerd. The machine's libseccomp serves it, as it does apt."""
    return _in(debian.unpack(suite="bookworm", packages=("runc",)), "usr/sbin/runc")


def nft() -> Program:
    """What kube-proxy writes its rules with."""
    return _in(debian.unpack(suite="bookworm", packages=_NFTABLES), "usr/sbin/nft")


def cni_plugins() -> Program:
    """The plugins that give pods a network; they lie in the folder of the one named here."""
    packages = ("containernetworking-plugins",)
    return _in(debian.unpack(suite="bookworm", packages=packages), "usr/lib/cni/ptp")


def ctr() -> Program:
    """containerd's own client: the oldest, for it has to serve all versions."""
    found = debian.unpack(suite="bookworm", packages=("containerd", "libseccomp2"), version="1.6.")
    return _in(found, "usr/bin/ctr")


def busybox() -> Program:
    """A static program that can do anything, for containers."""
    return _in(debian.unpack(suite="bookworm", packages=("busybox-static",)), "bin/busybox")


def buildah() -> Program:
    """The builder of images; see buildah.sh for how it is started."""
    return _in(debian.unpack(suite="bookworm", packages=_BUILDAH), "usr/bin/buildah")


def qemu_aarch64() -> Program:
    """What runs programs for aarch64 on this machine."""
    found = debian.unpack(suite="bookworm", packages=("qemu-user-static",))
    return _in(found, "usr/bin/qemu-aarch64-static")


def pip_wheels() -> Path:
    """The directory of pip's own wheel, for machines whose Python cannot make a whole venv."""
    found = debian.unpack(suite="bookworm", packages=("python3-pip-whl",))
    return found.tree / "usr/share/python-wheels"


def _built(
    module: str, name: str, *, stamp: str = "", static: bool = False, tags: Sequence[str] = ()
) -> Program:
    try:
        built = go_modules.build(module, stamp=stamp, static=static, tags=tags)
        return _in(built, f"usr/bin/{name}")
    except ProgramMissingError as trouble:
        raise ProgramMissingError(f"{module}: {trouble}") from trouble


def _ready_made(name: str) -> Program | None:
    """From `$KUBEBUILDER_ASSETS`, where the ecosystem keeps kube-apiserver, etcd and kubectl."""
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    found = shutil.which(name, path=folder) if folder else None
    return Program(executable=Path(found).absolute(), version="ready-made") if found else None


def _on_machine(name: str) -> Program | None:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return Program(executable=Path(found)) if found else None


def _in(unpacked: Unpacked, path: str) -> Program:
    return Program(
        executable=unpacked.tree / path,
        version=unpacked.version,
        tree=unpacked.tree,
        libraries=unpacked.libraries,
    )
