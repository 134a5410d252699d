"""The endpoint of `kecs start` itself, with the LocalStack that it starts when it is first called."""

import os
import urllib.request

from localstack import service


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
