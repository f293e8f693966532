"""Configurations of containerd as people write them, and what each version makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.errors import Reason
from tests.ground import programs

BROKEN, UNSET, MIRRORS = (
    Reason.RUNTIME_CONFIG_BROKEN,
    Reason.CONFIG_PATH_UNSET,
    Reason.LEGACY_MIRRORS,
)
READS = None
SHORT = "[plugins.cri.registry]"
GRPC = '[plugins."io.containerd.grpc.v1.cri".registry]'
IMAGES = '[plugins."io.containerd.cri.v1.images".registry]'
PATH = 'config_path = "/etc/registries/certs.d"'
OTHER = 'config_path = "/etc/others/certs.d"'
LIST = 'config_path = "/etc/registries/certs.d:/etc/docker/certs.d"'


def each(
    v16: Reason | None,
    v17: Reason | None,
    v20: Reason | None,
    v21: Reason | None,
    v22: Reason | None,
    v23: Reason | None,
) -> Mapping[str, Reason | None]:
    """What is expected of each version, oldest first."""
    return dict(zip(programs.CONTAINERD_VERSIONS, (v16, v17, v20, v21, v22, v23), strict=True))


def lines(*parts: str) -> str:
    return "\n".join(parts) + "\n"


@dataclass(frozen=True, kw_only=True)
class Case:
    """Files below /etc/containerd, and the reason by which each version does not read ours."""

    files: Mapping[str, str]
    expected: Mapping[str, Reason | None] = field(
        default_factory=lambda: each(READS, READS, READS, READS, READS, READS)
    )
    arguments: tuple[str, ...] = ()


ALL_BROKEN = each(BROKEN, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN)
UNSET_UNTIL_2_2 = each(UNSET, UNSET, UNSET, UNSET, READS, READS)

CASES = {
    "version 2": Case(files={"config.toml": lines("version = 2", GRPC, PATH)}),
    "no version, the short name: 2.0 to 2.2 lose it": Case(
        files={"config.toml": lines(SHORT, PATH)},
        expected=each(READS, READS, UNSET, UNSET, READS, READS),
    ),
    "version 1, the short name: likewise": Case(
        files={"config.toml": lines("version = 1", SHORT, PATH)},
        expected=each(READS, READS, UNSET, UNSET, READS, READS),
    ),
    "no version, the name of version 2: only 2.3 reads it": Case(
        files={"config.toml": lines(GRPC, PATH)}, expected=UNSET_UNTIL_2_2
    ),
    "no version, the name of version 3": Case(
        files={"config.toml": lines(IMAGES, PATH)},
        expected=each(UNSET, UNSET, READS, READS, READS, READS),
    ),
    "version 2 with the short name: 1.x does not start": Case(
        files={"config.toml": lines("version = 2", SHORT, PATH)},
        expected=each(BROKEN, BROKEN, UNSET, UNSET, READS, READS),
    ),
    "version 2 with the name of version 3, as AKS has it": Case(
        files={"config.toml": lines("version = 2", IMAGES, PATH)},
        expected=each(UNSET, UNSET, READS, READS, READS, READS),
    ),
    "version 2 with both names: the old one wins": Case(
        files={"config.toml": lines("version = 2", GRPC, PATH, IMAGES, OTHER)}
    ),
    "version 2, the old name without config_path wipes the new one's": Case(
        files={
            "config.toml": lines(
                "version = 2",
                '[plugins."io.containerd.grpc.v1.cri".registry.headers]',
                'X-A = ["b"]',
                IMAGES,
                PATH,
            )
        },
        expected=UNSET_UNTIL_2_2,
    ),
    "version 3": Case(
        files={"config.toml": lines("version = 3", IMAGES, PATH)},
        expected=each(UNSET, BROKEN, READS, READS, READS, READS),
    ),
    "version 3 with the name of version 2": Case(
        files={"config.toml": lines("version = 3", GRPC, PATH)},
        expected=each(READS, BROKEN, UNSET, UNSET, READS, READS),
    ),
    "version 4": Case(
        files={"config.toml": lines("version = 4", IMAGES, PATH)},
        expected=each(UNSET, BROKEN, BROKEN, BROKEN, BROKEN, READS),
    ),
    "version 4 with the name of version 2": Case(
        files={"config.toml": lines("version = 4", GRPC, PATH)},
        expected=each(READS, BROKEN, BROKEN, BROKEN, BROKEN, READS),
    ),
    "nothing set": Case(files={"config.toml": "version = 2\n"}, expected=UNSET_UNTIL_2_2),
    "an empty file": Case(files={"config.toml": ""}, expected=UNSET_UNTIL_2_2),
    "no file": Case(files={}, expected=UNSET_UNTIL_2_2),
    "set to nothing": Case(
        files={"config.toml": lines("version = 2", GRPC, 'config_path = ""')},
        expected=UNSET_UNTIL_2_2,
    ),
    "a colon list": Case(files={"config.toml": lines("version = 2", GRPC, LIST)}),
    "a colon list, pulled locally": Case(
        files={
            "config.toml": lines(
                "version = 2",
                GRPC,
                LIST,
                '[plugins."io.containerd.cri.v1.images"]',
                "use_local_image_pull = true",
            )
        }
    ),
    "a colon list and discarded layers, as EKS has it": Case(
        files={
            "config.toml": lines(
                "version = 2",
                GRPC,
                LIST,
                '[plugins."io.containerd.grpc.v1.cri".containerd]',
                "discard_unpacked_layers = true",
                '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]',
                'runtime_type = "io.containerd.runc.v2"',
            )
        }
    ),
    "slashes, an empty item and a repeated one": Case(
        files={
            "config.toml": lines(
                "version = 2", GRPC, 'config_path = "/etc//registries/::/etc/registries"'
            )
        }
    ),
    "an empty item first": Case(
        files={"config.toml": lines("version = 2", GRPC, 'config_path = ":/etc/registries"')}
    ),
    "one directory, written the long way round": Case(
        files={"config.toml": lines("version = 2", GRPC, 'config_path = "/etc/x/..//registries/."')}
    ),
    "a relative directory": Case(
        files={"config.toml": lines("version = 2", GRPC, 'config_path = "etc/registries"')}
    ),
    "a directory at the top": Case(
        files={"config.toml": lines("version = 2", GRPC, 'config_path = "/registries"')}
    ),
    "mirrors": Case(
        files={
            "config.toml": lines(
                "version = 2",
                '[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]',
                'endpoint = ["https://127.0.0.1:1"]',
            )
        },
        expected=each(MIRRORS, MIRRORS, MIRRORS, MIRRORS, MIRRORS, MIRRORS),
    ),
    "an empty table of mirrors": Case(
        files={
            "config.toml": lines(
                "version = 2", GRPC, PATH, '[plugins."io.containerd.grpc.v1.cri".registry.mirrors]'
            )
        }
    ),
    "certificates by the old way: unknown to 2.0 and later": Case(
        files={
            "config.toml": lines(
                "version = 2",
                '[plugins."io.containerd.grpc.v1.cri".registry.configs."r.example".tls]',
                'ca_file = "/etc/ca.crt"',
            )
        },
        expected=each(MIRRORS, MIRRORS, UNSET, UNSET, READS, READS),
    ),
    "credentials by the old way stand beside config_path": Case(
        files={
            "config.toml": lines(
                "version = 2",
                GRPC,
                PATH,
                '[plugins."io.containerd.grpc.v1.cri".registry.configs."r.example".auth]',
                'username = "u"',
            )
        }
    ),
    "an import overrides": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, OTHER),
            "more.toml": lines(GRPC, PATH),
        }
    ),
    "an import sets it to nothing": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, PATH),
            "more.toml": lines(GRPC, 'config_path = ""'),
        },
        expected=UNSET_UNTIL_2_2,
    ),
    "an import sets something else of the plugin: 1.x forgets the rest": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, PATH),
            "more.toml": lines(
                '[plugins."io.containerd.grpc.v1.cri"]', "max_concurrent_downloads = 3"
            ),
        },
        expected=each(UNSET, UNSET, READS, READS, READS, READS),
    ),
    "imports by a pattern, in order, hidden ones too": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["/etc/containerd/conf.d/*.toml"]'),
            "conf.d/20.toml": lines(GRPC, PATH),
            "conf.d/.10.toml": lines(GRPC, OTHER),
            "conf.d/30.txt": lines(GRPC, OTHER),
        }
    ),
    "imports by a relative pattern: 1.6.20 looks in its working directory": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["conf.d/*.toml"]'),
            "conf.d/20.toml": lines(GRPC, PATH),
        },
        expected=each(UNSET, READS, READS, READS, READS, READS),
    ),
    "imports of imports, in a circle, the nearer ones first": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["a/a.toml", "b.toml"]'),
            "a/a.toml": lines('imports = ["c.toml", "../config.toml"]', GRPC, OTHER),
            "a/c.toml": lines(GRPC, PATH),
            "b.toml": lines(GRPC, OTHER),
        }
    ),
    "an import of version 3 beside version 2": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, OTHER),
            "more.toml": lines("version = 3", IMAGES, PATH),
        },
        expected=each(READS, BROKEN, READS, READS, READS, READS),
    ),
    "an import of version 3 that says nothing of it": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, PATH),
            "more.toml": lines("version = 3", IMAGES),
        },
        expected=each(READS, BROKEN, UNSET, UNSET, READS, READS),
    ),
    "an import of version 1 beside version 2: 1.x then looks for short names": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, OTHER),
            "more.toml": lines("version = 1", SHORT, PATH),
        }
    ),
    "an import that is not there": Case(
        files={"config.toml": lines("version = 2", 'imports = ["no.toml"]', GRPC, PATH)},
        expected=ALL_BROKEN,
    ),
    "a pattern that matches nothing": Case(
        files={"config.toml": lines("version = 2", 'imports = ["/etc/no/*.toml"]', GRPC, PATH)}
    ),
    "no TOML": Case(files={"config.toml": lines("version = 2", "[plugins")}, expected=ALL_BROKEN),
    "a wrong type": Case(
        files={"config.toml": lines("version = 2", "imports = 3")}, expected=ALL_BROKEN
    ),
    "another file, by the command line": Case(
        files={
            "config.toml": lines("version = 2", GRPC, OTHER),
            "mine/config.toml": lines("version = 2", 'imports = ["more.toml"]'),
            "mine/more.toml": lines(GRPC, PATH),
        },
        arguments=("--config=/etc/containerd/mine/config.toml",),
    ),
    "lines that end as on Windows": Case(
        files={"config.toml": lines("version = 2", GRPC, PATH).replace("\n", "\r\n")}
    ),
    "a byte order mark: 2.x does not start": Case(
        files={"config.toml": "\ufeff" + lines("version = 2", GRPC, PATH)},
        expected=each(READS, READS, BROKEN, BROKEN, BROKEN, BROKEN),
    ),
}
