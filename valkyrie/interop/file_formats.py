"""Which format and which compression a file has: by its extension, or as the caller says."""

from __future__ import annotations

from dataclasses import dataclass

from valkyrie.errors import ArgumentError

__all__ = ["FORMATS", "STANDARD_STREAM", "FileFormat", "file_format"]

STANDARD_STREAM = "-"
"""As a path: standard input or standard output."""

EXTENSIONS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrow",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
FORMATS = ("csv", "tsv", "parquet", "arrow", "ndjson")


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format, the compression around it, and for Arrow whether it is the stream form."""

    name: str
    compression: str | None = None
    stream: bool = False

    @property
    def delimited(self) -> bool:
        """True for CSV and TSV: values are text until they are given a type."""
        return self.name in ("csv", "tsv")

    @property
    def delimiter(self) -> str:
        """The character between two values of a line."""
        return "\t" if self.name == "tsv" else ","

    @property
    def binary(self) -> bool:
        """True where the file itself says the type of every column."""
        return self.name in ("parquet", "arrow")


def file_format(path: str, given: str | None = None, *, argument: str = "source") -> FileFormat:
    """Format of a path.

    Parameters
    ----------
    path : str
        A path, or ``-`` for a standard stream (then `given` is needed).
    given : str, optional
        One of ``FORMATS``; wins over the extension. The compression is always told by the extension.
    argument : str
        What the caller calls the path; used in messages.

    Raises
    ------
    ArgumentError
        The format is unknown or cannot be told, or the compression does not go with it.
    """
    stem, compression = path.lower(), None
    for suffix, codec in COMPRESSIONS.items():
        if stem.endswith(suffix):
            stem, compression = stem.removesuffix(suffix), codec
    if given is None:
        known = next((suffix for suffix in EXTENSIONS if stem.endswith(suffix)), None)
        if known is None:
            what = "a standard stream has no extension" if path == STANDARD_STREAM else f"{path!r} has no known extension"
            raise ArgumentError(
                f"{argument}: {what}",
                hint=f"Name the format ({', '.join(FORMATS)}; --format, --out-format) or use one of {', '.join(EXTENSIONS)}",
                path=path,
            )
        name, stream = EXTENSIONS[known], known == ".arrows"
    elif given in FORMATS:
        name, stream = given, stem.endswith(".arrows")
    else:
        raise ArgumentError(f"{argument}: unknown format {given!r}", hint=f"Use one of {', '.join(FORMATS)}", path=path)
    if compression and name in ("parquet", "arrow"):
        raise ArgumentError(
            f"{argument}: {path!r} is compressed from outside, and {name} cannot be read that way",
            hint="Decompress it first; Parquet and Arrow compress their own columns",
            path=path,
        )
    return FileFormat(name, compression, stream or (path == STANDARD_STREAM and name == "arrow"))
