"""S3: who asks, where a bucket is, and what its answers mean. That all bytes come is in the contract suite."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import botocore.session
import pytest
import urllib3
from tests.conftest import Moto, moto_server
from tests.transport.conftest import QUICK
from tests.transport.serving import serving

from cctrawl.errors import AccessDeniedError, InvalidInputError, NotFoundError, TransportError
from cctrawl.testing.faults import ChangedFile, Refuse, Reset
from cctrawl.transport import uploads
from cctrawl.transport.aws import Account
from cctrawl.transport.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.s3_proxy import Proxy
    from tests.transport.conftest import Bench

FILE = "s3://bucket/a.warc.gz"


@pytest.fixture
def bucket(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Serve ``s3://bucket/`` by the server with faults; it needs no signatures."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", bench.server.url)
    (bench.server.folder / "bucket").mkdir()
    for name in ("a.warc.gz", "b.warc.gz"):
        (bench.server.folder / name).rename(bench.server.folder / "bucket" / name)
    return bench


def authorization(account: Account) -> str | None:
    """Return the signature of a request to a bucket."""
    region = account.region_of("bucket")
    url = account.url_of(region, "bucket", "a")
    return account.signed(region, url, Request()).headers.get("Authorization")


def test_anonymous_without_credentials() -> None:
    """Where no credentials are found, requests carry no signature."""
    account = Account()
    assert account.is_anonymous
    assert authorization(account) is None


def test_credentials_of_the_environment_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in the environment sign each request for the region in force, unless no signature is wanted."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert "Credential=AKID/" in (authorization(Account()) or "")
    assert "/eu-west-1/s3/" in (authorization(Account()) or "")
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    assert Account().is_anonymous


def test_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A profile brings keys, region and endpoint; one that is not there, or half of one, is named."""
    (tmp_path / "config").write_text(
        "[profile lab]\nregion = us-west-2\nendpoint_url = http://127.0.0.1:9/\naws_access_key_id = LAB\n"
        "aws_secret_access_key = x\n[profile half]\naws_access_key_id = LAB\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    account = Account()
    assert "Credential=LAB/" in (authorization(account) or "")
    assert account.url_of("us-west-2", "bucket", "a b") == "http://127.0.0.1:9/bucket/a%20b"
    monkeypatch.setenv("AWS_PROFILE", "none")
    with pytest.raises(InvalidInputError, match="none"):
        Account()
    monkeypatch.setenv("AWS_PROFILE", "half")
    with pytest.raises(AccessDeniedError, match="secret"):
        Account()


@pytest.mark.parametrize(
    ("region", "bucket", "url"),
    [
        ("", "commoncrawl", "https://commoncrawl.s3.us-east-1.amazonaws.com/a%2Bb"),
        ("eu-west-1", "commoncrawl", "https://commoncrawl.s3.us-east-1.amazonaws.com/a%2Bb"),
        ("eu-west-1", "mine", "https://mine.s3.eu-west-1.amazonaws.com/a%2Bb"),
        ("eu-west-1", "my.data", "https://s3.eu-west-1.amazonaws.com/my.data/a%2Bb"),
        ("cn-north-1", "mine", "https://mine.s3.cn-north-1.amazonaws.com.cn/a%2Bb"),
    ],
)
def test_addresses(monkeypatch: pytest.MonkeyPatch, region: str, bucket: str, url: str) -> None:
    """A bucket is a host of its region; a name with dots stands in the path, as certificates want it."""
    if region:
        monkeypatch.setenv("AWS_REGION", region)
    account = Account()
    assert account.url_of(account.region_of(bucket), bucket, "a+b") == url


def test_an_endpoint_that_is_no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint without scheme is the caller's mistake."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    with pytest.raises(InvalidInputError, match="localhost:9000"):
        Account()


def test_without_the_extra(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without botocore the error says what to install."""
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(InvalidInputError, match="botocore") as caught:
        bench.transport().size(FILE)
    assert caught.value.hint == "pip install 'cctrawl[s3]'"


def test_odd_keys_are_asked_for_as_they_stand(bench: Bench, moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in a key is quoted or cut: ``%``, ``+``, ``?``, ``#`` and blanks are themselves."""
    moto.lead(monkeypatch)
    name = moto.make_bucket()
    for key in ("a b+c%20d.gz", "é~(1)=x&y.gz", "q?x=1#y.gz", "//double//slash"):
        moto.put(name, key, key.encode())
        assert bench.transport().read_file(f"s3://{name}/{key}") == key.encode()


def reader_and_writer(moto: Moto) -> dict[str, str]:
    """Have moto check all signatures from now on, and return the keys of somebody who may use S3."""
    iam = botocore.session.get_session().create_client("iam", region_name="us-east-1")
    iam.create_user(UserName="user")
    keys = iam.create_access_key(UserName="user")["AccessKey"]
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="user", PolicyName="s3", PolicyDocument=policy)
    assert urllib3.request("POST", f"{moto.url}/moto-api/reset-auth", body=b"0").status == 200
    return {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"]}


def test_signatures_hold(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that checks signatures takes all of ours, whatever the key, and none with a wrong secret."""
    (tmp_path / "source").write_bytes(bench.body)
    monkeypatch.setattr(uploads, "PART_BYTES", 200_000)
    with moto_server() as moto:
        moto.lead(monkeypatch)
        root = f"s3://{moto.make_bucket()}/"
        for name, value in reader_and_writer(moto).items():
            monkeypatch.setenv(name, value)
        transport = bench.transport()
        for key in ("a", "a b+c%20d(1)=x&y", "é~*'!", "q?x=1#y", "out/x"):
            transport.put(tmp_path / "source", root + key)
            transport.copy(root + key, root + key + "2")
            transport.delete(root + key)
            assert transport.read_file(root + key + "2") == bench.body
            assert transport.read_range(root + key + "2", 5, 9) == bench.body[5:9]
        assert len(list(transport.list_files(root))) == 4
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        with pytest.raises(AccessDeniedError, match="SignatureDoesNotMatch"):
            bench.transport().read_file(root + "a2")


def test_slow_down_is_a_refusal(bucket: Bench) -> None:
    """A 503 is waited out, counted, and no try."""
    bucket.faults(Refuse(status=503, times=4))
    transport = bucket.transport(tries=1)
    assert transport.read_file(FILE) == bucket.body
    assert transport.counters.snapshot().refusals == 4
    assert "refused" in bucket.kinds()


def test_a_block_of_a_bucket_is_waited_out(bench: Bench, moto: Moto, proxy: Proxy, tmp_path: Path) -> None:
    """A bucket that refuses everything is probed even where none of its objects is known, and then goes on."""
    transport = bench.transport(replace(QUICK, path_refusals=50), block_pause="100ms")
    bucket = f"s3://{moto.make_bucket()}/"
    for allowed in (0, 1):  # the listing is refused first; the listing is all that was answered
        proxy.plan = dict.fromkeys(range(1 + allowed, 7 + allowed), "refuse")
        assert list(transport.list_files(bucket + "part-")) == []
        (tmp_path / "source").write_bytes(bench.body)
        transport.put(tmp_path / "source", bucket + "a")
        assert transport.read_file(bucket + "a") == bench.body
        assert bench.kinds()[-2:] == ["probing", "resumed"]
        bench.events.clear()


@pytest.mark.parametrize("keys", [True, False])
def test_403_is_access_denied(bucket: Bench, monkeypatch: pytest.MonkeyPatch, *, keys: bool) -> None:
    """A 403 is no refusal, also below the base URL; the hint tells missing credentials from those that may not."""
    if keys:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    transport = bucket.transport(base_url="s3://bucket/")
    bucket.faults(Refuse(status=403))
    with pytest.raises(AccessDeniedError, match="AccessDenied") as caught:
        transport.read_range(FILE, 0, 5)
    assert ("these credentials" if keys else "no AWS credentials") in (caught.value.hint or "")
    assert len(bucket.server.requests) == 1
    assert transport.counters.snapshot().refusals == 0


def test_common_crawl_s_bucket_has_another_way_in(bucket: Bench) -> None:
    """Who is denied Common Crawl's bucket for want of credentials hears of the way without."""
    bucket.faults(Refuse(status=403))
    with pytest.raises(AccessDeniedError) as caught:
        bucket.transport().size("s3://commoncrawl/a")
    assert "https://data.commoncrawl.org/" in (caught.value.hint or "")


def test_what_is_not_there(bucket: Bench) -> None:
    """A missing key is not found."""
    with pytest.raises(NotFoundError, match="s3://bucket/none"):
        bucket.transport().size("s3://bucket/none")


def test_a_file_that_changes_while_it_is_read(bucket: Bench) -> None:
    """A resumed stream notices another ETag, as over HTTP."""
    transport = bucket.transport()
    bucket.faults(Reset(after_bytes=50_000, times=1))
    with transport.open_stream(FILE) as stream:
        stream.read(10_000)
        bucket.server.set_faults([ChangedFile()])
        with pytest.raises(TransportError, match="changed while it was read"):
            list(iter(lambda: stream.read(10_000), b""))


LISTING = (
    b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>'
    b"<Contents><Key>a</Key><Size>5</Size></Contents></ListBucketResult>"
)


@pytest.mark.parametrize("odd", [LISTING[:90], b"<html><body>Please log in</body></html>", b""])
def test_half_a_listing_is_none(bench: Bench, monkeypatch: pytest.MonkeyPatch, odd: bytes) -> None:
    """An answer that is cut, or a page of somebody else's, is asked for again and never an empty listing."""
    answers = [odd, LISTING, *[odd] * 3]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers.pop(0))

        def log_message(self, *_: object) -> None: ...

    with served(Handler) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        transport = bench.transport()
        assert [entry.location for entry in transport.list_files("s3://mine/a")] == ["s3://mine/a"]
        assert transport.counters.snapshot().retries == 1
        with pytest.raises(TransportError, match="S3 answered"):
            list(transport.list_files("s3://mine/a"))


class Elsewhere(BaseHTTPRequestHandler):
    """A bucket of eu-central-1 that is asked in another region."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answer those who signed for the right region, and tell it to others."""
        is_right = "/eu-central-1/s3/" in self.headers["Authorization"]
        self.send_response(200 if is_right else 400)
        self.send_header("x-amz-bucket-region", "eu-central-1")
        self.send_header("Content-Length", "5")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer as the handler does."""
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as url:
        yield url.rstrip("/")


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Serve that bucket."""
    with served(Elsewhere) as url:
        yield url


def test_the_region_of_a_bucket_is_learnt(elsewhere: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket in another region is asked there, after one answer that tells it; that costs no try."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", elsewhere)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    transport = bench.transport(tries=1)
    assert [transport.size("s3://mine/a"), transport.size("s3://mine/b")] == [5, 5]
    assert transport.counters.snapshot().requests == 3


def test_the_region_of_a_bucket_is_learnt_by_many_at_once(
    elsewhere: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that were under way when another one learnt the region are asked again there, too."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", elsewhere)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    meeting = threading.Barrier(4)
    answer = Elsewhere.do_HEAD

    def slow_answer(handler: Elsewhere) -> None:
        if "/eu-central-1/s3/" not in handler.headers["Authorization"]:
            meeting.wait(10)  # all have asked in the wrong region before one is answered
        answer(handler)

    monkeypatch.setattr(Elsewhere, "do_HEAD", slow_answer)
    transport = bench.transport(tries=1)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(transport.size, [f"s3://mine/{n}" for n in range(4)])) == [5] * 4
