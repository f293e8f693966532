"""What somebody else may lay beside our drop-in: files that CRI-O takes, and that it refuses."""

from tests.realnode.crio_ground import entry
from tests.realnode.scene import ADDRESS, HOST

OURS = f"{ADDRESS}:443"
MIRROR = f'[[registry.mirror]]\nlocation = "{OURS}"\n'

ACCEPTED = {
    "nothing": "",
    "our place, unverified": entry("other.example", location=OURS) + "insecure = true\n",
    "our place, blocked": entry("other.example", location=OURS) + "blocked = true\n",
    "our place, by its own name": f'[[registry]]\nlocation = "{OURS}"\ninsecure = true\n',
    "our place as a mirror": entry("other.example") + MIRROR + 'pull-from-mirror = "digest-only"\n',
    "an unverified mirror": entry("other.example") + MIRROR + "insecure = true\n",
    "mirrors for digests": f"{entry('other.example')}mirror-by-digest-only = true\n{MIRROR}",
    "a wildcard over us": f'[[registry]]\nprefix = "*.{HOST.partition(".")[2]}"\ninsecure = true\n',
    "a part of us": entry(f"{HOST}/elsewhere"),
    "an empty prefix": '[[registry]]\nprefix = ""\nlocation = "other.example"\n',
    "the same prefix twice": entry("other.example") + entry("other.example"),
    "registries to search": 'unqualified-search-registries = ["docker.io", "a-b.example:5000/"]\n',
    "a mode of short names": 'short-name-mode = "enforcing"\n',
    "keys that nobody knows": "[extra]\nkey = 5\n",
    "a slash at the end": entry("other.example/", location=f"{OURS}/"),
}
REFUSED = {
    "no TOML": "[[registry\n",
    "one registry": '[registry]\nlocation = "a.example"\n',
    "a registry without a name": "[[registry]]\ninsecure = true\n",
    "a prefix without a location": '[[registry]]\nprefix = "a.example"\n',
    "a scheme in the location": entry("a.example", location="https://b.example"),
    "a scheme in the prefix": entry("http://a.example", location="b.example"),
    "a wildcard with a path": '[[registry]]\nprefix = "*.a.example/b"\n',
    "a location that is no text": '[[registry]]\nprefix = "a.example"\nlocation = 5\n',
    "a flag that is none": entry("a.example") + 'insecure = "yes"\n',
    "one place, verified and not": entry("a.example") + entry("b.example") + "insecure = true\n",
    "one place, blocked and not": entry("a.example") + entry("b.example") + "blocked = true\n",
    "how to use it as a mirror": entry("a.example") + 'pull-from-mirror = "all"\n',
    "a mirror without a location": entry("a.example") + "[[registry.mirror]]\ninsecure = true\n",
    "a mirror's use that is none": f'{entry("a.example")}{MIRROR}pull-from-mirror = "some"\n',
    "a mirror's use said twice": (
        f'{entry("a.example")}mirror-by-digest-only = true\n{MIRROR}pull-from-mirror = "all"\n'
    ),
    "one mirror": f'{entry("a.example")}[registry.mirror]\nlocation = "b.example"\n',
    "no name to search": 'unqualified-search-registries = ["a.example/b"]\n',
    "a mode that is none": 'short-name-mode = "some"\n',
    "version 1": '[registries.search]\nregistries = ["docker.io"]\n',
}
