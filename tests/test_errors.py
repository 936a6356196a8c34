"""The error tree: what a handler relies on."""

from __future__ import annotations

import pickle

import pytest

from cctrawl import errors
from cctrawl.errors import CctrawlError

TREE = [
    (errors.CctrawlError, Exception, 1),
    (errors.InvalidInputError, ValueError, 2),
    (errors.NotFoundError, LookupError, 3),
    (errors.TransportError, OSError, 5),
    (errors.SlowDownError, errors.TransportError, 5),
    (errors.AccessDeniedError, errors.TransportError, 5),
    (errors.FormatError, ValueError, 1),
    (errors.JobError, RuntimeError, 1),
    (errors.EngineError, RuntimeError, 1),
    (errors.AbortedError, RuntimeError, 4),
]


@pytest.mark.parametrize(("kind", "builtin", "exit_code"), TREE, ids=lambda item: getattr(item, "__name__", item))
def test_every_error_is_also_the_builtin_that_fits(
    kind: type[CctrawlError], builtin: type[Exception], exit_code: int
) -> None:
    """Each error is a CctrawlError and the fitting builtin, and knows the command's exit code."""
    assert issubclass(kind, CctrawlError)
    assert issubclass(kind, builtin)
    assert kind.exit_code == exit_code


@pytest.mark.parametrize("kind", [row[0] for row in TREE], ids=lambda kind: kind.__name__)
def test_errors_cross_processes(kind: type[CctrawlError]) -> None:
    """An error that was pickled has the same type, text and hint."""
    error = pickle.loads(pickle.dumps(kind("no such thing", hint="look again")))  # noqa: S301 - our own bytes
    assert type(error) is kind
    assert (str(error), error.hint) == ("no such thing", "look again")


def test_details_cross_processes() -> None:
    """What single errors know beyond text and hint survives pickling too."""
    refusal = pickle.loads(pickle.dumps(errors.SlowDownError("no", status=429, retry_after_s=2.5)))  # noqa: S301 - ours
    assert (refusal.status, refusal.retry_after_s) == (429, 2.5)
    assert pickle.loads(pickle.dumps(errors.FormatError("no", offset=7))).offset == 7  # noqa: S301 - ours
    assert pickle.loads(pickle.dumps(errors.JobError("no", details="line 1"))).details == "line 1"  # noqa: S301 - ours


def test_the_tree_is_complete() -> None:
    """Every public class of the module is in the list above."""
    public = {
        value for value in vars(errors).values() if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert public == {row[0] for row in TREE}
