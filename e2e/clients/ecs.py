"""What the tests share: a boto3 client that refuses retries, and the AWS CLI."""

import json
import os
import subprocess
import sys
import time

import boto3

IS_VERSION_2 = os.environ.get("KECS_TEST_CLI") == "2"

#: How the AWS CLI is started; version 1 is a module of this Python.
CLI = [os.path.join(os.environ["KECS_AWS_CLI_2"], "aws")] if IS_VERSION_2 else [sys.executable, "-m", "awscli"]

#: How it ends when a service answered with an error ("Command line return codes in the AWS CLI" of its user guide).
REFUSED = 254 if IS_VERSION_2 else 255


def client():
    """A client of Amazon ECS. A request that had to be repeated because of our answer is a bug, so it fails the test."""
    ecs = boto3.client("ecs")

    def refuse_retries(parsed, **_):
        attempts = parsed.get("ResponseMetadata", {}).get("RetryAttempts", 0)
        assert attempts == 0, f"botocore repeated the request {attempts} times: {parsed}"

    ecs.meta.events.register("after-call.ecs.*", refuse_retries)
    return ecs


def waiter(ecs, name):
    """A waiter with the SDK's own acceptors, and a delay that a test can wait for."""
    waiter = ecs.get_waiter(name)

    def wait(**arguments):
        waiter.wait(WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}, **arguments)

    return wait


def eventually(look):
    """What `look` returns once it is something, for what nothing tells its client."""
    deadline = time.monotonic() + 60
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found
    return found


def aws(*words, expect=0):
    """Runs `aws ecs` and returns its answer, or what it complains about when `expect` is not 0."""
    done = cli("ecs", *words, "--output", "json", expect=expect)
    return done.stderr if expect else json.loads(done.stdout or "null")


def cli(*words, expect=0):
    """Runs `aws`. A request that had to be repeated because of our answer is a bug."""
    # A complaint says so itself, and where nothing may be repeated version 2 says always that it was not.
    once = {} if expect else {"AWS_MAX_ATTEMPTS": "1"}
    done = subprocess.run([*CLI, *words], capture_output=True, text=True, env={**os.environ, **once})
    assert done.returncode == expect, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done


def shell(script, **more):
    """A container that runs a shell command as a process."""
    return {"name": "app", "image": os.environ.get("KECS_TEST_IMAGE", "none"), "memory": 64, "command": ["/bin/sh", "-c", script], **more}


def register(ecs, script, family="shell"):
    """Registers a task definition with one such container, and returns its ARN."""
    registered = ecs.register_task_definition(family=family, containerDefinitions=[shell(script)])
    return registered["taskDefinition"]["taskDefinitionArn"]


def register_with_exec(ecs, script, family="exec", **more):
    """Registers a task definition whose tasks may be looked into: ECS Exec wants a task role."""
    role = "arn:aws:iam::000000000000:role/exec"
    ecs.register_task_definition(family=family, taskRoleArn=role, containerDefinitions=[shell(script, **more)])


def running(ecs, family="exec", **more):
    """Runs a task that may be looked into, waits until it runs, and returns its ARN."""
    task = ecs.run_task(taskDefinition=family, **{"enableExecuteCommand": True, **more})["tasks"][0]["taskArn"]
    waiter(ecs, "tasks_running")(tasks=[task])
    return task
