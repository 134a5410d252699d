"""The endpoint of `kecs start` itself, with the LocalStack that it starts when it is first called."""

import http.client
import json
import os
import urllib.parse
import urllib.request

import boto3
from botocore.config import Config

from localstack import service

ENDPOINT = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])


def raw(method, path, host, body=None, headers=None):
    """A request as curl sends it, for a host of any name."""
    connection = http.client.HTTPConnection(ENDPOINT.netloc, timeout=120)
    connection.request(method, path, body=body, headers={"Host": host, **(headers or {})})
    answer = connection.getresponse()
    read = answer.read()
    connection.close()
    return answer.status, read


def test_a_queues_url_leads_back_through_the_endpoint():
    sqs = service("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    assert url.split("/")[2].rsplit(":", 1)[1] == os.environ["AWS_ENDPOINT_URL"].rsplit(":", 1)[1], url
    sqs.send_message(QueueUrl=url, MessageBody="work")
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]["Body"] == "work"


def test_a_presigned_url_works_without_an_sdk():
    s3 = service("s3")
    s3.create_bucket(Bucket="signed")
    put = s3.generate_presigned_url("put_object", Params={"Bucket": "signed", "Key": "k"}, ExpiresIn=600)
    urllib.request.urlopen(urllib.request.Request(put, data=b"by hand", method="PUT"), timeout=60).read()
    get = s3.generate_presigned_url("get_object", Params={"Bucket": "signed", "Key": "k"}, ExpiresIn=600)
    assert urllib.request.urlopen(get, timeout=60).read() == b"by hand"


def test_the_region_of_a_call_is_kept():
    service("ssm").put_parameter(Name="/of/us", Value="1", Type="String")
    assert service("ssm", region_name="eu-west-1").get_parameters(Names=["/of/us"])["InvalidParameters"] == ["/of/us"]


def test_the_path_may_name_the_service():
    service("ssm").put_parameter(Name="/of/path", Value="found", Type="String")
    headers = {"X-Amz-Target": "AmazonSSM.GetParameter", "Content-Type": "application/x-amz-json-1.1"}
    status, read = raw("POST", "/api/v1/ssm/", ENDPOINT.netloc, json.dumps({"Name": "/of/path"}), headers)
    assert (status, json.loads(read)["Parameter"]["Value"]) == (200, "found"), read
    service("s3").create_bucket(Bucket="of-path")
    assert raw("PUT", "/api/v1/s3/of-path/k%20y?x-id=PutObject", ENDPOINT.netloc, b"content")[0] == 200
    assert service("s3").get_object(Bucket="of-path", Key="k y")["Body"].read() == b"content"


def test_a_bucket_may_be_in_the_host():
    """As SDKs put it there: the URL is boto3's own, and the name need not lead anywhere."""
    service("s3").create_bucket(Bucket="in-host")
    virtual = Config(s3={"addressing_style": "virtual"}, signature_version="s3v4")
    s3 = boto3.client("s3", config=virtual, endpoint_url=f"http://s3.localhost:{ENDPOINT.port}")

    def call(operation, body=None):
        url = urllib.parse.urlsplit(s3.generate_presigned_url(operation, Params={"Bucket": "in-host", "Key": "a/k"}, ExpiresIn=600))
        assert url.netloc == f"in-host.s3.localhost:{ENDPOINT.port}", url
        return raw("PUT" if body else "GET", f"{url.path}?{url.query}", url.netloc, body)

    assert call("put_object", b"content")[0] == 200
    assert call("get_object") == (200, b"content")
    assert service("s3").get_object(Bucket="in-host", Key="a/k")["Body"].read() == b"content"
    assert raw("GET", "/a/k", "in-host.s3.amazonaws.com") == (200, b"content")
