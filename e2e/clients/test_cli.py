"""The AWS CLI: commands, waiters and errors of Amazon ECS."""

import json

from ecs import aws, shell


def register(script):
    definitions = json.dumps([shell(script)])
    aws("register-task-definition", "--family", "shell", "--container-definitions", definitions)


def test_a_cluster_is_created_listed_and_deleted():
    created = aws("create-cluster", "--cluster-name", "demo")
    assert aws("list-clusters")["clusterArns"] == [created["cluster"]["clusterArn"]]
    assert aws("delete-cluster", "--cluster", "demo")["cluster"]["status"] == "INACTIVE"
    assert aws("list-clusters")["clusterArns"] == []


def test_an_error_has_the_name_and_the_text_of_aws():
    complaint = aws("list-tasks", "--cluster", "nowhere", expect=255)
    assert "(ClusterNotFoundException) when calling the ListTasks operation: Cluster not found." in complaint, complaint


def test_a_task_is_run_waited_for_and_has_its_exit_code():
    aws("create-cluster")
    register("exit 3")
    task = aws("run-task", "--task-definition", "shell")["tasks"][0]["taskArn"]
    aws("wait", "tasks-stopped", "--tasks", task)
    stopped = aws("describe-tasks", "--tasks", task)["tasks"][0]
    assert stopped["containers"][0]["exitCode"] == 3
    assert stopped["stopCode"] == "EssentialContainerExited"
