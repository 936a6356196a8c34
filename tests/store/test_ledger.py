"""The ledger file: what was entered is there, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cctrawl.errors import FormatError, TransportError
from cctrawl.store import FAILED, PLACED, STAGED, WAITING, LedgerFile


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerFile]:
    """A ledger of 2,500 inputs."""
    file = LedgerFile(tmp_path / "ledger.sqlite")
    with file.transaction():
        file.add_inputs(f"input {number}" for number in range(2500))
    yield file
    file.close()


def test_inputs_come_in_order_from_any_position(ledger: LedgerFile) -> None:
    """Inputs are yielded by position, over batches, by state."""
    with ledger.transaction():
        ledger.update(1200, state=STAGED)
    assert [row.position for row in ledger.inputs()] == list(range(2500))
    assert [row.position for row in ledger.inputs(WAITING, start=1199)][:3] == [1199, 1201, 1202]
    assert ledger.last_position(STAGED) == 1200
    assert ledger.last_position(PLACED) == -1


def test_a_transaction_is_all_or_nothing(ledger: LedgerFile) -> None:
    """What fails in the middle leaves no trace, also for other readers."""

    def fail_in_the_middle() -> None:
        with ledger.transaction():
            ledger.update(0, state=PLACED)
            ledger.set_fact("columns", ["a"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle()
    assert ledger.input(0).state == WAITING
    assert ledger.fact("columns") is None


def test_totals_count_what_is_durable(ledger: LedgerFile) -> None:
    """Rows, records, bytes, damage and tallies are those of staged and placed inputs."""
    with ledger.transaction():
        for position, state in enumerate((STAGED, PLACED, FAILED)):
            ledger.update(position, state=state, rows=2, records=3, source_bytes=5, damaged=1, tallies='{"x": 7}')
    totals = ledger.totals()
    assert (totals.inputs, totals.done, totals.failed, totals.waiting) == (2500, 2, 1, 2497)
    assert (totals.rows, totals.records, totals.source_bytes, totals.damaged) == (4, 6, 10, 2)
    assert ledger.tallies() == {"x": 14}


def test_damage_of_an_input_replaces_what_an_earlier_try_found(ledger: LedgerFile) -> None:
    """The damage of an input is that of the try that counted."""
    for found in ([(9, 1, "old")], [(5, 2, "new"), (7, 3, "newer")]):
        with ledger.transaction():
            ledger.set_damages(4, found)
    assert list(ledger.damages()) == [("input 4", 5, 2, "new"), ("input 4", 7, 3, "newer")]


def test_failed_inputs_can_be_released(ledger: LedgerFile) -> None:
    """Quarantined inputs wait again, without their error."""
    with ledger.transaction():
        ledger.update(3, state=FAILED, error="no", tries=3)
        assert ledger.release_failed() == 1
    assert (ledger.input(3).state, ledger.input(3).error, ledger.input(3).tries) == (WAITING, None, 0)


def test_a_ledger_that_cannot_be_written_is_named(ledger: LedgerFile) -> None:
    """When the disk refuses, the error is ours, with the file's name."""
    ledger._database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(TransportError, match=r"ledger\.sqlite cannot be written"), ledger.transaction():
        ledger.set_fact("large", "x" * 1_000_000)


def test_facts_survive_the_process(ledger: LedgerFile, tmp_path: Path) -> None:
    """What was entered is there when the file is opened again."""
    with ledger.transaction():
        ledger.set_fact("columns", ["a", "b"])
    ledger.close()
    again = LedgerFile(tmp_path / "ledger.sqlite")
    assert again.fact("columns") == ["a", "b"]
    again.close()


def test_a_damaged_ledger_is_named_with_a_way_out(ledger: LedgerFile, tmp_path: Path) -> None:
    """Noise in the file is an error of ours from whatever reads it, with the file's name and a hint."""
    with ledger.transaction():
        for position in range(2500):
            ledger.set_damages(position, [(0, 1, "x" * 50)])
    ledger.close()
    path = tmp_path / "ledger.sqlite"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"noise" * (size // 5 - 4096))
    again = LedgerFile(path)
    reads: list[Callable[[], object]] = [
        again.check,
        lambda: again.fact("identity"),
        lambda: list(again.inputs()),
        lambda: again.input(3),
        lambda: again.last_position(WAITING),
        lambda: list(again.damages()),
        again.tallies,
        again.totals,
    ]
    for read in reads:
        with pytest.raises(FormatError, match=r"ledger\.sqlite cannot be read") as caught:
            read()
        assert "--restart" in (caught.value.hint or "")
    again.close()
    path.write_bytes(b"no database at all, however long one looks" * 100)
    with pytest.raises(FormatError, match=r"ledger\.sqlite cannot be read"):
        LedgerFile(path)
