"""One service of each protocol through KECS."""

import http.client
import os
import urllib.parse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ONCE = Config(retries={"total_max_attempts": 1})


def test_json_ssm():
    ssm = boto3.client("ssm", config=ONCE)
    ssm.put_parameter(Name="/app/url", Value="v", Type="String")
    assert ssm.get_parameter(Name="/app/url")["Parameter"]["Value"] == "v"


def test_json_sqs():
    sqs = boto3.client("sqs", config=ONCE)
    url = sqs.create_queue(QueueName="json")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"][0]["Body"] == "hello"


def test_query_sqs():
    """The protocol that older SDKs speak, by hand."""
    endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    connection = http.client.HTTPConnection(endpoint.netloc, timeout=60)
    scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"Authorization": scope, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/", body="Action=CreateQueue&QueueName=query&Version=2012-11-05", headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200 and "<CreateQueueResult><QueueUrl>" in text, text


def test_query_sts_and_iam():
    assert boto3.client("sts", config=ONCE).get_caller_identity()["Account"] == "000000000000"
    iam = boto3.client("iam", config=ONCE)
    iam.create_user(UserName="somebody")
    assert iam.get_user(UserName="somebody")["User"]["UserName"] == "somebody"


def test_ec2():
    assert boto3.client("ec2", config=ONCE).describe_vpcs()["Vpcs"]


def test_cloudwatch_in_whatever_this_sdk_speaks():
    cloudwatch = boto3.client("cloudwatch", config=ONCE)
    cloudwatch.put_metric_data(Namespace="app", MetricData=[{"MetricName": "requests", "Value": 1.0}])
    assert [found["MetricName"] for found in cloudwatch.list_metrics(Namespace="app")["Metrics"]] == ["requests"]


def test_cloudwatch_in_cbor():
    """{"Namespace": "none"} as CBOR, by hand: a map of one pair of texts (RFC 8949)."""
    endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    connection = http.client.HTTPConnection(endpoint.netloc, timeout=60)
    headers = {"Content-Type": "application/cbor", "Accept": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
    scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=0"
    path = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    body = b"\xa1" + b"\x69Namespace" + b"\x64none"
    connection.request("POST", path, body=body, headers={**headers, "Authorization": scope})
    answer = connection.getresponse()
    read = answer.read()
    assert (answer.status, answer.headers["Smithy-Protocol"]) == (200, "rpc-v2-cbor"), read
    assert b"Metrics" in read


def test_rest_json_lambda():
    assert boto3.client("lambda", config=ONCE).list_functions()["Functions"] == []


def test_rest_xml_route53():
    route53 = boto3.client("route53", config=ONCE)
    zone = route53.create_hosted_zone(Name="example.org", CallerReference="1")["HostedZone"]
    assert [found["Id"] for found in route53.list_hosted_zones()["HostedZones"]] == [zone["Id"]]


def test_what_the_service_refuses_arrives_as_its_refusal():
    try:
        boto3.client("ssm", config=ONCE).get_parameter(Name="/nowhere")
        raise AssertionError("there is no such parameter")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ParameterNotFound"
