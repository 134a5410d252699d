"""What tasks get from the other AWS services, with the real LocalStack behind: processes that find it as on AWS."""

import hashlib
import json
import os
import urllib.request

from ecs import client, eventually, waiter
from localstack import Report, run, service

EXECUTION_ROLE = "arn:aws:iam::000000000000:role/ecsTaskExecutionRole"


def come_to_be(ecs, **selection):
    """The tasks that there are, once there is one, which nothing tells a client; one that stops between the two calls is in the second answer."""
    stopped = {**selection, "desiredStatus": "STOPPED"}
    return eventually(lambda: ecs.list_tasks(**selection)["taskArns"] or ecs.list_tasks(**stopped)["taskArns"])


def test_secrets_reach_the_container_and_nothing_else():
    service("ssm").put_parameter(Name="/app/token", Value="from-ssm", Type="SecureString")
    secret = service("secretsmanager").create_secret(Name="db", SecretString=json.dumps({"user": "u", "password": "from-asm"}))
    report = Report()
    task = run(
        command=report.shell('echo "$TOKEN $PASSWORD"'),
        secrets=[
            {"name": "TOKEN", "valueFrom": "/app/token"},
            {"name": "PASSWORD", "valueFrom": f"{secret['ARN']}:password::"},
        ],
        task={"executionRoleArn": EXECUTION_ROLE},
    )
    assert task["containers"][0]["exitCode"] == 0, task
    assert report.text() == "from-ssm from-asm\n"
    assert "from-ssm" not in json.dumps(task, default=str)


def test_a_task_without_its_secret_says_so_and_does_not_start():
    task = run(
        command=["true"],
        secrets=[{"name": "TOKEN", "valueFrom": "/app/missing"}],
        task={"executionRoleArn": EXECUTION_ROLE},
    )
    assert task["stopCode"] == "TaskFailedToStart", task
    assert task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets or registry auth: "), task
    assert "/app/missing" in task["stoppedReason"], task


def test_an_unmodified_sdk_has_the_role_and_the_endpoint_of_its_task():
    service("s3").create_bucket(Bucket="of-the-task")
    report = Report()
    script = (
        "import boto3, json\n"
        "boto3.client('s3').put_object(Bucket='of-the-task', Key='k', Body=b'by the task')\n"
        "credentials = boto3.Session().get_credentials()\n"
        "print(json.dumps([boto3.client('sts').get_caller_identity()['Arn'], credentials.method,\n"
        "    boto3.client('ecs').list_clusters()['clusterArns']]))\n"
    )
    task = run(command=report.python(script), task={"taskRoleArn": "arn:aws:iam::000000000000:role/app-role"})
    assert task["containers"][0]["exitCode"] == 0, task
    arn, method, clusters = report.json()
    task_id = task["taskArn"].rsplit("/", 1)[1]
    assert arn == f"arn:aws:sts::000000000000:assumed-role/app-role/{task_id}", arn
    assert method == "container-role", method
    assert task["clusterArn"] in clusters, clusters
    assert service("s3").get_object(Bucket="of-the-task", Key="k")["Body"].read() == b"by the task"


