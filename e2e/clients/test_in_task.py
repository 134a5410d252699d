"""boto3 inside of a task, told nothing but what the task's environment says."""

import json
import os
import sys
import tempfile
import textwrap

from ecs import client, waiter


def run_inside(script, service=False, **definition):
    """Runs a Python script as a task and returns what it writes to the file that `out` names, as JSON."""
    ecs = client()
    ecs.create_cluster()
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        prelude = f"import boto3, json, os, urllib.request\nout = open({out!r}, 'w')\n"
        container = {
            "name": "app",
            "image": "none",
            "memory": 64,
            "command": [sys.executable, "-c", prelude + textwrap.dedent(script)],
        }
        ecs.register_task_definition(family="inside", containerDefinitions=[container], **definition)
        task = ecs.run_task(taskDefinition="inside")["tasks"][0]["taskArn"]
        waiter(ecs, "tasks_stopped")(tasks=[task])
        stopped = ecs.describe_tasks(tasks=[task])["tasks"][0]
        assert stopped["containers"][0].get("exitCode") == 0, stopped
        with open(out) as written:
            return task, json.load(written)


CREDENTIALS = """
    session = boto3.Session()
    credentials = session.get_credentials()
    clusters = session.client("ecs").list_clusters()["clusterArns"]
    json.dump([credentials.method, credentials.access_key, session.region_name, clusters], out)
"""


def test_an_unmodified_sdk_finds_its_credentials_its_region_and_the_endpoint():
    _, found = run_inside(CREDENTIALS)
    method, key, region, clusters = found
    # What botocore calls the provider of a container's credentials.
    assert method == "container-role"
    assert (key, region) == ("000000000000", "us-east-1")
    assert clusters == ["arn:aws:ecs:us-east-1:000000000000:cluster/default"]


def test_a_task_finds_its_metadata_and_may_not_protect_itself_without_a_service():
    task, found = run_inside(
        """
        def get(url):
            with urllib.request.urlopen(url) as answer:
                return json.load(answer)
        v4 = os.environ["ECS_CONTAINER_METADATA_URI_V4"]
        state = os.environ["ECS_AGENT_URI"] + "/task-protection/v1/state"
        json.dump([get(v4), get(v4 + "/task"), get(os.environ["ECS_CONTAINER_METADATA_URI"]), get(state)], out)
        """
    )
    container, whole, v3, protection = found
    assert container["Name"] == v3["Name"] == "app"
    assert container["DockerId"].startswith(task.rsplit("/", 1)[1])
    assert container["Labels"]["com.amazonaws.ecs.task-arn"] == whole["TaskARN"] == task
    assert (whole["Family"], whole["Revision"], whole["LaunchType"]) == ("inside", "1", "EC2")
    assert protection["failure"]["Reason"] == "TASK_NOT_VALID"
