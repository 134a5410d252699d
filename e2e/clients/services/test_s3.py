"""S3 through KECS: what depends on bodies, hosts and signatures arriving as the client made them."""

import hashlib
import http.client
import io
import os
import urllib.parse
import zlib

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

ENDPOINT = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])


def s3(style="path", **config):
    return boto3.client("s3", config=Config(s3={"addressing_style": style}, retries={"total_max_attempts": 1}, **config))


def bucket(client, name):
    client.create_bucket(Bucket=name)
    return name


def content(length):
    """Bytes that differ from place to place."""
    return b"".join(hashlib.sha256(number.to_bytes(8, "big")).digest() for number in range(length // 32 + 1))[:length]


def raw(method, url, body=None, headers=None, host=None):
    """A request as curl sends it: what the URL says, and no SDK."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(ENDPOINT.netloc, timeout=60)
    target = parts.path + ("?" + parts.query if parts.query else "")
    connection.request(method, target, body=body, headers={"Host": host or parts.netloc, **(headers or {})})
    answer = connection.getresponse()
    read = answer.read()
    connection.close()
    return answer, read


def test_an_object_goes_there_and_comes_back():
    client = s3()
    name = bucket(client, "plain")
    put = client.put_object(Bucket=name, Key="a key/ü+%.txt", Body=b"content", Metadata={"stage": "test"})
    # boto3 checks objects by CRC32 unless told otherwise.
    assert put["ChecksumCRC32"], put
    got = client.get_object(Bucket=name, Key="a key/ü+%.txt")
    assert got["Body"].read() == b"content"
    assert got["Metadata"] == {"stage": "test"}
    assert [found["Key"] for found in client.list_objects_v2(Bucket=name)["Contents"]] == ["a key/ü+%.txt"]


def test_an_empty_object_is_empty():
    client = s3()
    name = bucket(client, "empty")
    client.put_object(Bucket=name, Key="nothing", Body=b"")
    assert client.head_object(Bucket=name, Key="nothing")["ContentLength"] == 0
    assert client.get_object(Bucket=name, Key="nothing")["Body"].read() == b""


def test_head_tells_the_length_without_a_body():
    client = s3()
    name = bucket(client, "heads")
    client.put_object(Bucket=name, Key="k", Body=content(12345))
    assert client.head_object(Bucket=name, Key="k")["ContentLength"] == 12345


def test_ranges_are_parts():
    client = s3()
    name, whole = bucket(client, "ranges"), content(100_000)
    client.put_object(Bucket=name, Key="k", Body=whole)
    part = client.get_object(Bucket=name, Key="k", Range="bytes=99990-")
    assert (part["ResponseMetadata"]["HTTPStatusCode"], part["ContentRange"]) == (206, "bytes 99990-99999/100000")
    assert part["Body"].read() == whole[99990:]


def test_a_multipart_upload_of_20_mib_is_whole():
    client = s3()
    name, whole = bucket(client, "parts"), content(20 * 1024 * 1024)
    transfer = TransferConfig(multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024, max_concurrency=4)
    client.upload_fileobj(io.BytesIO(whole), name, "large", Config=transfer)
    assert client.head_object(Bucket=name, Key="large")["ETag"].strip('"').endswith("-4")
    received = io.BytesIO()
    client.download_fileobj(name, "large", received, Config=transfer)
    assert hashlib.sha256(received.getvalue()).digest() == hashlib.sha256(whole).digest()


def test_chunks_with_a_checksum_in_their_trailer_pass_untouched():
    """The body that SDKs send for streams whose checksum is not known beforehand, over HTTPS; here by hand."""
    client = s3()
    name, whole = bucket(client, "trailers"), content(70_000)
    checksum = __import__("base64").b64encode(zlib.crc32(whole).to_bytes(4, "big")).decode()
    chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (whole[:65536], whole[65536:]))
    body = chunks + f"0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n".encode()
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
        "Content-Encoding": "aws-chunked",
        "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "X-Amz-Decoded-Content-Length": str(len(whole)),
        "X-Amz-Trailer": "x-amz-checksum-crc32",
    }
    answer, read = raw("PUT", f"{ENDPOINT.geturl()}/{name}/k", body=body, headers=headers)
    assert answer.status == 200, read
    assert client.get_object(Bucket=name, Key="k")["Body"].read() == whole
    # A wrong checksum reaches S3 as well, which refuses it.
    wrong = body.replace(checksum.encode(), b"AAAAAA==")
    answer, read = raw("PUT", f"{ENDPOINT.geturl()}/{name}/wrong", body=wrong, headers=headers)
    assert answer.status == 400, read


def test_presigned_urls_work_without_an_sdk():
    for signature in ("s3v4", "s3"):
        client = s3(signature_version=signature)
        name = bucket(client, f"presigned-{signature}")
        url = client.generate_presigned_url("put_object", Params={"Bucket": name, "Key": "a/k"}, ExpiresIn=60)
        answer, read = raw("PUT", url, body=b"by hand")
        assert answer.status == 200, read
        answer, read = raw("GET", client.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "a/k"}, ExpiresIn=60))
        assert (answer.status, read) == (200, b"by hand")


def test_a_bucket_may_be_in_the_host():
    client = s3()
    name = bucket(client, "virtual")
    client.put_object(Bucket=name, Key="k", Body=b"content")
    host = f"{name}.s3.localhost.localstack.cloud:4566"
    answer, read = raw("GET", f"{ENDPOINT.geturl()}/k", host=host)
    assert (answer.status, read) == (200, b"content")


def test_a_client_that_expects_to_be_told_to_go_on_is():
    """botocore sends objects with `Expect: 100-continue`, and waits a second for the answer before it sends the body without one."""
    client = s3()
    name = bucket(client, "expecting")
    seen = []
    client.meta.events.register("before-send.s3.PutObject", lambda request, **_: seen.append(request.headers.get("Expect")))
    client.put_object(Bucket=name, Key="k", Body=io.BytesIO(content(1_000_000)))
    assert seen and seen[0] in ("100-continue", b"100-continue"), seen
    assert client.head_object(Bucket=name, Key="k")["ContentLength"] == 1_000_000


def test_errors_of_s3_are_its_own():
    client = s3()
    try:
        client.get_object(Bucket="nowhere-to-be-found", Key="k")
        raise AssertionError("there is no such bucket")
    except client.exceptions.NoSuchBucket as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
        assert error.response["ResponseMetadata"]["RequestId"]
