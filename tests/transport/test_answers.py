from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cctrawl.transport import answers
from cctrawl.transport.answers import ContentRange
from cctrawl.transport.retries import IntermittentError


@given(st.integers(0, 2**50), st.integers(1, 2**40), st.integers(0, 2**40))
def test_ranges_survive_http(start: int, length: int, rest: int) -> None:
    """A half-open range, asked in HTTP's inclusive form and answered so, comes back as itself."""
    stop, size = start + length, start + length + rest
    asked = answers.range_header(start, stop).removeprefix("bytes=")
    assert answers.parse_content_range(f"bytes {asked}/{size}") == ContentRange(start, stop, size)
    assert answers.parse_content_range(f"bytes {asked}/*").size is None


@pytest.mark.parametrize(
    "text",
    [None, "", "bytes", "bytes */5", "bytes 5-4/9", "bytes 0-9/9", "bytes a-b/c", "lines 0-1/2", "bytes 0-1"],
)
def test_impossible_content_ranges(text: str | None) -> None:
    """What is missing or cannot be is never believed."""
    with pytest.raises(IntermittentError):
        answers.parse_content_range(text)


@given(st.text())
@example("0\x1f")
def test_any_header_is_parsed_or_refused(text: str) -> None:
    """No header, however odd, raises anything but our own errors."""
    for parse in (answers.parse_content_range, answers.unsatisfied_size, answers.retry_after_s):
        with contextlib.suppress(IntermittentError):
            parse(text)


def test_retry_after() -> None:
    """Seconds and dates are understood, the past is now, and nonsense counts as not given."""
    assert answers.retry_after_s("12") == 12
    assert answers.retry_after_s("Thu, 01 Jan 1970 00:01:40 GMT", now_s=40) == 60
    assert answers.retry_after_s("Thu, 01 Jan 1970 00:01:40 GMT", now_s=400) == 0
    assert answers.retry_after_s("soon") is None
    assert answers.retry_after_s(None) is None


def test_validators() -> None:
    """``If-Range`` needs a strong validator: a weak ETag is none."""
    assert answers.validator({"ETag": '"a"', "Last-Modified": "d"}) == '"a"'
    assert answers.validator({"ETag": 'W/"a"', "Last-Modified": "d"}) == "d"
    assert answers.validator({"ETag": 'W/"a"'}) is None


@pytest.mark.parametrize(
    "body",
    [b'<?xml version="1.0"?><Error/>', b"\xef\xbb\xbf\n <!DOCTYPE html>", b"<HTML>", b"<Error><Code>x</Code>"],
)
def test_documents_are_no_data(body: bytes) -> None:
    """An HTML or XML document is refused in place of a data file, and only there."""
    with pytest.raises(IntermittentError):
        answers.check_first_bytes("/a.warc.gz", body)
    answers.check_first_bytes("/a.html", body)


@pytest.mark.parametrize("body", [b"", b"\x1f\x8b\x08", b"WARC/1.0\r\n", b"PAR1", b'[{"id"'])
def test_data_is_data(body: bytes) -> None:
    """What data files begin with is never taken for a document."""
    answers.check_first_bytes("/a.warc.gz", body)


def test_document_types() -> None:
    """A document type refuses data files only."""
    with pytest.raises(IntermittentError, match="text/html"):
        answers.check_document_type("/a.parquet", {"Content-Type": "text/html; charset=utf-8"})
    answers.check_document_type("/a.xml", {"Content-Type": "application/xml"})
    answers.check_document_type("/a.parquet", {"Content-Type": "binary/octet-stream"})
    answers.check_document_type("/a.parquet", {})


def test_summaries_are_short() -> None:
    """Of an error document only its code, or its first words, reach a message."""
    assert answers.summary(b"<Error><Code>SlowDown</Code><Message>m</Message></Error>") == "SlowDown"
    assert answers.summary(b"<html><h1>Not   today</h1>" + b"x" * 999).startswith("Not today")
    assert len(answers.summary(b"x" * 999)) <= 80
    assert answers.summary(b"") == "empty body"


def test_numbers_too_long_for_a_size() -> None:
    """A size of thousands of digits is nonsense, and no error of the number parser."""
    with pytest.raises(IntermittentError):
        answers.parse_content_range(f"bytes 0-{'9' * 5000}/*")
    assert answers.unsatisfied_size(f"bytes */{'9' * 5000}") is None
