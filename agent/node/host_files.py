"""The node's per-registry directories: read them, and carry out the steps of a plan on them.

Every path is opened name by name from the host's root (host_root), so that no link planted below
a base leads a write elsewhere. A host's directory appears and disappears whole, by one rename
(leftovers), and each file in it changes whole, by another (durable); what is durable is durable
before the method returns. So whoever looks, at any moment and after any crash, finds the old or
the new.

Only plain files named in `OUR_FILES` are ever written or deleted; links, fifos, directories and
oversized files under those names are somebody else's.
"""

import errno
import os
from collections.abc import Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from agent.errors import NodeTrouble, Problem, Reason
from agent.node.durable import (
    PUBLIC_FILE_MODE,
    is_link,
    is_plain,
    look,
    names_in,
    read_file,
    refusal,
    rename_to_free_name,
    replace_file,
    signature_at,
    unlink,
    write_new_file,
)
from agent.node.host_root import PUBLIC_FOLDER_MODE, HostRoot, child
from agent.node.leftovers import (
    HALF_MADE_FILES,
    clear,
    is_leftover,
    new_name,
    old_name,
    sweep,
)
from agent.node.node_trouble import node_trouble
from agent.planning.model import OUR_FILES, Blocked, Folder, Found, FoundFolder, Missing
from agent.planning.steps import (
    CreateFolder,
    RemoveDropIn,
    RemoveEmptyFolder,
    RemoveFolder,
    ReplaceFile,
    WriteDropIn,
)

MAX_FILE_BYTES = 1024 * 1024
"""More than this is no file of ours: a trust bundle comes out of an object of at most 1 MiB."""


class HostFiles:
    """The port `HostFiles`. Where not told otherwise, a refusal of the node is a NodeTrouble."""

    def __init__(self, host_root: Path) -> None:
        self._root = HostRoot(host_root)

    def names(self, folder: Folder) -> tuple[str, ...]:
        """Sorted names in a folder, without our own half-made ones; empty when it is missing."""
        with _trouble(folder, "listing it"), self._root.find(folder) as place:
            if place.missing:
                return ()
            with child(place.fd, ".") as fd:
                return tuple(name for name in names_in(fd) if not is_leftover(name))

    def read(self, folder: Folder) -> Found:
        """What stands at a folder's place; Blocked if it is a link, no directory, or unreadable."""
        try:
            with _trouble(folder, "reading it"), self._root.find(folder) as place:
                if place.missing:
                    return Missing()
                with child(place.fd, ".") as fd:
                    return _contents(fd)
        except NodeTrouble as trouble:
            return Blocked(reason=trouble.problem.reason, detail=trouble.problem.detail)

    def missing(self, folder: Folder) -> tuple[Folder, ...]:
        """The folders that would have to be made for this one to exist, outermost first.

        They are named as `HostRoot.missing` says; the last is the folder itself.
        """
        with _trouble(folder, "looking for it"):
            return self._root.missing(folder)

    def signature(self, folder: Folder) -> Hashable:
        """Something that changes when the folder or a file of ours in it does; never raises."""
        try:
            with self._root.find(folder) as place:
                files = (signature_at(place.fd, name) for name in OUR_FILES)
                return (place.missing, signature_at(place.fd, "."), *files)
        except OSError as error:
            return error.errno

    def check_linked(self, folder: Folder) -> None:
        """Raise NodeTrouble (unlinked) if the innermost directory on the way was deleted.

        A mount keeps showing a directory that the node has deleted and perhaps made anew; what
        is written there is seen by nobody. Its link count is 0.
        """
        with _trouble(folder, "looking for it"), self._root.find(folder) as place:
            if os.fstat(place.fd).st_nlink == 0:
                detail = "the directory we see here was deleted on the node"
                raise NodeTrouble(Problem(reason=Reason.UNLINKED, where=place.path, detail=detail))

    def sweep(self, folder: Folder) -> Mapping[Folder, Problem]:
        """Delete what an interrupted step of ours left in a root and in the directories in it.

        Returns what was refused, by directory: one that refuses keeps no other from being cleared.
        """
        refused: dict[Folder, Problem] = {}
        with _noted(refused, folder), self._root.find(folder) as place:
            if not place.missing:
                with child(place.fd, ".") as fd:
                    for name in names_in(fd):
                        with _noted(refused, folder.child(name)):
                            sweep(fd, name)
        return refused

    def create_folder(self, step: CreateFolder) -> None:
        """Build beside, rename in, durably; host-taken if anything stands there, however empty."""
        folder = step.folder
        with _trouble(folder, "creating it"):
            with self._root.find(folder) as place:
                if not place.missing:
                    raise refusal(errno.EEXIST, folder.name)
            with self._root.make(folder.parent) as parent:
                _build(parent, step)

    def replace_file(self, step: ReplaceFile) -> None:
        """Replace, or add, one file, durably; symlink-refused or host-taken if it is not plain."""
        with (
            _trouble(step.folder, f"writing {step.name}"),
            self._root.open(step.folder) as fd,
        ):
            replace_file(fd, step.name, step.content, mode=PUBLIC_FILE_MODE, limit=MAX_FILE_BYTES)

    def write_drop_in(self, step: WriteDropIn) -> None:
        """Like `replace_file`, in a directory that is made where it is missing."""
        with (
            _trouble(step.folder, f"writing {step.name}"),
            self._root.make(step.folder) as fd,
        ):
            replace_file(fd, step.name, step.content, mode=PUBLIC_FILE_MODE, limit=MAX_FILE_BYTES)

    def remove_drop_in(self, step: RemoveDropIn) -> None:
        """Delete one file, durably; what is missing or is not plain is left without a word."""
        with _trouble(step.folder, f"removing {step.name}"), self._root.find(step.folder) as place:
            if place.missing:
                return
            with child(place.fd, ".") as fd:
                _delete_in_place(fd, (step.name,))

    def remove_folder(self, step: RemoveFolder) -> None:
        """Take a directory out with its files, durably; what is missing already is fine.

        With other things in it, the files of ours are deleted in place, hosts.toml first, so that
        it never names a CA file that is gone.
        """
        folder = step.folder
        with _trouble(folder, "removing it"), self._root.find(folder) as place:
            if place.missing:
                return
            with self._root.open(folder.parent) as parent, child(place.fd, ".") as fd:
                if all(_is_ours(fd, name, step.names) for name in names_in(fd)):
                    _take_out(parent, folder.name)
                else:
                    _delete_in_place(fd, step.names)

    def remove_empty_folder(self, step: RemoveEmptyFolder) -> None:
        """Delete it if it is an empty directory; leave it without a word if it is not."""
        with _trouble(step.folder, "removing it"):
            self._root.remove_empty(step.folder)


