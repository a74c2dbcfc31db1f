"""Reader of folders of PNG, JPEG and WebP images, whose subfolders are labels."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_vae._utils import memory
from keras_vae._utils.foreign_text import cleaned
from keras_vae._utils.progress import ProgressReporter
from keras_vae._utils.readers import reason
from keras_vae.data import folder_cache, image_files
from keras_vae.data.image_files import SUFFIXES, Header
from keras_vae.data.raw_data import RawData
from keras_vae.errors import DamagedFileError, InputError

PARTS = ("train", "test")  # subfolders that give the split
MAX_THREADS = 8
FILES_AT_A_TIME = 512


class ImageFile(NamedTuple):
    """An image of a folder.

    Attributes:
        path: the file.
        label: name of the subfolder that it is in; None without subfolders.
        is_test: whether it is in a folder `test`; None without folders `train` and `test`.
    """

    path: Path
    label: str | None
    is_test: bool | None


class Form(NamedTuple):
    """The form in which all images of a folder are decoded.

    Attributes:
        size: (width, height) in pixels.
        gray: whether they have grey values, not colours.
        steps: what is done to the images, a phrase each.
    """

    size: tuple[int, int]
    gray: bool
    steps: tuple[str, ...]


def read(
    path: Path,
    size: int | None = None,
    gray: bool = False,
    skip_damaged: bool = False,
    cache: Path | None = None,
    progress: ProgressReporter | None = None,
) -> RawData:
    """Reads the images of a folder.

    Args:
        path: a folder of images; of subfolders, whose names are the labels; or of two folders `train` and `test` of
            either kind.
        size: height and width in pixels, see `image_files.read`; None for images that are all of one size.
        gray: whether colours become grey values. Images that all lack colours are grey in any case.
        skip_damaged: whether damaged images are left out and counted.
        cache: folder that keeps the decoded images, or None.
        progress: shows a bar; by default one on a terminal.

    Raises:
        InputError: if there is no such folder, it holds no images, or they differ in size.
        DamagedFileError: if an image can't be decoded; the message names its path.
    """
    try:
        files = list_images(path)
    except OSError as error:
        raise DamagedFileError(
            path, f"expected a readable folder ({reason(error)})", "change its permissions"
        ) from error
    progress = progress or ProgressReporter()
    key = folder_cache.key([file.path for file in files], path, [size, gray, skip_damaged])
    place = None if cache is None else cache / f"{path.resolve().name}-{key}"
    found = None if place is None else folder_cache.read(place)
    if found is None:
        found = _decode(files, path, size, gray, skip_damaged, place, progress)
    kept = [files[i] for i in found.kept]
    arrays: dict = {"x": found.x}
    if kept[0].label is not None:
        arrays["y"] = np.array([file.label for file in kept])
    if kept[0].is_test is not None:
        arrays["is_test"] = np.array([file.is_test for file in kept])
    names = tuple(cleaned(file.path.relative_to(path).as_posix()) for file in kept)
    return RawData(arrays, keys=found.keys, steps=found.steps, damaged=len(files) - len(kept), names=names)


def list_images(folder: Path) -> list[ImageFile]:
    """The images of a folder in the order of their paths, with their labels.

    Raises:
        InputError: if there is no such folder, a part of it is empty, or its layout is ambiguous.
    """
    if not folder.is_dir():
        received = "a file" if folder.exists() else "none"
        raise InputError(f"{folder}: expected a folder of images; there is {received}; pass the path of a folder.")
    subfolders = _subfolders(folder)
    names = {path.name for path in subfolders}
    if not names & set(PARTS):
        return [ImageFile(path, label, None) for path, label in _labelled(folder)]
    if names != set(PARTS) or any(_is_image(path) for path in folder.iterdir()):
        others = ", ".join(sorted(names))
        raise InputError(
            f"{folder}: expected the folders train and test alone; received {cleaned(others)}; move the images, or "
            "rename the folders if they are labels."
        )
    parts = [(folder / part, part == "test") for part in PARTS]
    found = [ImageFile(path, label, is_test) for part, is_test in parts for path, label in _labelled(part)]
    if len({file.label is None for file in found}) > 1:
        raise InputError(
            f"{folder}: expected subfolders, which are labels, in both train and test, or in neither; received them in "
            "one; move the images."
        )
    return found


def _labelled(folder: Path) -> list[tuple[Path, str | None]]:
    """The images below a folder, with the names of its subfolders as labels."""
    here = [(path, None) for path in sorted(folder.iterdir()) if _is_image(path)]
    by_class = {sub: _images_below(sub) for sub in _subfolders(folder)}
    if here and any(by_class.values()):
        raise InputError(
            f"{folder}: expected images either in the folder or in its subfolders, which are labels; received both, "
            f"such as {here[0][0].name}; move them."
        )
    if here:
        return list(here)
    empty = [sub for sub, images in by_class.items() if not images]
    if not by_class or len(empty) == len(by_class):
        n_other = sum(len(files) for _, _, files in os.walk(folder))
        others = f"{n_other} other files" if n_other else "no files"
        raise InputError(f"{folder}: expected images, {', '.join(SUFFIXES)}; received {others}; pass one with images.")
    if empty:
        raise InputError(f"{empty[0]}: expected images of the class {empty[0].name}; received none; delete the folder.")
    return [(path, sub.name) for sub, images in by_class.items() for path in images]


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_image(path: Path) -> bool:
    # Names with a point in front are those of files that systems add.
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not path.is_dir()


def _images_below(folder: Path) -> list[Path]:
    """The images in a folder and in all folders below it, links included."""
    found: list[Path] = []
    entered: set[str] = set()

    def refuse(error: OSError) -> None:
        raise error

    for inner, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real, outer = os.path.realpath(inner), os.path.realpath(os.path.dirname(inner))
        if real in entered or f"{outer}{os.sep}".startswith(f"{real}{os.sep}".replace(os.sep * 2, os.sep)):
            raise InputError(
                f"{inner}: expected every folder once; it is a link to one that contains it or was read; delete it."
            )
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [path for path in (Path(inner, name) for name in sorted(files)) if _is_image(path)]
    return found


def _decode(
    files: Sequence[ImageFile],
    folder: Path,
    size: int | None,
    gray: bool,
    skip_damaged: bool,
    place: Path | None,
    progress: ProgressReporter,
) -> folder_cache.Decoded:
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        headers = list(_each(pool, image_files.read_header, [file.path for file in files], skip_damaged))
        readable = [i for i, header in enumerate(headers) if header is not None]
        if not readable:
            raise InputError(f"{folder}: expected images; all {len(files)} are damaged; pass a folder with images.")
        form = _form({files[i].path: headers[i] for i in readable}, folder, size, gray)
        shape = form.size[::-1] if form.gray else (*form.size[::-1], 3)
        if place is None:
            _check_memory(len(readable) * math.prod(shape), folder)

        def content(file: Path) -> image_files.Content:
            return image_files.read(file, form.size, form.gray)

        paths = [files[i].path for i in readable]
        tracked = progress.track(paths, f"Reading {cleaned(folder.name)}", len(paths))
        contents = _each(pool, content, tracked, skip_damaged)
        decoded = ((i, found) for i, found in zip(readable, contents, strict=True) if found is not None)
        return folder_cache.collect(decoded, len(paths), shape, form.steps, place, folder)


def _each(pool: ThreadPoolExecutor, function, paths: Iterable[Path], skip_damaged: bool) -> Iterator:
    """The function's results in order, for some files at a time; None for a damaged file that is skipped."""

    def guarded(path: Path):
        try:
            return function(path)
        except DamagedFileError:
            if not skip_damaged:
                raise
            return None

    waiting = iter(paths)
    while chunk := [path for _, path in zip(range(FILES_AT_A_TIME), waiting, strict=False)]:
        yield from pool.map(guarded, chunk)


