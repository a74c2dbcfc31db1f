"""Finished runs as archives at a URI, for machines that share no folder.

Each run is one `.tar` whose name ends with the digest of its content, so that an incomplete upload is never taken for a
run, and two uploads of one run do not mix. Nothing rests on renaming, which object stores lack.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import uuid
from pathlib import Path
from typing import Any

from keras_vae._utils.files import PARTIAL_PREFIX, translated_errors
from keras_vae.errors import InputError
from keras_vae.runs import run_data
from keras_vae.runs.config import Config
from keras_vae.runs.folder import Run

SUFFIX = ".tar"
DIGEST_CHARACTERS = 16
ADVICE = "give the URI of a folder, such as file:///mnt/runs or s3://bucket/runs, that all machines can write to"


class Storage:
    """Archives of finished runs below a URI, through fsspec or, for a protocol it lacks, through Arrow.

    Args:
        uri: of a folder.

    Raises:
        InputError: if the URI is of no known protocol.
    """

    def __init__(self, uri: str):
        self.uri = uri
        self._system, self._root = _file_system(uri)

    def check(self) -> None:
        """Checks that archives can be written, listed, read and deleted.

        Raises:
            InputError: if they can't.
        """
        probe = f"{self._root}/{PARTIAL_PREFIX}{uuid.uuid4().hex}"
        try:
            self._system.makedirs(self._root, exist_ok=True)
            self._system.pipe_file(probe, b"probe")
            found = self._system.cat_file(probe)
            self._system.rm_file(probe)
        except Exception as error:  # of any client library
            raise InputError(
                f"storage: expected a URI that can be written; {self.uri} refuses ({_first_line(error)}); {ADVICE}."
            ) from error
        if found != b"probe":
            raise InputError(f"storage: expected a URI that returns what was written; {self.uri} does not; {ADVICE}.")

    def archives(self) -> list[str]:
        """Names of all archives."""
        self._system.invalidate_cache()
        try:
            paths = self._system.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rsplit("/", 1)[-1] for path in paths if path.endswith(SUFFIX))

    def save(self, folder: Path, name: str) -> str:
        """Writes the archive of a finished run.

        Args:
            folder: of the run.
            name: of the run, see `archive_name`.

        Returns:
            The name of the archive.
        """
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                archive.add(folder, ".", filter=_complete_files)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_CHARACTERS]
            file.seek(0)
            path = f"{name}.{digest}{SUFFIX}"
            with self._system.open(f"{self._root}/{path}", "wb") as target:
                shutil.copyfileobj(file, target, 1 << 20)
        return path

    def restore(self, archive: str, folder: Path, dataset: str) -> bool:
        """Writes the run of an archive to a folder, atomically.

        Args:
            archive: its name.
            folder: of the run; what is there is replaced.
            dataset: the data set's name or path on this machine.

        Returns:
            Whether the archive is complete; otherwise nothing is written.
        """
        content = self._system.cat_file(f"{self._root}/{archive}")
        digest = hashlib.sha256(content).hexdigest()[:DIGEST_CHARACTERS]
        if not archive.endswith(f".{digest}{SUFFIX}"):
            return False
        partial = folder.with_name(f"{PARTIAL_PREFIX}{folder.name}.{uuid.uuid4().hex[:12]}")
        with translated_errors(folder):
            with tarfile.open(fileobj=io.BytesIO(content)) as opened:
                opened.extractall(partial, filter="data")
            _set_data_path(Run(partial), dataset)
            if os.path.lexists(folder):
                shutil.rmtree(folder)
            os.rename(partial, folder)
        return True


def archive_name(folder_name: str, config: Config, digest: str) -> str:
    """The name of a run's archive without the digest of its content: the run's, with a digest of what defines it.

    Args:
        folder_name: name of the run's folder.
        config: of the run.
        digest: of the data set.
    """
    defined = json.dumps([config.model_dump(), digest], sort_keys=True)
    return f"{folder_name}.{hashlib.sha256(defined.encode()).hexdigest()[:DIGEST_CHARACTERS]}"


def _file_system(uri: str) -> tuple[Any, str]:
    """A file system as fsspec defines them, and the path of the URI in it."""
    import fsspec

    if "://" not in uri:
        raise InputError(f"storage: expected a URI with a protocol; received {uri!r}; {ADVICE}.")
    try:
        system, root = fsspec.core.url_to_fs(uri)
    except Exception as error:  # ImportError: fsspec knows the protocol, but its client is not installed
        with contextlib.suppress(Exception):
            return _arrow_file_system(uri)
        raise InputError(
            f"storage: expected a URI of a protocol that fsspec or Arrow knows; received {uri!r} "
            f"({_first_line(error)}); {ADVICE}."
        ) from error
    return system, root.rstrip("/")


def _arrow_file_system(uri: str) -> tuple[Any, str]:
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import FileSystem

    system, root = FileSystem.from_uri(uri)
    return ArrowFSWrapper(system), root.rstrip("/")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _complete_files(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leaves out incomplete files, and whose files they are."""
    if Path(member.name).name.startswith(PARTIAL_PREFIX):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _set_data_path(run: Run, dataset: str) -> None:
    """Writes the relative path of the data set's file as it is on this machine."""
    content = run.config
    path = run_data.relative_path(dataset, run.path)
    content["dataset"].pop("path", None)
    if path is not None:
        content["dataset"]["path"] = path
    run.write_json("config.json", content)
