"""Find a data file: the folder LSTM_DATA names, the user's cache, then the network.

Always verified. A file that fails its check is never used. In our own cache it is
deleted; in the user's folder it is left where it is and named in the error. Downloads
are pooch's: retried, checked, and moved into place whole.
"""

import gzip
import hashlib
import importlib.util
import os
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

CONNECT, READ = 5, 60  # seconds to wait for a host to answer, and for its next bytes


class DataError(RuntimeError):
    """A data file cannot be had, or is not the file it should be."""


class DataNotFoundError(DataError):
    """No verified copy of a data file in any of the places looked in."""


@dataclass(frozen=True)
class Source:
    """Where one file comes from, and the two hashes that prove it."""

    name: str  # its path below LSTM_DATA and below the cache
    urls: tuple[str, ...]  # tried in order
    download: str  # "algorithm:hash" of the bytes as they travel
    sha256: str  # of the content, unpacked if the name ends in .gz


def cache_folder():
    """The folder that downloads are kept in: the system's cache, below lstm-book."""
    return Path(_pooch().os_cache("lstm-book"))


def content(path):
    """The bytes of a file, unpacked if its name ends in .gz.

    Raises DataError if it is truncated or altered; OSError if it cannot be read at all.
    """
    data = Path(path).read_bytes()
    try:
        return gzip.decompress(data) if Path(path).suffix == ".gz" else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is truncated or altered: {error}") from error


def verify(path, source):
    """Raise DataError unless the file's content has the hash that the source names."""
    found = hashlib.sha256(content(path)).hexdigest()
    if found != source.sha256:
        raise DataError(
            f"{path} is not the file it should be: its content has SHA-256 "
            f"{found[:16]}…, expected {source.sha256[:16]}…"
        )


def find(source):
    """Return the path of a verified copy of the file, fetching it if need be.

    Raises DataError if LSTM_DATA holds an altered file or names no folder;
    DataNotFoundError if there is no copy at all: the message names the three ways to
    provide one. LSTM_DATA=none looks nowhere.
    """
    if os.environ.get("LSTM_DATA") == "none":
        raise DataNotFoundError("LSTM_DATA is 'none': no data are looked for")
    path = _in_folder(source)
    if path:
        return path
    failures = []
    path = _in_cache(source, failures)
    if path:
        return path
    for url in source.urls:
        try:
            return _fetch(source, url)
        # requests' errors are OSErrors, pooch's for a wrong hash is a ValueError
        except (OSError, ValueError, ImportError, DataError) as error:
            failures.append(f"{url}: {type(error).__name__}: {str(error)[:120]}")
    raise DataNotFoundError(
        f"no verified copy of {source.name} is here, and none could be fetched.\n"
        "Three ways to provide it:\n"
        f"  1. set LSTM_DATA to a folder that holds {source.name}\n"
        f"  2. put the file at {cache_folder() / source.name}\n"
        "  3. connect to the network and try again; just now:\n"
        + "\n".join(f"     {failure}" for failure in failures)
    )


def _in_folder(source):
    name = os.environ.get("LSTM_DATA")
    if not name:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise DataError(f"LSTM_DATA names {name!r}, which is not a folder")
    path = folder / source.name
    if not path.exists():
        return None
    try:
        verify(path, source)
    except DataError as error:
        raise DataError(
            f"{error}. It was left as it is: replace it, or unset LSTM_DATA"
        ) from error
    return path


def _in_cache(source, failures):
    path = cache_folder() / source.name
    if not path.exists():
        return None
    try:
        verify(path, source)
    except DataError as error:
        path.unlink()
        failures.append(f"{error}; it was removed")
        return None
    return path


def _fetch(source, url):
    pooch = _pooch()
    keeper = pooch.create(
        path=cache_folder(),
        base_url="",
        registry={source.name: source.download},
        urls={source.name: url},
        retry_if_failed=1,
    )
    wanted = os.environ.get("TQDM_DISABLE", "") in ("", "0")
    progress = wanted and importlib.util.find_spec("tqdm") is not None
    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=(CONNECT, READ))
    path = Path(keeper.fetch(source.name, downloader=downloader))
    try:
        verify(path, source)
    except DataError:
        path.unlink()
        raise
    return path


def _pooch():
    with warnings.catch_warnings():
        # tqdm warns where a notebook has no widgets; its plain bar will do
        warnings.simplefilter("ignore")
        try:
            import pooch
        except ModuleNotFoundError as error:
            raise DataNotFoundError(
                "pooch, which keeps and fetches data, is missing; "
                "run: pip install pooch"
            ) from error
    pooch.get_logger().setLevel("WARNING")
    return pooch
