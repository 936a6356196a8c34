"""One footer in full: that of a held file, of a file on disk, or of one that is asked for with a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from cctrawl.errors import InvalidInputError, NotFoundError
from cctrawl.index.fetcher import fetch_footer
from cctrawl.index.footer import parse_footer
from cctrawl.index.values import decode_bound
from cctrawl.settings import Settings, is_text
from cctrawl.store import IndexFile, files_ending, held_footers, index_path
from cctrawl.transport import Transport, locate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cctrawl.index.footer import ColumnChunk, Extent, Footer

_NAMED = 5  # of files that a name may mean


class ChunkRow(NamedTuple):
    """A column chunk as the command shows it. Offsets and sizes are in bytes; ``None`` is not told.

    Attributes:
        row_group: number of the row group, from 0.
        num_rows: rows of the row group.
        column: the column's name.
        physical_type: how values are stored.
        logical_type: what they mean.
        codec: how pages are compressed.
        encodings: of the pages.
        num_values: values, nulls included.
        null_count: nulls.
        compressed_bytes: size in the file.
        uncompressed_bytes: size inflated.
        start: offset of the first page.
        data_page_offset: offset of the first data page.
        dictionary_page_offset: offset of the dictionary page.
        statistics: kind of the bounds: ``ordered``, ``signed`` or ``absent``.
        min: the lower bound, decoded; its bytes if it cannot be.
        max: the upper bound.
        column_index_offset: where the bounds of each page are.
        column_index_bytes: their length.
        offset_index_offset: where the places of each page are.
        offset_index_bytes: their length.
        bloom_filter_offset: where the bloom filter is.
    """

    row_group: int
    num_rows: int
    column: str
    physical_type: str
    logical_type: str | None
    codec: str
    encodings: tuple[str, ...]
    num_values: int
    null_count: int | None
    compressed_bytes: int
    uncompressed_bytes: int
    start: int
    data_page_offset: int
    dictionary_page_offset: int | None
    statistics: str
    min: Any
    max: Any
    column_index_offset: int | None
    column_index_bytes: int | None
    offset_index_offset: int | None
    offset_index_bytes: int | None
    bloom_filter_offset: int | None


@dataclass(frozen=True)
class FooterDescription:
    """A footer and where it came from.

    Attributes:
        name: the file's path or location.
        is_held: whether the footer is held, so that nothing was asked for.
        size_bytes: size of the file.
        footer_bytes: size of the footer in bytes.
        footer: all that it tells.
    """

    name: str
    is_held: bool
    size_bytes: int
    footer_bytes: int
    footer: Footer

    def facts(self) -> str:
        """Return what the footer tells of the whole file, as lines of text."""
        footer = self.footer
        sorting = footer.row_groups[0].sorting_columns if footer.row_groups else ()
        sorted_by = ", ".join(f"{column.name}{' descending' if column.is_descending else ''}" for column in sorting)
        keys = ", ".join(f"{key} ({len(value or ''):,} characters)" for key, value in footer.key_values)
        lines = [
            f"{self.name}{'' if self.is_held else ' (not held)'}",
            f"{footer.num_rows:,} rows in {len(footer.row_groups)} row groups, {len(footer.columns)} columns",
            f"{self.size_bytes:,} bytes, the footer {self.footer_bytes:,} of them, format version {footer.version}",
            f"written by {footer.created_by or 'nobody who says so'}",
            f"key-value metadata: {keys}" if keys else "",
            f"said to be sorted by {sorted_by}" if sorted_by else "",
        ]
        return "\n".join(line for line in lines if line)

    def chunks(self, row_group: int | None = None, column: str | None = None) -> Iterator[ChunkRow]:
        """Yield the column chunks by row group, in the order of the schema; lazy.

        Args:
            row_group: those of this row group alone.
            column: those of this column alone.

        Raises:
            InvalidInputError: the file has no such row group or column.
        """
        groups = self.footer.row_groups
        if row_group is not None and row_group >= len(groups):
            raise InvalidInputError(
                f"{self.name} has no row group {row_group}", hint=f"it has {len(groups)}, counted from 0"
            )
        names = [known.name for known in self.footer.columns]
        if column is not None and column not in names:
            raise InvalidInputError(f"{self.name} has no column {column!r}", hint=f"it has {', '.join(names)}")
        for number, group in enumerate(groups):
            for chunk in group.columns if row_group in (None, number) else ():
                if column in (None, chunk.column.name):
                    yield _row(number, group.num_rows, chunk)


def describe_footer(file: str, *, subset: str = "warc", settings: Settings | None = None) -> FooterDescription:
    """Return the footer of a file of the index.

    Args:
        file: the path of a held file, or how it ends (whole parts of it); else a local file, a URL or a listed
            path, whose footer is asked for: one request as a rule.
        subset: which one is meant where several held files end so: the subsets of a crawl have files of the same
            name. ``all``: none is preferred.
        settings: the settings in force if not given.

    Raises:
        InvalidInputError: several held files of the subset end so.
        NotFoundError: there is no such file.
        FormatError: it is no Parquet file, or its footer cannot be decoded.
        TransportError: it cannot be had.
    """
    settings = settings or Settings.resolve()
    held = _held(file, subset, settings)
    if held is not None:
        return held
    location = locate(file, settings.base_url)
    with Transport(settings) as transport:
        try:
            found = fetch_footer(transport, location, location)
        except NotFoundError as error:
            raise NotFoundError(f"no held file ends in {file}, and {error}", hint=error.hint) from error
    footer = parse_footer(found.data, location)
    return FooterDescription(location, False, found.file_bytes, len(found.data), footer)


def _held(file: str, subset: str, settings: Settings) -> FooterDescription | None:
    store = index_path(settings.data_dir, settings.base_url)
    if "://" in file or not is_text(file) or not store.exists():
        return None
    with IndexFile(store) as index:
        files = files_ending(index, file)
        files = [one for one in files if subset in (one[1], "all")] or files
        if len(files) > 1:
            named = [path for path, _, _ in files[:_NAMED]] + ["…"] * (len(files) > _NAMED)
            told = "\n  ".join([f"{len(files)} held files end in {file}:", *named])
            raise InvalidInputError(told, hint="give more of the path")
        for path, _, size_bytes in files:
            data = next(held_footers(index, path=path)).data
            return FooterDescription(path, True, size_bytes, len(data), parse_footer(data, path))
    return None


def _row(number: int, num_rows: int, chunk: ColumnChunk) -> ChunkRow:
    told = chunk.statistics
    column_index, offset_index = _parts(chunk.column_index), _parts(chunk.offset_index)
    return ChunkRow(
        number,
        num_rows,
        chunk.column.name,
        chunk.column.physical_type,
        str(chunk.column.logical_type) if chunk.column.logical_type else None,
        chunk.codec,
        chunk.encodings,
        chunk.num_values,
        told.null_count,
        chunk.total_compressed_size,
        chunk.total_uncompressed_size,
        chunk.start,
        chunk.data_page_offset,
        chunk.dictionary_page_offset,
        told.kind,
        _bound(chunk, told.min),
        _bound(chunk, told.max),
        *column_index,
        *offset_index,
        chunk.bloom_filter.offset if chunk.bloom_filter else None,
    )


def _parts(extent: Extent | None) -> tuple[int | None, int | None]:
    return (extent.offset, extent.length) if extent else (None, None)


def _bound(chunk: ColumnChunk, raw: bytes | None) -> object:
    """The bound decoded; texts for what JSON has no form of."""
    value = decode_bound(chunk.column, raw)
    if value is None:
        return raw
    return value if isinstance(value, (bool, int, float, str, bytes)) or hasattr(value, "year") else str(value)
