"""A prefix of S3 with one part per input.

Parts are written here and uploaded, a few at a time; only what has arrived whole is entered as placed, and only
then its local file goes. So a death leaves parts to upload again, to the same names with the same bytes. The run's
folder, with ledger, lock and waiting parts, is in the data folder.

Workers on other machines upload their parts themselves, below the prefix in ``.cctrawl-parts/``; the ledger has the
URL of such a part where it else has the name of a file. S3 copies them to their place, so that no row comes here.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from cctrawl.errors import NotFoundError, TransportError
from cctrawl.runs.ledger import RunFolder
from cctrawl.runs.outputs.assembled import final_schema
from cctrawl.runs.outputs.output import Output, vanished
from cctrawl.runs.outputs.parts import ANY_PART, part_name
from cctrawl.runs.outputs.places import Place, names_of, refuse
from cctrawl.runs.outputs.siblings import Sibling
from cctrawl.settings import Settings
from cctrawl.store import PLACED, STAGED, InputRow
from cctrawl.transport import CountersSnapshot, Transport, TransportEvent, is_s3

_AT_ONCE = 4  # uploads
_MOST_WAITING = 64  # parts on our disk; the run waits when there are more
_FOOTER_BYTES = 64 * 2**10
_PIECE_BYTES = 2**20
_EVENT_PAUSE_S = 10.0
_UPLOADS = ".cctrawl-parts/"  # in the prefix; what reads folders of data passes over names that begin with a dot
_TAKES_UPLOADS = "takes_uploads"


class BucketPlace(Place):
    """A prefix of S3; its run's folder is in the data folder.

    Args:
        url: ``s3://bucket/prefix/``.
        settings: how to ask, and whose ``data_dir``.
    """

    is_folder = True

    def __init__(self, url: str, settings: Settings) -> None:
        readable = re.sub(r"[^A-Za-z0-9.-]+", "-", url.removeprefix("s3://"))[:60].strip("-")
        digest = hashlib.sha256(url.encode()).hexdigest()[:12]
        super().__init__(url, settings.data_dir / "outputs" / f"{readable}-{digest}.cctrawl")
        self._settings = settings
        self._silent_until: dict[str, float] = {}
        self._transports: list[Transport] = []
        self._transport = self._opened()
        self._takes_uploads = False

    @property
    def counters(self) -> CountersSnapshot:
        """What was asked of S3 so far."""
        return sum((transport.counters.snapshot() for transport in self._transports), CountersSnapshot())

    def open(self, folder: RunFolder, format: str) -> Output:  # noqa: A002 - the option's name everywhere
        """Return the prefix."""
        if self._takes_uploads:
            with folder.ledger.transaction():
                folder.ledger.set_fact(_TAKES_UPLOADS, True)
        return Bucket(folder, self.location, format, self._opened())

    def take_uploads(self) -> str:
        """Return where workers on other machines upload parts."""
        self._takes_uploads = True
        return self.location + _UPLOADS

    def see_no_stranger(self, *, restart: bool) -> None:  # noqa: ARG002 - nobody knows what else is there
        """Refuse a prefix with parts that no run of ours has made."""
        found = (entry.location for entry in self._transport.list_files(self.location + "part-"))
        refuse(list(islice(found, 1)), "empty it (is the --data-dir the one of the run that wrote it?)")

    def drop(self, folder: RunFolder) -> None:
        """Remove the parts of the run; all parts, if its ledger cannot be read."""
        ours = None if folder.is_damaged else set(names_of(folder))
        found = (entry.location for entry in self._transport.list_files(self.location + "part-"))
        names = (location.removeprefix(self.location) for location in found)
        dropped = [name for name in names if (fnmatchcase(name, ANY_PART) if ours is None else name in ours)]
        if folder.is_damaged or folder.ledger.fact(_TAKES_UPLOADS):
            uploads = self._transport.list_files(self.location + _UPLOADS)
            dropped += [entry.location.removeprefix(self.location) for entry in uploads]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(lambda name: self._transport.delete(self.location + name), dropped):
                pass

    def totals(self, format: str) -> Sibling:  # noqa: A002 - the option's name everywhere
        """Return ``NAME.totals.EXT`` beside the prefix; of a whole bucket, in it."""
        folder, _, name = self.location.rstrip("/").rpartition("/")
        parent = self.location if folder == "s3:/" else f"{folder}/"
        return _Object(f"{parent}{name}.totals.{format}", self._transport)

    def close(self) -> None:
        """Close connections."""
        for transport in self._transports:
            transport.close()

    def _opened(self) -> Transport:
        transport = Transport(self._settings, on_event=self._hear)
        self._transports.append(transport)
        return transport

    def _hear(self, event: TransportEvent) -> None:
        now = time.monotonic()
        if now >= self._silent_until.get(event.kind, 0.0):  # the counters go on telling
            self._silent_until[event.kind] = now + _EVENT_PAUSE_S
            self.note(str(event))


class _Object(Sibling):
    """A file beside a prefix."""

    def __init__(self, location: str, transport: Transport) -> None:
        super().__init__(location)
        self._transport = transport

    def exists(self) -> bool:
        """Tell whether the object is there."""
        return any(entry.location == self.shown for entry in self._transport.list_files(self.shown))

    def take(self, file: Path) -> None:
        """Upload the file."""
        self._transport.put(file, self.shown)
        file.unlink()

    def drop(self) -> None:
        """Remove the object."""
        self._transport.delete(self.shown)


class Bucket(Output):
    """A prefix with one part per input, ``part-000000.csv``.

    Args:
        folder: the run's folder.
        url: ``s3://bucket/prefix/``.
        format: the format of the parts.
        transport: how to get there; closed with this.
    """

    def __init__(
        self,
        folder: RunFolder,
        url: str,
        format: str,  # noqa: A002 - the option's name
        transport: Transport,
    ) -> None:
        super().__init__(folder)
        self._url = url
        self._format = format
        self._transport = transport
        self._pool = ThreadPoolExecutor(_AT_ONCE, "upload")
        self._under_way: dict[Future[str], InputRow] = {}

    def recover(self) -> None:
        """See that placed parts are there, and upload those that wait."""
        self._transport.drop_unfinished(self._url + "part-")
        sizes = {entry.location: entry.size for entry in self._transport.list_files(self._url + "part-")}
        for row in self._ledger.inputs(PLACED):
            if sizes.get(self._location(row)) not in {row.length, row.start} - {None}:
                raise vanished(self._location(row))
        self._see_parts()
        self.advance()

    def _see_parts(self) -> None:
        """See that the parts that wait are there, and remove uploads of tries that came to nothing."""
        uploads = self._uploads()
        for row in self._ledger.inputs(STAGED):
            if row.part in uploads:
                uploads.remove(row.part)
            elif not self._part(row).is_file():
                raise vanished(str(row.part) if _is_uploaded(row) else self._part(row))
        self._remove(uploads)

    def _uploads(self) -> set[str]:
        """Return where the parts are that workers have uploaded."""
        if not self._ledger.fact(_TAKES_UPLOADS):
            return set()
        return {entry.location for entry in self._transport.list_files(self._url + _UPLOADS)}

    def _remove(self, uploads: Iterable[str]) -> None:
        if self._ledger.fact(_TAKES_UPLOADS):
            self._transport.drop_unfinished(self._url + _UPLOADS)
        for _ in self._pool.map(self._transport.delete, uploads):
            pass

    def advance(self) -> None:
        """Begin to upload staged parts, and enter those that have arrived; wait if too many are on their way."""
        begun = {row.position for row in self._under_way.values()}
        for row in [row for row in self._ledger.inputs(STAGED) if row.position not in begun]:
            if len(self._under_way) >= _MOST_WAITING:
                self._enter(wait(self._under_way, return_when=FIRST_COMPLETED).done)
            self._under_way[self._pool.submit(self._have_placed, row)] = row
        self._enter({future for future in self._under_way if future.done()})

    def finish(self) -> None:
        """Wait for the last uploads, and give all Parquet parts the same columns and types."""
        self.advance()
        while self._under_way:
            self._enter(wait(self._under_way, return_when=FIRST_COMPLETED).done)
        self._remove(self._uploads())
        if self._format == "parquet":
            self._harmonize()
        with self._ledger.transaction():
            self._ledger.set_fact("finished", True)

    def results(self) -> Iterator[IO[bytes]]:
        """Fetch the parts in list order, and open each; on disk there is one at a time."""
        for row in self._ledger.inputs(PLACED):
            fetched = self._fetched(self._name(row))
            file = fetched.open("rb")
            fetched.unlink()  # it is there until it is closed
            yield file

    def close(self) -> None:
        """Break off uploads; the parts they were about wait for the next command."""
        self._transport.close()
        self._pool.shutdown(cancel_futures=True)

    def _have_placed(self, row: InputRow) -> str:
        """Upload a part, or have S3 copy what its worker has uploaded; return a hash of its schema. In a thread."""
        try:
            if _is_uploaded(row):
                self._transport.copy(str(row.part), self._location(row))
            else:
                self._transport.put(self._part(row), self._location(row))
        except NotFoundError as error:  # for the run it is as if a disk were gone
            raise TransportError(str(error), hint="was the bucket removed?") from error
        if self._format != "parquet":
            return ""
        from cctrawl.output import parquet  # noqa: PLC0415 - pyarrow only for Parquet

        return _hash(parquet.schema_of(self._footer(self._name(row)) if _is_uploaded(row) else self._part(row)))

    def _drop_parts(self, rows: list[InputRow]) -> None:
        for row in rows:
            if _is_uploaded(row):
                self._pool.submit(self._transport.delete, str(row.part))  # what fails goes when all is done
            else:
                self._part(row).unlink(missing_ok=True)

    def _enter(self, done: set[Future[str]]) -> None:
        """Enter parts that have arrived.

        Raises:
            TransportError: an upload failed.
        """
        if not done:
            return
        schemas = {future.result() for future in done}
        rows = [self._under_way.pop(future) for future in done]
        with self._ledger.transaction():
            for row in rows:
                self._ledger.update(row.position, state=PLACED)
            self._ledger.set_fact("part_schemas", sorted(schemas.union(self._ledger.fact("part_schemas") or [])))
        self._drop_parts(rows)

    def _harmonize(self) -> None:
        """Write the parts anew whose schema is not the run's; nothing is asked if all have the same one."""
        schema = final_schema(self._folder)
        if self._ledger.fact("part_schemas") in (None, [_hash(schema)]):
            return
        refit = partial(self._refit, schema)
        rows = self._ledger.inputs(PLACED)
        while batch := list(islice(rows, _MOST_WAITING)):
            for row, refitted in zip(batch, self._pool.map(refit, map(self._name, batch)), strict=True):
                if refitted is not None:
                    part, size_before = refitted
                    sizes = {"length": size_before, "start": part.stat().st_size}
                    with self._ledger.transaction():  # first: either size is right until the part is replaced
                        self._ledger.update(row.position, **sizes)
                    self._transport.put(part, self._location(row))
                    part.unlink()
        with self._ledger.transaction():
            self._ledger.set_fact("part_schemas", [_hash(schema)])

    def _refit(self, schema: Any, name: str) -> tuple[Path, int] | None:  # noqa: ANN401 - pyarrow has no types
        """Return a file with the rows of a part in another schema, and the part's size; `None` if it has that.

        Runs in a thread.
        """
        from cctrawl.output import parquet  # noqa: PLC0415 - pyarrow only for Parquet

        if parquet.schema_of(self._footer(name)) == schema:
            return None
        fetched, refitted = self._fetched(name), self._folder.staged / name
        parquet.join_parts([fetched], refitted, schema)
        size = fetched.stat().st_size
        fetched.unlink()
        return refitted, size

    def _fetched(self, name: str) -> Path:
        """Return a local copy of a part."""
        path = self._folder.staged / f"{name}.fetched"
        with path.open("wb") as file, self._transport.open_stream(self._url + name) as stream:
            while piece := stream.read(_PIECE_BYTES):
                file.write(piece)
        return path

    def _footer(self, name: str) -> IO[bytes]:
        """Return the end of a Parquet file, at least its footer."""
        tail = self._transport.read_tail(self._url + name, _FOOTER_BYTES)
        length = 8 + int.from_bytes(tail.data[-8:-4], "little")
        if length > len(tail.data):
            tail = self._transport.read_tail(self._url + name, length)
        return io.BytesIO(tail.data)

    def _name(self, row: InputRow) -> str:
        return part_name(row.position, self._format)

    def _location(self, row: InputRow) -> str:
        return self._url + self._name(row)


def _is_uploaded(row: InputRow) -> bool:
    """Tell whether a part that waits is on S3, not here."""
    return is_s3(row.part or "")


def _hash(schema: Any) -> str:  # noqa: ANN401 - pyarrow has no types
    from cctrawl.output import parquet  # noqa: PLC0415 - pyarrow only for Parquet

    return hashlib.sha256(parquet.serialized(schema)).hexdigest()
