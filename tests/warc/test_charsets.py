"""Text: no page is dropped for its charset, and the charset is the one a browser would take."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctrawl.warc.charsets import decode_text

RUSSIAN = "Широкая электрификация южных губерний даст мощный толчок подъёму сельского хозяйства. " * 8
JAPANESE = "いろはにほへと ちりぬるを わかよたれそ つねならむ。日本語の文章です。" * 8


@pytest.mark.parametrize(
    ("data", "content_type", "charset", "text"),
    [
        ("ä".encode(), "text/html; charset=UTF-8", "utf-8", "ä"),
        (b"\xe4\x80", "text/html; charset=iso-8859-1", "windows-1252", "ä€"),
        (b"\xe4", 'text/html; Charset = "latin1"; x=y', "windows-1252", "ä"),
        (RUSSIAN.encode("cp1251"), "text/html;charset=windows-1251", "windows-1251", RUSSIAN),
        (JAPANESE.encode("shift_jis"), "text/html; charset=x-sjis", "shift_jis", JAPANESE),
        ("中文".encode("gbk"), "text/html; charset=gb2312", "gbk", "中文"),
        (codecs.BOM_UTF8 + "ä".encode(), "text/html; charset=windows-1251", "utf-8", "ä"),
        (codecs.BOM_UTF16_LE + "ä".encode("utf-16le"), "", "utf-16le", "ä"),
        (codecs.BOM_UTF16_BE + "ä".encode("utf-16be"), "", "utf-16be", "ä"),
        ("ab".encode("utf-16le"), "text/html; charset=utf-16", "utf-16le", "ab"),
        (b"plain ascii", "text/html; charset=utf-16", "utf-8", "plain ascii"),
        (b"a\xffb", "text/html; charset=utf-8", "utf-8", "a\ufffdb"),
        (
            b'<meta charset="koi8-r">\xc1',
            "text/html",
            "koi8-r",
            '<meta charset="koi8-r">\N{CYRILLIC SMALL LETTER A}',
        ),
        (b"<META http-equiv=x content='text/html; charset=euc-kr'>", "", "euc-kr", None),
        (b'<?xml version="1.0" encoding="iso-8859-2"?>\xb1', "", "iso-8859-2", None),
        (b"<meta charset=utf-16>", "", "utf-8", "<meta charset=utf-16>"),
        (b"<meta charset=x-user-defined>\xe4", "", "windows-1252", "<meta charset=x-user-defined>ä"),
        (b"no such", "text/html; charset=no-such-charset", "utf-8", "no such"),
        ("ä".encode(), "", "utf-8", "ä"),
        ("cut: ä".encode() + b"\xe4\xb8", "", "utf-8", "cut: ä\ufffd"),
        (b"", "", "utf-8", ""),
    ],
)
def test_the_charset_is_the_one_a_browser_takes(
    data: bytes, content_type: str, charset: str, text: str | None
) -> None:
    """Mark over header over meta over UTF-8 over a guess, by the web's own meaning of labels."""
    got, name = decode_text(data, content_type)
    assert name == charset
    if text is not None:
        assert got == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE * 99, "shift_jis"),
        ("Größe für Käse und Öl. " * 20, "cp1252"),
    ],
)
def test_an_undeclared_charset_is_detected(text: str, encoding: str) -> None:
    """A page that declares nothing is still read."""
    assert decode_text(text.encode(encoding))[0] == text


@given(st.binary(max_size=300), st.sampled_from(["", "text/html; charset=iso-2022-jp", "a; charset=hz-gb-2312"]))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_any_bytes_become_text(data: bytes, content_type: str) -> None:
    """No bytes and no declaration make it fail, and ASCII letters are not lost."""
    text, charset = decode_text(data, content_type)
    assert isinstance(text, str)
    assert charset
    assert bool(text) == bool(data) or content_type or data in (codecs.BOM_UTF8, *codecs.BOM_UTF16)
