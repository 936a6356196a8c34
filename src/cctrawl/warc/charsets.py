"""Text out of bytes, as a browser would read them: mark, header, meta element, and only then a guess.

Labels mean what the WHATWG Encoding Standard says (``iso-8859-1`` is ``windows-1252``, ``gb2312`` is ``gbk``).
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from webencodings import Encoding

_PRESCAN_BYTES = 4096
_SAMPLE_BYTES = 16384  # detection costs about a millisecond per kilobyte
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"))
_IN_CONTENT_TYPE = re.compile(r"charset\s*=\s*[\"']?\s*([^\s\"';,]+)", re.IGNORECASE)
_IN_META = re.compile(rb"<meta\b[^>]{0,512}?\bcharset\s*=\s*[\"']?\s*([^\s\"'/>;]{2,40})", re.IGNORECASE)
_IN_XML = re.compile(rb"\s*<\?xml\b[^>]{0,256}?\bencoding\s*=\s*[\"']([^\"'>]{2,40})", re.IGNORECASE)

_TO_LAST_ASCII = re.compile(rb".*[\t-\r -@]", re.DOTALL)
_WHATWG_NAMES = {
    "cp932": "shift_jis",
    "cp949": "euc-kr",
    "cp950": "big5",
    "big5hkscs": "big5",
    "euc_jis_2004": "euc-jp",
    "euc_jisx0213": "euc-jp",
    "mac_cyrillic": "x-mac-cyrillic",
    "mac_roman": "macintosh",
}


def decode_text(data: bytes, content_type: str = "") -> tuple[str, str]:
    """Return the text and the WHATWG name of the charset it was decoded with.

    Taken in this order: a byte order mark; the charset of ``content_type``; the XML declaration or meta element
    within the first 4096 bytes; UTF-8 if the bytes are; a guess from a sample; ``windows-1252``. A declared charset
    wins although some bytes do not fit (they become U+FFFD), except UTF-16 without a mark on bytes that plainly
    are not.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace"), name
    encoding = _from_content_type(content_type, data) or _from_content(data)
    if encoding is not None:
        try:
            return encoding.codec_info.decode(data, "replace")[0], encoding.name
        except (UnicodeError, LookupError):  # some codecs of the standard library fail in spite of "replace"
            encoding = None
    return _guess(data)


def _lookup(label: str) -> Encoding | None:
    import webencodings  # noqa: PLC0415 - only where text is asked for

    encoding = webencodings.lookup(label)
    if encoding is not None and encoding.name == "x-user-defined":
        return webencodings.lookup("windows-1252")
    return encoding


def _from_content_type(content_type: str, data: bytes) -> Encoding | None:
    match = _IN_CONTENT_TYPE.search(content_type)
    encoding = _lookup(match[1]) if match else None
    if encoding is not None and encoding.name.startswith("utf-16") and b"\0" not in data[:_PRESCAN_BYTES]:
        return None  # a declaration that cannot be: every second byte of UTF-16 markup is zero
    return encoding


def _from_content(data: bytes) -> Encoding | None:
    start = data[:_PRESCAN_BYTES]
    match = _IN_XML.match(start) or _IN_META.search(start)
    if match is None:
        return None
    encoding = _lookup(match[1].decode("latin-1"))
    if encoding is not None and encoding.name.startswith("utf-16"):
        return _lookup("utf-8")  # it was read as ASCII, so it is no UTF-16
    return encoding


def _guess(data: bytes) -> tuple[str, str]:
    try:
        # not final: a payload cut by the crawler may end within a character
        text, used = codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError:
        pass
    else:
        if used == len(data):
            return text, "utf-8"
        if len(data) - used < 4 and not text.isascii():
            return text + "\N{REPLACEMENT CHARACTER}", "utf-8"
    encoding = _detected(data[:_SAMPLE_BYTES]) or _lookup("windows-1252")
    if encoding is None:
        return data.decode("latin-1"), "windows-1252"
    try:
        return encoding.codec_info.decode(data, "replace")[0], encoding.name
    except UnicodeError:
        return data.decode("cp1252", "replace"), "windows-1252"


def _detected(sample: bytes) -> Encoding | None:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - slow to load, and few pages need it

    # the sample ends behind ASCII: half a character would rule its charset out
    match = _TO_LAST_ASCII.match(sample)
    best = from_bytes(match[0] if match else sample).best()
    if best is None:
        return None
    # what it calls cp1250 could as well be cp1252, and some of its names are Python's alone
    names = best.could_be_from_charset
    for name in ("cp1252", *names) if "cp1252" in names else names:
        encoding = _lookup(name) or _lookup(name.replace("_", "-")) or _lookup(_WHATWG_NAMES.get(name, name))
        if encoding is not None:
            return encoding
    return None
