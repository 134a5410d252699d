"""What the tests share: a boto3 client that refuses retries, and the AWS CLI."""

import json
import os
import subprocess
import sys
import time

import boto3


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
    command = [sys.executable, "-m", "awscli", "ecs", *words, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "AWS_MAX_ATTEMPTS": "1"})
    assert done.returncode == expect, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
    if expect:
        return done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


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