def test_a_task_finds_its_metadata():
    report = Report()
    script = (
        "import json, os, time, urllib.request as r\n"
        "uri = os.environ['ECS_CONTAINER_METADATA_URI_V4']\n"
        "answers = []\n"
        "for path in ['', '/task', '/stats', '/task/stats']:\n"
        "    answers.append(json.load(r.urlopen(uri + path)))\n"
        # Measurements are told apart by the millisecond.
        "    time.sleep(0.002)\n"
        "print(json.dumps(answers))\n"
    )
    task = run(command=report.python(script), family="told")
    container, of_task, stats, all_stats = report.json()
    assert of_task["TaskARN"] == container["Labels"]["com.amazonaws.ecs.task-arn"] == task["taskArn"]
    assert (of_task["Family"], of_task["Revision"], container["Name"]) == ("told", "1", "app")
    # The fields of "Task metadata endpoint version 4 examples" in the developer guide, as monitoring agents read them.
    assert stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0 and stats["cpu_stats"]["online_cpus"] > 0, stats
    assert 0 < stats["cpu_stats"]["cpu_usage"]["total_usage"] < stats["cpu_stats"]["system_cpu_usage"], stats
    # A Python has at least some MiB.
    assert stats["memory_stats"]["usage"] > 4 << 20 and stats["id"] == container["DockerId"], stats
    assert list(all_stats) == [container["DockerId"]] and all_stats[container["DockerId"]]["name"] == "app", all_stats
    # "precpu_stats": the measurement before, from which the share of the processors in between is told.
    again = all_stats[container["DockerId"]]
    assert (again["preread"], again["precpu_stats"]) == (stats["read"], stats["cpu_stats"]), all_stats


def test_output_is_in_cloudwatch_logs_when_the_task_has_stopped():
    task = run(
        command=["sh", "-c", "echo first; echo second >&2; echo third"],
        logConfiguration={
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": "/app",
                "awslogs-region": "us-east-1",
                "awslogs-stream-prefix": "run",
                "awslogs-create-group": "true",
            },
        },
        task={"executionRoleArn": EXECUTION_ROLE},
    )
    task_id = task["taskArn"].rsplit("/", 1)[1]
    events = service("logs").get_log_events(logGroupName="/app", logStreamName=f"run/app/{task_id}", startFromHead=True)
    assert sorted(event["message"] for event in events["events"]) == ["first", "second", "third"]


def test_environment_files_come_from_s3():
    s3 = service("s3")
    s3.create_bucket(Bucket="config")
    s3.put_object(Bucket="config", Key="app.env", Body=b"# settings\nFROM_FILE=yes\nBOTH=file\n")
    report = Report()
    task = run(
        command=report.shell('echo "$FROM_FILE $BOTH"'),
        environment=[{"name": "BOTH", "value": "definition"}],
        environmentFiles=[{"type": "s3", "value": "arn:aws:s3:::config/app.env"}],
        task={"executionRoleArn": EXECUTION_ROLE},
    )
    assert task["containers"][0]["exitCode"] == 0, task
    # "If there are environment variables specified using the environment parameter in a container definition, they take precedence over the
    # variables contained within an environment file" (API reference, EnvironmentFile).
    assert report.text() == "yes definition\n"


def test_artifacts_come_from_s3():
    s3, content = service("s3"), b"#!/bin/sh\necho started by $1\n"
    s3.create_bucket(Bucket="artifacts")
    s3.put_object(Bucket="artifacts", Key="bin/start.sh", Body=content)
    checksum = hashlib.sha256(content).hexdigest()
    report = Report()
    task = run(
        command=report.shell('./opt/start.sh path; "$KECS_ARTIFACT_1" variable'),
        dockerLabels={"kecs.io/artifact.1": f"s3://artifacts/bin/start.sh => /opt/start.sh sha256:{checksum}"},
    )
    assert (task["containers"][0]["exitCode"], report.text()) == (0, "started by path\nstarted by variable\n"), task
    wrong = run(command=["true"], dockerLabels={"kecs.io/artifact.1": f"s3://artifacts/bin/start.sh => /opt/start.sh sha256:{'0' * 64}"})
    assert wrong["stopCode"] == "TaskFailedToStart", wrong
    assert wrong["stoppedReason"].startswith("ResourceInitializationError: failed to download artifacts: s3://artifacts/bin/start.sh"), wrong


