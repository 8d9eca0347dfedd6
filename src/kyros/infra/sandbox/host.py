"""What every program gets to see of this host: the system's folders, and of /etc what programs need."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kyros.infra.files import replace_file
from kyros.infra.sandbox.confinement import Kind, Mount

_FOLDERS = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt", "nix")
_ETC = (
    "alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "crypto-policies",
    "debian_version", "fonts", "gai.conf", "host.conf", "hosts", "inputrc", "java", "ld.so.cache",
    "ld.so.conf", "ld.so.conf.d", "locale.alias", "locale.conf", "localtime", "lsb-release", "magic",
    "mime.types", "networks", "nsswitch.conf", "os-release", "perl", "pki", "profile", "protocols",
    "python3", "resolv.conf", "rpc", "services", "ssl", "static", "terminfo", "timezone", "xattr.conf",
)  # fmt: skip
"""No passwords, keys, machine's id, or programs' own settings, which may hold tokens."""
SECRETS = (
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".pgpass", ".git-credentials",
    ".npmrc", ".pypirc", ".cargo/credentials", ".cargo/credentials.toml", ".config/gcloud", ".config/gh",
    ".config/hub", ".config/glab-cli", ".config/git/credentials", ".config/containers",
    ".config/google-chrome", ".config/chromium", ".mozilla", ".password-store", ".local/share/keyrings",
    ".bash_history", ".zsh_history", ".terraform.d", ".vault-token", ".config/op", ".config/rclone",
    ".gem/credentials", ".m2/settings.xml",
)  # fmt: skip
"""Below a home: masked wherever that home is lent or lies in something readable."""
CERTIFICATES = (
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
)  # fmt: skip
"""Variables that name files a program must be able to read."""


def system() -> list[Mount]:
    """The system's folders, as links where this host has links (/bin to usr/bin), and a part of /etc."""
    mounts = []
    for name in _FOLDERS:
        place = Path("/") / name
        if place.is_symlink():
            mounts.append(Mount(Kind.LINK, place, place.readlink()))
        elif place.is_dir():
            mounts.append(read_only(place))
    etc = (Path("/etc") / name for name in _ETC)
    return [*mounts, *(read_only(place) for place in etc if place.exists())]  # a link's file, in its place


def read_only(place: Path) -> Mount:
    return Mount(Kind.READ, place, place)


def account(folder: Path, home: Path, user: tuple[int, int]) -> list[Mount]:
    """/etc/passwd and /etc/group with the one user there is inside; written to `folder`."""
    uid, gid = user
    nobody = "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    texts = {
        "passwd": f"agent:x:{uid}:{gid}:agent:{home}:/bin/sh\n{nobody}",
        "group": f"agent:x:{gid}:\nnogroup:x:65534:\n",
    }
    for name, text in texts.items():
        if not (folder / name).exists() or (folder / name).read_text() != text:
            replace_file(folder / name, text.encode())
    return [Mount(Kind.READ, Path("/etc") / name, folder / name) for name in texts]


def readable(folders: Iterable[Path], system: Sequence[Mount]) -> list[Mount]:
    """Mounts of what is there and is not part of another, or of the system."""
    taken = [mount.place for mount in system]
    for folder in sorted({one for one in folders if one.exists()}, key=lambda one: len(one.parts)):
        if not any(folder.is_relative_to(place) for place in taken):
            taken.append(folder)
    return [read_only(folder) for folder in taken[len(system) :]]


def emptied(folders: Iterable[Path], shown: Sequence[Mount]) -> list[Mount]:
    """Mounts over folders, whatever they lie in: where they really are, and under each name shown."""
    real = {folder.resolve() for folder in folders if folder.is_dir()}
    places = real | {place / below for _, place, below in _shown(real, shown)}
    return [Mount(Kind.EMPTY, place) for place in sorted(places)]


def masks(hidden: Iterable[Path], shown: Sequence[Mount]) -> list[Mount]:
    """Mounts over what lies in something shown, under each name it has there: an empty folder or file."""
    real = {path.resolve() for path in hidden if path.exists()}
    return [
        Mount(Kind.EMPTY, place / below)
        if path.is_dir()
        else Mount(Kind.READ, place / below, Path(os.devnull))
        for path, place, below in _shown(real, shown)
        if below.parts  # what is shown by its own name is wanted
    ]


def _shown(real: Iterable[Path], shown: Iterable[Mount]) -> Iterator[tuple[Path, Path, Path]]:
    """Each path that lies in something shown, the place it is shown at, and the path below that."""
    for mount in shown:
        if mount.kind not in (Kind.READ, Kind.WRITE) or mount.source is None:
            continue
        source = mount.source.resolve()
        for path in sorted(real):
            if path.is_relative_to(source):
                yield path, mount.place, path.relative_to(source)