def _form(headers: dict[Path, Header], folder: Path, size: int | None, gray: bool) -> Form:
    """The form of the decoded images; refuses images of several sizes without `size`."""
    sizes = Counter(header.size for header in headers.values())
    (width, height), _ = sizes.most_common(1)[0]
    if size is None and len(sizes) > 1:
        other, header = next((path, header) for path, header in headers.items() if header.size != (width, height))
        raise InputError(
            f"{folder}: expected images of one size; received {width} × {height} and others, such as {other} with "
            f"{header.size[0]} × {header.size[1]}; choose a size for all, size=64."
        )
    all_gray = all(header.gray for header in headers.values())
    steps = ["EXIF orientation applied, transparency flattened on white"]
    if gray and not all_gray:
        steps.append("colours converted to grey values (ITU-R 601-2)")
    if size is not None and set(sizes) != {(size, size)}:
        steps.append(f"largest centred square cropped and resized to {size} × {size} pixels (bicubic)")
        width = height = size
    return Form((width, height), gray or all_gray, tuple(steps))


def _check_memory(needed: int, folder: Path) -> None:
    limit = memory.available_bytes()
    if limit is not None and needed > limit:
        raise InputError(
            f"{folder}: expected images that fit into memory; they need {needed / 1e9:.1f} GB, and {limit / 1e9:.1f} "
            "GB are free; choose a smaller size."
        )
