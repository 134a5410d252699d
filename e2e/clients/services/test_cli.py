"""The AWS CLI with other services: parameters, objects and errors."""

import os
import subprocess
import tempfile
import urllib.request
import uuid

from ecs import CLI, REFUSED, cli


def aws(*words, expect=0):
    """What `aws` prints, or complains about when `expect` is not 0."""
    done = cli(*words, "--output", "text", expect=expect)
    return done.stderr if expect else done.stdout.strip()


def bucket():
    """The URL of a new bucket: both versions share a server."""
    url = f"s3://cli-{uuid.uuid4()}"
    aws("s3", "mb", url)
    return url


def test_a_secret_parameter_is_put_and_got():
    name = f"/cli/{uuid.uuid4()}"
    aws("ssm", "put-parameter", "--name", name, "--value", "v", "--type", "SecureString")
    assert aws("ssm", "get-parameter", "--name", name, "--with-decryption", "--query", "Parameter.Value") == "v"


def test_an_error_of_another_service_has_its_name_and_ends_as_with_aws():
    complaint = aws("ssm", "get-parameter", "--name", "/nowhere", expect=REFUSED)
    assert "An error occurred (ParameterNotFound) when calling the GetParameter operation" in complaint, complaint
    # The high-level commands of S3 have a return code of their own.
    complaint = aws("s3", "cp", "s3://nowhere-to-be-found/k", "-", expect=1)
    assert "An error occurred (404) when calling the HeadObject operation: " in complaint, complaint


def test_a_large_file_goes_up_in_parts_and_comes_down_whole():
    url = bucket()
    with tempfile.TemporaryDirectory() as folder:
        up, down = os.path.join(folder, "up"), os.path.join(folder, "down")
        # From 8 MiB on it is sent in parts of that size.
        content = os.urandom(20 * 1024 * 1024)
        with open(up, "wb") as file:
            file.write(content)
        aws("s3", "cp", up, f"{url}/folder/large", "--only-show-errors")
        tag = aws("s3api", "head-object", "--bucket", url[5:], "--key", "folder/large", "--query", "ETag")
        assert tag.strip('"').endswith("-3"), tag
        aws("s3", "cp", f"{url}/folder/large", down, "--only-show-errors")
        with open(down, "rb") as file:
            assert file.read() == content
    assert aws("s3", "ls", url, "--recursive").split()[-2:] == [str(len(content)), "folder/large"]


def test_a_presigned_url_works_without_an_sdk():
    url = bucket()
    put = subprocess.run([*CLI, "s3", "cp", "-", f"{url}/k"], input=b"by the CLI", capture_output=True)
    assert put.returncode == 0, put.stderr
    presigned = aws("s3", "presign", f"{url}/k")
    assert urllib.request.urlopen(presigned, timeout=60).read() == b"by the CLI"
