"""boto3: calls, waiters and paginators of Amazon ECS."""

from botocore.exceptions import ClientError

from ecs import client, register, waiter


def test_creating_a_cluster_twice_gives_the_same_cluster():
    ecs = client()
    first = ecs.create_cluster(clusterName="Demo_Cluster")["cluster"]
    second = ecs.create_cluster(clusterName="Demo_Cluster")["cluster"]
    assert first["clusterArn"] == second["clusterArn"] == "arn:aws:ecs:us-east-1:000000000000:cluster/Demo_Cluster"
    assert first["status"] == "ACTIVE"


def test_a_deleted_cluster_is_inactive():
    ecs = client()
    ecs.create_cluster(clusterName="demo")
    assert ecs.delete_cluster(cluster="demo")["cluster"]["status"] == "INACTIVE"


def test_an_unknown_cluster_is_a_failure_of_describe_and_an_error_elsewhere():
    ecs = client()
    described = ecs.describe_clusters(clusters=["nowhere"])
    assert described["clusters"] == []
    assert described["failures"][0]["reason"] == "MISSING"
    try:
        ecs.list_tasks(cluster="nowhere")
        raise AssertionError("list_tasks accepted an unknown cluster")
    except ecs.exceptions.ClusterNotFoundException as error:
        # The text of the API reference's examples, and what clients match on.
        assert error.response["Error"]["Message"] == "Cluster not found."
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_paginator_of_clusters_gives_each_cluster_once():
    ecs = client()
    names = {f"c{number:02}" for number in range(25)}
    for name in names:
        ecs.create_cluster(clusterName=name)
    pages = list(ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 10}))
    arns = [arn for page in pages for arn in page["clusterArns"]]
    assert [len(page["clusterArns"]) for page in pages] == [10, 10, 5]
    assert sorted(arn.rsplit("/", 1)[1] for arn in arns) == sorted(names)


def test_the_paginator_of_task_definitions_gives_each_revision_in_order():
    ecs = client()
    arns = [register(ecs, f"exit {code}") for code in range(5)]
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix="shell", PaginationConfig={"PageSize": 2})
    assert [arn for page in pages for arn in page["taskDefinitionArns"]] == arns


def test_the_waiters_of_tasks_end_and_the_exit_code_is_the_containers():
    ecs = client()
    ecs.create_cluster()
    register(ecs, "exec sleep 1000")
    task = ecs.run_task(taskDefinition="shell")["tasks"][0]["taskArn"]
    waiter(ecs, "tasks_running")(tasks=[task])
    ecs.stop_task(task=task, reason="enough")
    waiter(ecs, "tasks_stopped")(tasks=[task])
    stopped = ecs.describe_tasks(tasks=[task])["tasks"][0]
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")
    # 128 + SIGTERM, as a container runtime reports an end by a signal.
    assert stopped["containers"][0]["exitCode"] == 143


def test_the_paginator_of_tasks_gives_each_task_once():
    ecs = client()
    ecs.create_cluster()
    register(ecs, "exec sleep 1000")
    started = {task["taskArn"] for task in ecs.run_task(taskDefinition="shell", count=5)["tasks"]}
    pages = ecs.get_paginator("list_tasks").paginate(PaginationConfig={"PageSize": 2})
    listed = [arn for page in pages for arn in page["taskArns"]]
    assert len(listed) == 5 and set(listed) == started


def test_an_unknown_task_definition_is_a_client_exception():
    ecs = client()
    try:
        ecs.describe_task_definition(taskDefinition="nothing")
        raise AssertionError("describe_task_definition accepted an unknown family")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ClientException"
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