def test_a_rule_on_the_default_bus_hears_of_tasks():
    sqs, events = service("sqs"), service("events")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    # Tasks of other tests, which run beside this one, have other families.
    detail = {"lastStatus": ["STOPPED"], "group": ["family:heard"]}
    pattern = {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"], "detail": detail}
    events.put_rule(Name="stopped", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="stopped", Targets=[{"Id": "queue", "Arn": arn}])
    task = run(command=["sh", "-c", "exit 3"], family="heard")
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"]) == ("aws.ecs", "ECS Task State Change"), event
    assert event["resources"] == [task["taskArn"]]
    assert event["detail"]["containers"][0]["exitCode"] == 3


def test_a_schedule_runs_a_task():
    ecs, events = client(), service("events")
    cluster = ecs.create_cluster()["cluster"]["clusterArn"]
    definition = {"name": "app", "image": "app", "memory": 64, "command": ["true"]}
    family = ecs.register_task_definition(family="nightly", containerDefinitions=[definition])
    events.put_rule(Name="often", EventPattern=json.dumps({"source": ["my.app"]}))
    target = {
        "Id": "task",
        "Arn": cluster,
        "RoleArn": "arn:aws:iam::000000000000:role/ecsEventsRole",
        "EcsParameters": {"TaskDefinitionArn": family["taskDefinition"]["taskDefinitionArn"], "TaskCount": 1},
    }
    assert events.put_targets(Rule="often", Targets=[target])["FailedEntryCount"] == 0
    assert events.list_targets_by_rule(Rule="often")["Targets"][0]["Arn"] == cluster
    events.put_events(Entries=[{"Source": "my.app", "DetailType": "tick", "Detail": "{}"}])
    tasks = come_to_be(ecs, family="nightly")
    waiter(ecs, "tasks_stopped")(tasks=tasks)
    assert ecs.describe_tasks(tasks=tasks)["tasks"][0]["startedBy"].startswith("events-rule/"), tasks


def test_a_rule_that_a_task_makes_may_have_its_cluster_as_a_target():
    report = Report()
    script = (
        "import boto3, json\n"
        "events = boto3.client('events')\n"
        "events.put_rule(Name='of-a-task', EventPattern=json.dumps({'source': ['nobody']}))\n"
        "target = {'Id': 't', 'Arn': 'arn:aws:ecs:us-east-1:000000000000:cluster/default', 'RoleArn': 'arn:aws:iam::000000000000:role/r',\n"
        "    'EcsParameters': {'TaskDefinitionArn': 'arn:aws:ecs:us-east-1:000000000000:task-definition/x:1'}}\n"
        "print(events.put_targets(Rule='of-a-task', Targets=[target])['FailedEntryCount'])\n"
    )
    task = run(command=report.python(script))
    assert (task["containers"][0]["exitCode"], report.text()) == (0, "0\n"), task


def test_rules_of_a_clusters_own_localstack_run_tasks():
    ecs, endpoint = client(), os.environ["AWS_ENDPOINT_URL"]
    # What `kecs create-cluster --name own-rules --localstack-services …` asks.
    wanted = json.dumps({"cluster": "own-rules", "services": ["events", "sqs"]}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_kecs/localstack/clusters", wanted, headers)).read()
    cluster = ecs.create_cluster(clusterName="own-rules")["cluster"]["clusterArn"]
    definition = {"name": "app", "image": "app", "memory": 64, "command": ["true"]}
    registered = ecs.register_task_definition(family="own-rules", containerDefinitions=[definition])["taskDefinition"]["taskDefinitionArn"]
    events = service("events", endpoint_url=f"{endpoint}/_kecs/clusters/own-rules")
    events.put_rule(Name="own", EventPattern=json.dumps({"source": ["my.app"]}))
    target = {"Id": "task", "Arn": cluster, "RoleArn": "arn:aws:iam::000000000000:role/r", "EcsParameters": {"TaskDefinitionArn": registered}}
    assert events.put_targets(Rule="own", Targets=[target])["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": "my.app", "DetailType": "tick", "Detail": "{}"}])
    tasks = come_to_be(ecs, cluster="own-rules")
    waiter(ecs, "tasks_stopped")(cluster="own-rules", tasks=tasks)
    assert all(rule["Name"] != "own" for rule in service("events").list_rules()["Rules"]), "it is the other LocalStack's"