def _trouble(folder: Folder, doing: str) -> AbstractContextManager[None]:
    return node_trouble(where=folder.path, doing=doing)


@contextmanager
def _noted(refused: dict[Folder, Problem], folder: Folder) -> Iterator[None]:
    try:
        with _trouble(folder, "clearing leftovers in it"):
            yield
    except NodeTrouble as trouble:
        refused[folder] = trouble.problem


def _contents(fd: int) -> FoundFolder:
    files: dict[str, bytes] = {}
    others: list[str] = []
    for name in names_in(fd):
        content = read_file(fd, name, limit=MAX_FILE_BYTES) if name in OUR_FILES else None
        if content is not None:
            files[name] = content
        elif name not in HALF_MADE_FILES:
            others.append(name)
    links = tuple(name for name in OUR_FILES if name in others and is_link(fd, name))
    return FoundFolder(files=files, others=tuple(others), links=links)


def _build(parent: int, step: CreateFolder) -> None:
    new = new_name(step.folder.name)
    clear(parent, new)
    try:
        os.mkdir(new, PUBLIC_FOLDER_MODE, dir_fd=parent)
        with child(parent, new) as fd:
            os.fchmod(fd, PUBLIC_FOLDER_MODE)
            for name, content in step.files:
                write_new_file(fd, name, content, mode=PUBLIC_FILE_MODE)
            os.fsync(fd)
        rename_to_free_name(parent, new, step.folder.name)
    except OSError:
        with suppress(OSError):
            clear(parent, new)
        raise


def _is_ours(fd: int, name: str, names: tuple[str, ...]) -> bool:
    info = look(fd, name)
    is_file = info is None or is_plain(info, limit=MAX_FILE_BYTES)
    return is_file and (name in names or name in HALF_MADE_FILES)


def _take_out(parent: int, name: str) -> None:
    old = old_name(name)
    clear(parent, old)
    rename_to_free_name(parent, name, old)
    if not clear(parent, old):
        # Somebody put a file into it in this moment: it goes back to where they put it.
        rename_to_free_name(parent, old, name)
    os.fsync(parent)


def _delete_in_place(fd: int, names: tuple[str, ...]) -> None:
    for name in (*HALF_MADE_FILES, *OUR_FILES):
        if _is_ours(fd, name, names):
            unlink(fd, name)
            os.fsync(fd)
