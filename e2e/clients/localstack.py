"""What the tests with LocalStack share: boto3 clients of any service at the one endpoint, and tasks that tell what they see."""

import json
import os
import sys
import tempfile
import uuid

import boto3
from botocore.config import Config

from ecs import client, waiter

#: A first call waits for LocalStack to start.
PATIENT = Config(read_timeout=120, retries={"total_max_attempts": 1})


def service(name, **options):
    """A client of a service. What it calls goes to KECS, which passes it on; nothing is repeated."""
    return boto3.client(name, config=PATIENT, **options)


def run(*, command, family=None, task=None, **container):
    """Runs a task of one container to its end, and returns it as DescribeTasks shows it. The tests share a server, so the family is this call's own."""
    family = family or f"app-{uuid.uuid4()}"
    ecs = client()
    ecs.create_cluster()
    definition = {"name": "app", "image": "app", "memory": 64, "command": command, **container}
    ecs.register_task_definition(family=family, containerDefinitions=[definition], **(task or {}))
    arn = ecs.run_task(taskDefinition=family)["tasks"][0]["taskArn"]
    waiter(ecs, "tasks_stopped")(tasks=[arn])
    return ecs.describe_tasks(tasks=[arn])["tasks"][0]


class Report:
    """A file in which a task writes what it sees."""

    def __init__(self):
        self.path = os.path.join(tempfile.mkdtemp(dir=os.environ["HOME"]), "report")

    def shell(self, script):
        """The command of a container that runs `script` with its output in the report."""
        return ["sh", "-c", f"{{ {script}; }} > {self.path}"]

    def python(self, script):
        """The command of a container that runs Python with boto3."""
        return [sys.executable, "-c", f"import sys\nsys.stdout = open({self.path!r}, 'w')\n{script}"]

    def text(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def json(self):
        return json.loads(self.text())
