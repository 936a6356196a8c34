"""SURT keys against the package that makes Common Crawl's, and the ranges built on them."""

from __future__ import annotations

import itertools
import json
import warnings
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cctrawl.errors import InvalidInputError
from cctrawl.surt import KeyRange, domain_ranges, host_of, host_ranges, prefix_ranges, surt_key, target_ranges

HOST_PARTS = [
    "www.", "www2.", "WWW.", "a", "B", "example", ".com", "..", ".", "%41", "%2541", "ü", "%C3%BC",
    "xn--mnchen-3ya", "1", "127.0.0.1", "0x7f", "010.1", "-", "_", "user:pw@", ":80", ":443", ":8080", ":", "[::1]",
]  # fmt: skip
PATH_PARTS = [
    "/", "a", "B", "..", ".", "//", "%2f", "%20", " ", "?", "&", "=", "#", "é", "%E9", "%", "%zz", "b=2", "a=1",
    "PHPSESSID=0123456789abcdefghijklmnopqrstuv", "sid=0123456789abcdefghijklmnopqrstuv", "cfid=1&cftoken=2",
    "jsessionid=0123456789ABCDEFghijklmnopqrstuv", "ASPSESSIONIDabcdefgh=abcdefghijklmnopqrstuvwx",
    "(a(4hqa0555fwsecu455xqckv45))", "(4hqa0555fwsecu455xqckv45)", "x.aspx", ";", "+", "\t", "\\", "|", "http://",
]  # fmt: skip
SCHEMES = ["http://", "https://", "HTTP://", "ftp://", "http:/", "https:///", " http://", "http://https://"]
URLS = st.builds(
    lambda scheme, host, path: scheme + "".join(host) + "/" + "".join(path),
    st.sampled_from(SCHEMES),
    st.lists(st.sampled_from(HOST_PARTS), min_size=1, max_size=4),
    st.lists(st.sampled_from(PATH_PARTS), max_size=7),
)
LABEL = st.sampled_from(["example", "www", "www2", "a", "b-c", "xn--mnchen-3ya", "com", "is"])
NAMES = st.lists(LABEL, min_size=1, max_size=4).map(".".join)


def is_in(key: str, ranges: list[KeyRange]) -> bool:
    """Whether a key lies in one of the ranges, compared as the index does: as bytes."""
    return any(start.encode() <= key.encode() < stop.encode() for start, stop in ranges)


def reference_key(url: str) -> str:
    """Return the key by the ``surt`` package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its source has escapes that newer Pythons warn about
        surt = pytest.importorskip("surt")
    return str(surt.surt(url))


@given(URLS)
@settings(max_examples=1500, deadline=None)
def test_keys_equal_those_of_the_reference(url: str) -> None:
    """For URLs of nasty parts the key is the reference's; where that raises, ours says the port is wrong."""
    try:
        expected = reference_key(url)
    except ValueError:
        with pytest.raises(InvalidInputError, match="no port"):
            surt_key(url)
    else:
        assert surt_key(url) == expected


def test_keys_equal_those_of_the_real_index(real_data: Path) -> None:
    """Every line of a real CDXJ file has the key that `surt_key` makes of its URL."""
    lines = [line for file in (real_data / "index").glob("*.cdxj") for line in file.read_text().splitlines()]
    assert len(lines) > 100
    for line in lines:
        key, _, fields = line.split(" ", 2)
        assert surt_key(json.loads(fields)["url"]) == key


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("", "-"),
        (" \n", "-"),
        ("filedesc://a.arc.gz", "filedesc://a.arc.gz"),
        ("example.com", "com,example)/"),
        ("example.com:8080/A", "com,example:8080)/a"),
        ("https://www.Example.com/A/?b&a", "com,example)/a?a&b"),
        ("http://user:pw@www17.example.com:80/", "com,example)/"),
        ("https://example.com:80/", "com,example:80)/"),
        ("http://münchen.de/", "de,xn--mnchen-3ya)/"),
        ("http://192.0.2.17/x", "17,2,0,192)/x"),
        ("http://127.1/", "1,0,0,127)/"),
        ("http://" + "9" * 5000 + "/", "9" * 5000 + ")/"),
        ("http://example.com:00080/", "com,example)/"),
        ("http://example.com/a/../../b/./c//d/", "com,example)/../b/c/d"),
        ("http://example.com/?#x", "com,example)/"),
        ("mailto:Someone@example.com", "mailto:someone@example.com"),
    ],
)
def test_known_keys(url: str, key: str) -> None:
    """The rules one by one, those that differ from the reference on purpose among them."""
    assert surt_key(url) == key


