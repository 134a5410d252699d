"""Programs with AWS's SDKs for other languages (`e2e/programs`), in tasks: what each has to find without being told."""

import base64
import shlex
import uuid
import zlib

from localstack import Report, run, service


def check(*words):
    """Runs a program in a task with a role, and looks at what it found by the environment that the ECS agent gives ("Task IAM role" of the developer guide)."""
    name = f"sdk-{uuid.uuid4()}"
    service("ssm").put_parameter(Name=f"/{name}", Value="from-ssm", Type="SecureString")
    service("s3").create_bucket(Bucket=name)
    report = Report()
    command = report.shell(shlex.join([*words, f"/{name}", name]))
    task = run(command=command, task={"taskRoleArn": "arn:aws:iam::000000000000:role/app-role"})
    assert task["containers"][0]["exitCode"] == 0, task
    found = report.json()
    assert "arn:aws:ecs:us-east-1:000000000000:cluster/default" in found.pop("clusters"), found
    arn, content = task["taskArn"], b"by the task"
    assert found == {
        "region": "us-east-1",
        # Those of a role do.
        "expires": True,
        "identity": f"arn:aws:sts::000000000000:assumed-role/app-role/{arn.rsplit('/', 1)[1]}",
        "parameter": "from-ssm",
        "task": arn,
        "object": content.decode(),
        # What the SDKs send unless they are told otherwise; S3 has compared it with what came.
        "checksum": base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode(),
    }, found
    stored = service("s3").get_object(Bucket=name, Key="object")
    assert stored["Body"].read() == content
