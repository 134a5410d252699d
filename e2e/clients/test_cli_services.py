"""The AWS CLI: services."""

import json

from ecs import aws, shell


def register(script):
    definitions = json.dumps([shell(script)])
    aws("register-task-definition", "--family", "shell", "--container-definitions", definitions)


def test_a_service_is_created_waited_for_and_deleted():
    aws("create-cluster")
    register("exec sleep 1000")
    aws("create-service", "--service-name", "web", "--task-definition", "shell", "--desired-count", "1")
    aws("wait", "services-stable", "--services", "web")
    assert aws("describe-services", "--services", "web")["services"][0]["runningCount"] == 1
    aws("delete-service", "--service", "web", "--force")
    aws("wait", "services-inactive", "--services", "web")