@pytest.mark.parametrize(
    "url", ["http://example.com:x/", "http://example.com:65536/", "http://a:1:2/", "http://a:" + "9" * 5000]
)
def test_an_impossible_port_is_an_error_with_a_hint(url: str) -> None:
    """A port that is no number from 0 to 65535 makes no key."""
    with pytest.raises(InvalidInputError) as caught:
        surt_key(url)
    assert caught.value.hint


@given(NAMES, NAMES, st.sampled_from(["", ":8080", ":80", ":443", ":0"]), st.sampled_from(["http", "https"]))
@settings(max_examples=600, deadline=None)
def test_a_host_s_captures_lie_in_its_ranges(name: str, other: str, port: str, scheme: str) -> None:
    """The ranges of a host hold its keys on every port, and no key of a host with other letters (but www.)."""
    assume(name.strip("."))
    key = surt_key(f"{scheme}://{name}{port}/x?y")
    assert is_in(key, host_ranges(name))
    if port:
        assert is_in(key, host_ranges(name + port))
        assert not is_in(surt_key(f"{scheme}://{name}:81/"), host_ranges(name + port))
    bare = surt_key(f"http://{name}/")
    if surt_key(f"http://{other}/") != bare:
        assert not is_in(surt_key(f"http://{other}/x"), host_ranges(name))


@given(NAMES, NAMES, st.sampled_from(["", ":8080"]))
@settings(max_examples=600, deadline=None)
def test_a_domain_s_hosts_lie_in_its_ranges(name: str, below: str, port: str) -> None:
    """The ranges of a domain hold its own keys and those of every host below it, and are disjoint and in order."""
    ranges = domain_ranges(name)
    assert is_in(surt_key(f"http://{name}{port}/x"), ranges)
    assert is_in(surt_key(f"http://{below}.{name}{port}/x"), ranges)
    assert all(one.stop <= two.start for one, two in itertools.pairwise(ranges))


def test_a_domain_does_not_hold_its_neighbours() -> None:
    """Names that only share their beginning, or lie above, are outside."""
    ranges = domain_ranges("example.com")
    for url in ("http://example.com.au/", "http://com/", "http://example-a.com/", "http://myexample.com/"):
        assert not is_in(surt_key(url), ranges)
    assert is_in(surt_key("http://hi.is/"), domain_ranges("is"))


@given(st.lists(st.sampled_from(["/", "a", "B", "%41", "%C3%A9", "é", "-", "~", "x.html", "?q=1"]), max_size=6))
@settings(max_examples=600, deadline=None)
def test_what_starts_with_a_prefix_lies_in_its_ranges(parts: list[str]) -> None:
    """However much of a URL's path is taken as prefix, the URL's key lies in the ranges."""
    url = "example.com/" + "".join(parts)
    path_end = len(url.partition("?")[0])
    for stop in range(len("example.com/"), path_end + 1):
        assert is_in(surt_key(url), prefix_ranges(url[:stop])), url[:stop]


@pytest.mark.parametrize(
    "url",
    [
        "a.com/b/%2541/%2525252541",
        "a.com/100%25/c",
        "a.com/(S(abcdefghijklmnopqrstuvwx))/p.aspx",
        "a.com/b/(F(ABCDEFGHIJKLMNOPQRSTUVWX)S(abcdefghijklmnopqrstuvwx))/c/p.aspx",
        "a.com/b/(abcdefghijklmnopqrstuvwx)/p.aspx",
        "a.com/b/(1)/p.html",
        "a.com/b(1)/p.html",
    ],
)
def test_a_prefix_may_end_within_what_keys_leave_out(url: str) -> None:
    """Within a session, or an escape of an escape, the ranges are wider and hold the key; hosts stay apart."""
    for stop in range(len("a.com/"), len(url) + 1):
        ranges = prefix_ranges(url[:stop])
        assert is_in(surt_key(url), ranges), url[:stop]
        assert not is_in(surt_key("b.com/"), ranges)
    assert not is_in(surt_key("a.com/z"), prefix_ranges("a.com/b(1)/"))


