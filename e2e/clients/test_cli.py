"""The AWS CLI: commands, waiters and errors of Amazon ECS."""

import json

from ecs import REFUSED, aws, client, shell


def register(script):
    definitions = json.dumps([shell(script)])
    aws("register-task-definition", "--family", "shell", "--container-definitions", definitions)


def test_a_cluster_is_created_listed_and_deleted():
    created = aws("create-cluster", "--cluster-name", "demo")
    assert aws("list-clusters")["clusterArns"] == [created["cluster"]["clusterArn"]]
    assert aws("delete-cluster", "--cluster", "demo")["cluster"]["status"] == "INACTIVE"
    assert aws("list-clusters")["clusterArns"] == []


def test_what_is_listed_comes_page_by_page_as_one_list_or_as_far_as_is_asked():
    for number in range(5):
        client().create_cluster(clusterName=f"c{number}")
    listed = aws("list-clusters", "--page-size", "2", "--query", "clusterArns[?ends_with(@, 'c4')] | [0]")
    assert listed == "arn:aws:ecs:us-east-1:000000000000:cluster/c4", listed
    first = aws("list-clusters", "--max-items", "3")
    rest = aws("list-clusters", "--starting-token", first["NextToken"])
    assert (len(first["clusterArns"]), len(rest["clusterArns"]), "NextToken" in rest) == (3, 2, False), (first, rest)
    assert not {*first["clusterArns"]} & {*rest["clusterArns"]}, (first, rest)


def test_an_error_has_the_name_and_the_text_of_aws():
    complaint = aws("list-tasks", "--cluster", "nowhere", expect=REFUSED)
    assert "(ClusterNotFoundException) when calling the ListTasks operation: Cluster not found." in complaint, complaint


def test_a_task_is_run_waited_for_and_has_its_exit_code():
    aws("create-cluster")
    register("exit 3")
    task = aws("run-task", "--task-definition", "shell")["tasks"][0]["taskArn"]
    aws("wait", "tasks-stopped", "--tasks", task)
    stopped = aws("describe-tasks", "--tasks", task)["tasks"][0]
    assert stopped["containers"][0]["exitCode"] == 3
    assert stopped["stopCode"] == "EssentialContainerExited"
