"""Runs that read from S3 and write there: every part once and whole, wherever a command dies."""

from __future__ import annotations

import contextlib
import io
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import cctrawl
from cctrawl.errors import AbortedError, InvalidInputError, NotFoundError
from cctrawl.output import open_part, parquet
from cctrawl.runs.columns import RunColumns
from cctrawl.runs.ledger import Identity, RunFolder
from cctrawl.runs.outputs import DonePart, place_of
from cctrawl.settings import Settings
from cctrawl.store import FAILED, WAITING, LedgerFile
from cctrawl.testing import FakeCrawls, FakeServer, Refuse, Reset, SlowBytes
from cctrawl.transport import Transport
from cctrawl.transport.uploads import Uploads

if TYPE_CHECKING:
    from tests.conftest import Moto
    from tests.s3_proxy import Proxy

CRAWL = "CC-MAIN-2024-22"


def content(url: str) -> dict[str, bytes]:
    """Return all objects below a prefix."""
    with Transport(Settings.resolve()) as transport:
        return {
            entry.location.removeprefix(url): transport.read_file(entry.location)
            for entry in transport.list_files(url)
        }


@pytest.fixture
def bucket(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> str:
    """The location of an empty bucket."""
    moto.lead(monkeypatch)
    return f"s3://{moto.make_bucket()}/"


@pytest.fixture
def settings(fake: FakeCrawls) -> Settings:
    """The fake crawl as a folder."""
    return Settings.resolve(base_url=str(fake.root), tries=2)


def test_a_run_reads_from_a_bucket(fake: FakeCrawls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base URL of S3 gives the rows that a folder gives, through refusals and broken connections."""
    with FakeServer(
        fake.root.parent, [Refuse(status=503, times=1), Reset(path="*/warc/*", after_bytes=9000, times=1)]
    ) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        for name, base_url in (("folder.csv", str(fake.root)), ("s3.csv", f"s3://{fake.root.name}")):
            settings = Settings.resolve(base_url=base_url, data_dir=tmp_path, tries=20)
            cctrawl.run("themes", crawl=CRAWL, limit=2, output=tmp_path / name, workers=1, settings=settings)
        assert server.count("*/warc/*") > 2
    assert (tmp_path / "s3.csv").read_bytes() == (tmp_path / "folder.csv").read_bytes()


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_prefix_holds_what_a_folder_holds(
    bucket: str,
    settings: Settings,
    tmp_path: Path,
    format: str,  # noqa: A002 - the option's name
) -> None:
    """The parts on S3 are those of a folder, byte for byte; the same command finds them finished."""
    reports = [
        cctrawl.run("themes", crawl=CRAWL, limit=3, output=output, format=format, settings=settings)
        for output in (f"{tmp_path}/out/", bucket + "out/", bucket + "out/")
    ]
    local = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert len(local) == 3
    assert content(bucket + "out/") == local
    assert [report.state for report in reports] == ["done"] * 3
    assert reports[1].effort.requests >= 6
    assert reports[2].effort.source_bytes == 0


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_totals_lie_beside_the_prefix(
    bucket: str,
    settings: Settings,
    tmp_path: Path,
    format: str,  # noqa: A002 - the option's name
) -> None:
    """The totals of a prefix are those of a folder, lie beside it, and go with --restart."""
    for output in (f"{tmp_path}/out/", bucket + "out/", bucket):
        report = cctrawl.run("servers", crawl=CRAWL, limit=3, output=output, format=format, settings=settings)
    expected = (tmp_path / f"out.totals.{format}").read_bytes()
    beside, within = f"out.totals.{format}", f"{bucket[5:-1]}.totals.{format}"
    assert report.totals == bucket + within
    assert content(bucket)[beside] == content(bucket)[within] == expected
    cctrawl.run(
        "themes", crawl=CRAWL, limit=1, output=bucket + "out/", format=format, restart=True, settings=settings
    )
    assert beside not in content(bucket)
    assert within in content(bucket)


def test_totals_of_strangers_are_not_overwritten(bucket: str, settings: Settings, tmp_path: Path) -> None:
    """A file where the totals shall be, and of which no ledger knows, is kept."""
    (tmp_path / "theirs").write_text("x")
    with Transport(settings) as transport:
        transport.put(tmp_path / "theirs", bucket + "out.totals.csv")
    with pytest.raises(InvalidInputError, match=r"out\.totals\.csv exists"):
        cctrawl.run("servers", crawl=CRAWL, limit=1, output=bucket + "out/", format="csv", settings=settings)
    assert content(bucket) == {"out.totals.csv": b"x"}


def test_another_run_is_refused_or_begins_anew(bucket: str, settings: Settings, tmp_path: Path) -> None:
    """Another run on the prefix is refused; --restart drops our parts, and nothing else."""
    cctrawl.run("themes", crawl=CRAWL, limit=3, output=bucket, format="csv", settings=settings)
    with pytest.raises(InvalidInputError, match="another run"):
        cctrawl.run("themes", crawl=CRAWL, limit=1, output=bucket, format="csv", settings=settings)
    (tmp_path / "theirs").write_text("x")
    with Transport(settings) as transport:
        transport.put(tmp_path / "theirs", bucket + "part-notes.txt")
    cctrawl.run("themes", crawl=CRAWL, limit=1, output=bucket, format="jsonl", restart=True, settings=settings)
    assert sorted(content(bucket)) == ["part-000000.jsonl", "part-notes.txt"]


def test_parts_of_strangers_are_not_overwritten(bucket: str, settings: Settings, tmp_path: Path) -> None:
    """A prefix with parts of which the data folder knows nothing is refused, and keeps them."""
    cctrawl.run("themes", crawl=CRAWL, limit=1, output=bucket, format="csv", settings=settings)
    before = content(bucket)
    elsewhere = Settings.resolve(base_url=settings.base_url, data_dir=tmp_path)
    for restart in (False, True):
        with pytest.raises(InvalidInputError, match="no ledger says") as caught:
            cctrawl.run(
                "themes", crawl=CRAWL, limit=1, output=bucket, format="csv", restart=restart, settings=elsewhere
            )
        assert "--data-dir" in (caught.value.hint or "")
    assert content(bucket) == before


@pytest.mark.parametrize("change", ["gone", "cut"])
def test_parts_that_vanished_are_named(bucket: str, settings: Settings, tmp_path: Path, change: str) -> None:
    """A part that somebody removed or replaced under the ledger is an error with a hint."""
    cctrawl.run("themes", crawl=CRAWL, limit=2, output=bucket, format="csv", settings=settings)
    with Transport(settings) as transport:
        transport.delete(bucket + "part-000001.csv")
        if change == "cut":
            (tmp_path / "cut").write_text("x")
            transport.put(tmp_path / "cut", bucket + "part-000001.csv")
    with pytest.raises(InvalidInputError, match=r"part-000001\.csv is gone or was changed") as caught:
        cctrawl.run("themes", crawl=CRAWL, limit=2, output=bucket, format="csv", settings=settings)
    assert "--restart" in (caught.value.hint or "")


def test_one_command_at_a_time(bucket: str, settings: Settings) -> None:
    """A second command on a prefix is refused while the first one is at work."""
    place = place_of(bucket, settings)
    assert place.state is not None
    folder = RunFolder(place.state)
    with pytest.raises(InvalidInputError, match="another cctrawl"):
        cctrawl.run("themes", crawl=CRAWL, limit=1, output=bucket, settings=settings)
    folder.close()


def test_a_denied_input_is_quarantined(bucket: str, proxy: Proxy, settings: Settings, tmp_path: Path) -> None:
    """A 403 on one input is said at once, costs no retry, and the others are done."""
    with Transport(settings) as transport:
        transport.put(next(Path(settings.base_url).glob("crawl-data/*/segments/*/warc/*.gz")), bucket + "b.warc.gz")
    proxy.plan = {1: "deny"}
    files = [bucket + "a.warc.gz", bucket + "b.warc.gz"]
    report = cctrawl.run("themes", files=files, output=tmp_path / "x.csv", workers=1, settings=settings)
    assert (report.state, report.inputs_done, report.effort.retries) == ("incomplete", 1, 0)
    assert [failure.input for failure in report.failures] == files[:1]
    assert "access denied" in report.failures[0].error


def test_no_such_bucket(bucket: str, settings: Settings) -> None:
    """A bucket that is not there is an error before anything is read, and leaves no state."""
    with pytest.raises(NotFoundError, match="no-such-bucket"):
        cctrawl.run("themes", crawl=CRAWL, output="s3://no-such-bucket/out/", settings=settings)
    assert content(bucket) == {}
    assert list((settings.data_dir / "outputs").glob("*")) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [("deny", ("access denied", "may these credentials")), ("gone", ("there is no", "was the bucket removed"))],
)
def test_a_bucket_that_cannot_be_written(
    bucket: str, proxy: Proxy, settings: Settings, fault: str, said: tuple[str, str]
) -> None:
    """When S3 takes no parts the run ends with what it did kept, says why, and goes on when it does."""
    proxy.plan = dict.fromkeys(range(4, 1000), fault)
    with pytest.raises(AbortedError, match=said[0]) as caught:
        cctrawl.run("themes", crawl=CRAWL, limit=3, output=bucket, format="csv", settings=settings)
    assert said[1] in (caught.value.hint or "")
    assert "run the same command again" in (caught.value.hint or "")
    proxy.plan = {}
    report = cctrawl.run("themes", crawl=CRAWL, limit=3, output=bucket, format="csv", settings=settings)
    assert (report.state, len(content(bucket))) == ("done", 3)


def test_refusals_and_retries_of_uploads_are_counted(bucket: str, proxy: Proxy, settings: Settings) -> None:
    """What S3 refuses or breaks off while parts are written is asked again, and in the report."""
    proxy.plan = {4: "refuse", 6: "lose"}
    report = cctrawl.run("themes", crawl=CRAWL, limit=2, output=bucket, format="csv", settings=settings)
    assert (report.state, report.effort.refusals) == ("done", 1)
    assert report.effort.retries >= 1
    assert len(content(bucket)) == 2


IDENTITY = Identity("job", "sha", ("a", "b"), "inputs", "csv", "skip")
ROWS: dict[int, list[tuple[object, int]]] = {
    position: [(f"row {position}.{n}", n) for n in range(position % 3)] for position in range(5)
}
ROWS[4] = [(b"bytes", 4)]  # Parquet's columns widen here, so that parts are written anew
LATE = 1  # this input fails, and is done only when it is retried


class Death(BaseException):
    """The process is killed here."""


@dataclass
class Deaths:
    """Counts the steps on disk, in the ledger and on S3, and dies before or after one of them."""

    steps: int = 0
    at: int | None = None
    dead: list[int] = field(default_factory=list)

    def step(self) -> None:
        """Count a step, and die if it is time; whoever else is at work then dies with us."""
        self.steps += 1
        if self.dead or (self.at is not None and self.steps >= self.at):
            self.dead.append(self.steps)
            raise Death

    def unseen(self, call: Callable[[str], dict[str, bytes]], url: str) -> dict[str, bytes]:
        """Return what a call returns, without steps."""
        before, self.at, self.steps = (self.at, self.steps), None, 0
        result = call(url)
        self.at, self.steps = before
        return result

    def live_again(self) -> None:
        """Begin another command."""
        if self.dead:
            self.at = None
            self.dead.clear()


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    """Let each such step count."""
    deaths = Deaths()

    def mortal(call: Callable[..., object]) -> Callable[..., object]:
        def called(*arguments: object, **options: object) -> object:
            deaths.step()
            result = call(*arguments, **options)
            deaths.step()
            return result

        return called

    for target, name in ((os, "fsync"), (Path, "unlink"), (Uploads, "_ask")):
        monkeypatch.setattr(target, name, mortal(getattr(target, name)))
    commit = LedgerFile.transaction

    @contextlib.contextmanager
    def transaction(ledger: LedgerFile) -> Iterator[None]:
        deaths.step()
        with commit(ledger):
            yield
        deaths.step()

    monkeypatch.setattr(LedgerFile, "transaction", transaction)
    return deaths


def command(
    url: str,
    format: str,  # noqa: A002 - the option's name
    *,
    retry: bool,
    rows: dict[int, list[tuple[object, int]]] = ROWS,
    uploads: bool = False,
) -> None:
    """Do what a command does to its output, with parts from nowhere; the input LATE fails unless it is retried.

    With ``uploads`` all parts but the first are uploaded by those who wrote them, as on other machines.
    """
    with contextlib.ExitStack() as stack:
        place = place_of(url, Settings.resolve())
        stack.callback(place.close)
        assert place.state is not None
        folder = RunFolder(place.state)
        stack.callback(folder.close)
        if not folder.begun:
            folder.begin(IDENTITY, [f"input {position}" for position in rows])
        with folder.ledger.transaction():
            folder.ledger.set_fact("columns", ["a", "b"])
            if retry:
                folder.ledger.release_failed()
        folder.drop_orphans()
        place.prepare()
        parts_url = place.take_uploads() if uploads else ""
        output = place.open(folder, format)
        stack.callback(output.close)
        output.recover()
        for position in [row.position for row in folder.ledger.inputs(WAITING)]:
            if position == LATE and not retry:
                with folder.ledger.transaction():
                    folder.ledger.update(position, state=FAILED, error="no")
                continue
            path = folder.staged / f"{position}.{os.urandom(2).hex()}"
            part = open_part(path, format, ("a", "b"), header=format == "csv")
            for row in rows[position] if format == "csv" else [(n, value) for value, n in rows[position]]:
                part.write(row)
            summary = part.finish()
            RunColumns(folder.ledger).settle(summary)
            name = path.name
            if uploads and position:
                with Transport(Settings.resolve()) as transport:
                    name = parts_url + path.name
                    transport.put(path, name)
                path.unlink()
            output.accept([DonePart(position, name, {"rows": summary.rows, "length": summary.size_bytes})])
            output.advance()
        output.finish()


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_death_at_any_step_loses_and_doubles_nothing(
    bucket: str,
    deaths: Deaths,
    format: str,  # noqa: A002 - the option's name
) -> None:
    """Whatever step a command dies before or after, the next ones end in the same parts with the same bytes."""
    undisturbed = []
    steps = 0
    for retry in (False, True):
        deaths.steps = 0
        command(f"{bucket}whole/", format, retry=retry)
        steps += deaths.steps
        undisturbed.append(content(f"{bucket}whole/"))
    assert undisturbed[0] != undisturbed[1], "the retried input has rows of its own"
    assert steps > 60
    for at in range(1, steps + 1, 5 if format == "csv" else 11):
        url = f"{bucket}at-{at}/"
        deaths.steps, deaths.at = 0, at
        for retry, expected in zip((False, True), undisturbed, strict=True):
            for _ in range(2):
                with contextlib.suppress(Death):
                    command(url, format, retry=retry)
                deaths.live_again()
            assert deaths.unseen(content, url) == expected, f"died at step {at} of {steps}"


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_death_at_any_step_over_uploads(
    bucket: str,
    deaths: Deaths,
    format: str,  # noqa: A002 - the option's name
) -> None:
    """The same where workers upload their parts, whether the next command is over hosts again or not."""
    command(f"{bucket}whole/", format, retry=False)
    command(f"{bucket}whole/", format, retry=True)
    expected = content(f"{bucket}whole/")
    deaths.steps = 0
    command(f"{bucket}steps/", format, retry=False, uploads=True)
    for at in range(1, deaths.steps + 1, 13 if format == "csv" else 41):
        url = f"{bucket}at-{at}/"
        deaths.steps, deaths.at = 0, at
        for retry, uploads in ((False, True), (False, bool(at % 2)), (True, True)):
            with contextlib.suppress(Death):
                command(url, format, retry=retry, uploads=uploads)
            deaths.live_again()
        assert deaths.unseen(content, url) == expected, f"died at step {at}"
        assert deaths.unseen(content, url + ".cctrawl-parts/") == {}


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_death_while_parts_change_their_types_again(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A part that is written anew a second time is whole for the ledger before, and after, it is replaced."""
    url = f"{tmp_path}/out/" if kind == "folder" else bucket
    numbers: dict[int, list[tuple[object, int]]] = {
        0: [(None, n * n) for n in range(500)],
        LATE: [(2, 0.5)],  # type: ignore[list-item]  # whole numbers become fractions
        2: [(n, n) for n in range(500)],  # nulls become numbers
    }
    command(url, "parquet", retry=False, rows=numbers)

    def dies_over_parts(method: Callable[..., None]) -> Callable[..., None]:
        def called(*arguments: Any) -> None:  # noqa: ANN401 - as the method has it
            if Path(arguments[-2]).name == "part-000000.parquet":
                raise Death
            method(*arguments)

        return called

    with monkeypatch.context() as patch:
        for target, name in ((Path, "replace"), (Transport, "put")):
            patch.setattr(target, name, dies_over_parts(getattr(target, name)))
        with pytest.raises(Death):
            command(url, "parquet", retry=True, rows=numbers)
    command(url, "parquet", retry=True, rows=numbers)
    with Transport(Settings.resolve()) as transport:
        part = transport.read_file(url + "part-000000.parquet")
    assert [str(kind) for kind in parquet.schema_of(io.BytesIO(part)).types] == ["double", "int64"]


@pytest.mark.slow
@pytest.mark.parametrize("format", ["csv", pytest.param("parquet", marks=pytest.mark.exhaustive)])
def test_kills_end_in_the_same_bytes(
    bucket: str,
    fake: FakeCrawls,
    tmp_path: Path,
    format: str,  # noqa: A002 - the option's name
) -> None:
    """However often the command is killed, the parts are those of an undisturbed run, byte for byte."""
    dice = random.Random(format)
    with FakeServer(fake.root, [SlowBytes(path="*/warc/*", bytes_per_s=100_000)]) as server:
        options = [
            "-c",
            CRAWL,
            "-f",
            format,
            "--workers",
            "2",
            "--base-url",
            server.url,
            "--data-dir",
            str(tmp_path),
        ]
        words = [sys.executable, "-m", "cctrawl", "run", "themes", *options]
        subprocess.run([*words, "-o", f"{bucket}whole/"], check=True, capture_output=True)
        for number in range(3):
            killed = [*words, "-o", f"{bucket}{number}/"]
            for _ in range(4):
                with subprocess.Popen(killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                    time.sleep(dice.uniform(0.3, 1.5))
                    process.kill()
            server.set_faults()
            subprocess.run(killed, check=True, capture_output=True)
            assert content(f"{bucket}{number}/") == content(f"{bucket}whole/")