def test_a_folder_prefix_does_not_hold_its_neighbours() -> None:
    """``/a/`` holds itself, with and without a query, and what is below; not ``/ab``."""
    ranges = prefix_ranges("https://example.com/a/")
    inside, outside = ["/a/", "/a/?q", "/a/b"], ["/ab", "/a-b", "/", "/b/a/"]
    assert all(is_in(surt_key("http://example.com" + path), ranges) for path in inside)
    assert not any(is_in(surt_key("http://example.com" + path), ranges) for path in outside)


@pytest.mark.parametrize("call", [
    lambda: host_ranges("a b"), lambda: host_ranges("a/b"), lambda: host_ranges(""), lambda: host_ranges("a:x"),
    lambda: domain_ranges("*.a"), lambda: domain_ranges("a:80"),
        lambda: host_ranges("a:65536"), lambda: prefix_ranges("example.com/a?b"),
    lambda: prefix_ranges("example.com"), lambda: prefix_ranges("/a"),
])  # fmt: skip
def test_what_is_no_host_domain_or_prefix_is_refused(call: object) -> None:
    """A wrong name is an error with a hint, not an empty or endless range."""
    assert callable(call)
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert caught.value.hint


@pytest.mark.parametrize(
    ("target", "ranges"),
    [
        ("https://www.Example.com/A?b", [KeyRange("com,example)/a?b", "com,example)/a?b\0")]),
        ("example.com/", [KeyRange("com,example)/", "com,example)/\0")]),
        (" example.com/a ", [KeyRange("com,example)/a", "com,example)/a\0")]),
        ("example.com:8080/a", [KeyRange("com,example:8080)/a", "com,example:8080)/a\0")]),
        ("surt:com,example)/A*", [KeyRange("com,example)/A*", "com,example)/A*\0")]),
        ("https://example.com/a/*", prefix_ranges("https://example.com/a/")),
        ("example.com/*", prefix_ranges("example.com/")),
        ("example.com", host_ranges("example.com")),
        ("example.com:8080", host_ranges("example.com:8080")),
        ("*.example.com", domain_ranges("example.com")),
        ("*.is", domain_ranges("is")),
    ],
)
def test_targets(target: str, ranges: list[KeyRange]) -> None:
    """A URL is its key, a star at the end a prefix, one in front a domain, a bare name a host, surt: a key."""
    assert target_ranges(target) == ranges


@pytest.mark.parametrize(
    "target",
    [
        "",
        " ",
        "*",
        "*.",
        "surt:",
        "/a",
        "a b",
        "exa*mple.com",
        "example.*",
        "a?b/*",
        "*.a:80",
        "a:x",
        "a?b",
        "surt:\udcff",
    ],
)
def test_what_is_no_target_is_refused(target: str) -> None:
    """Anything else is an error with a hint, never an empty range or all of them."""
    with pytest.raises(InvalidInputError) as caught:
        target_ranges(target)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://WWW.Example.com/a", "www.example.com"),
        ("http://user:p@ss@a.org:8080?x", "a.org"),
        ("http://a.org.#x", "a.org"),
        ("http://münchen.de/", "xn--mnchen-3ya.de"),
        ("http://[::1]:80/", "[::1]"),
        ("http://a.org\\@b.org/", "a.org"),
        ("ftp://a.org", "a.org"),
        ("mailto:x@y.org", ""),
        ("a.org/x", ""),
        ("", ""),
    ],
)
def test_host_of_a_url(url: str, host: str) -> None:
    """The host of a URL is in lower case and ASCII, without user, port and final dot; empty if there is none."""
    assert host_of(url) == host
