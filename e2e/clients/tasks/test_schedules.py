"""EventBridge Scheduler, with the real LocalStack behind: it stores the schedules, and KECS runs those that run tasks."""

import datetime
import json

from botocore.exceptions import ClientError

from ecs import client, eventually, waiter
from localstack import Report, service

ROLE = "arn:aws:iam::000000000000:role/scheduler"


def soon():
    """The expression of a time two seconds from now, in UTC."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).strftime("at(%Y-%m-%dT%H:%M:%S)")


def target(ecs, family, command, **members):
    """A target that runs a task of one container."""
    cluster = ecs.create_cluster()["cluster"]["clusterArn"]
    definition = {"name": "app", "image": "app", "memory": 64, "command": command}
    registered = ecs.register_task_definition(family=family, containerDefinitions=[definition])["taskDefinition"]["taskDefinitionArn"]
    return {"Arn": cluster, "RoleArn": ROLE, "EcsParameters": {"TaskDefinitionArn": registered}, **members}


def tasks(ecs, family):
    """The running ones are asked for first: one that stops between the calls is then in both answers, never in none."""
    running = ecs.list_tasks(family=family)["taskArns"]
    return sorted({*running, *ecs.list_tasks(family=family, desiredStatus="STOPPED")["taskArns"]})


def is_gone(scheduler, **names):
    try:
        scheduler.get_schedule(**names)
    except scheduler.exceptions.ResourceNotFoundException:
        return True
    return False


def test_a_one_time_schedule_runs_its_task_with_its_input_and_goes():
    ecs, scheduler, report = client(), service("scheduler"), Report()
    variable = {"name": "SCHEDULE", "value": "<aws.scheduler.schedule-arn>"}
    overrides = {"containerOverrides": [{"name": "app", "environment": [variable]}]}
    scheduler.create_schedule_group(Name="reports")
    arn = scheduler.create_schedule(
        Name="once",
        GroupName="reports",
        ScheduleExpression=soon(),
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        ActionAfterCompletion="DELETE",
        Target=target(ecs, "once", report.shell('echo "$SCHEDULE"'), Input=json.dumps(overrides)),
    )["ScheduleArn"]
    run = eventually(lambda: tasks(ecs, "once"))
    waiter(ecs, "tasks_stopped")(tasks=run)
    task = ecs.describe_tasks(tasks=run)["tasks"][0]
    assert (task["startedBy"], task["containers"][0]["exitCode"]) == ("chronos-schedule/once", 0), task
    assert report.text() == f"{arn}\n"
    eventually(lambda: is_gone(scheduler, Name="once", GroupName="reports"))


def test_a_rate_runs_at_once_and_stays_as_it_was_made():
    ecs, scheduler = client(), service("scheduler")
    to_run = target(ecs, "daily", ["true"])
    scheduler.create_schedule(
        Name="daily",
        ScheduleExpression="rate(1 day)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=to_run,
    )
    eventually(lambda: tasks(ecs, "daily"))
    stored = scheduler.get_schedule(Name="daily")
    assert (stored["ScheduleExpression"], stored["ScheduleExpressionTimezone"]) == ("rate(1 day)", "Europe/Berlin"), stored
    assert {name: stored["Target"][name] for name in to_run} == to_run, stored
    scheduler.delete_schedule(Name="daily")
    assert len(tasks(ecs, "daily")) == 1


def test_what_cannot_run_is_told_to_the_dead_letter_queue():
    ecs, scheduler, sqs = client(), service("scheduler"), service("sqs")
    url = sqs.create_queue(QueueName="failed-schedules")["QueueUrl"]
    to_run = target(ecs, "failing", ["true"], DeadLetterConfig={"Arn": "arn:aws:sqs:us-east-1:000000000000:failed-schedules"})
    to_run["EcsParameters"]["TaskDefinitionArn"] = "nobody-registered-this"
    scheduler.create_schedule(Name="failing", ScheduleExpression=soon(), FlexibleTimeWindow={"Mode": "OFF"}, Target=to_run)
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])["Messages"][0]
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (attributes["ERROR_CODE"], attributes["RETRY_ATTEMPTS"]) == ("ClientException", "0"), attributes
    assert attributes["SCHEDULE_ARN"] == "arn:aws:scheduler:us-east-1:000000000000:schedule/default/failing", attributes


def test_an_invalid_expression_is_refused_in_the_words_of_aws():
    scheduler = service("scheduler")
    try:
        scheduler.create_schedule(
            Name="invalid",
            ScheduleExpression="rate(1 minute s)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target(client(), "invalid", ["true"]),
        )
    except ClientError as error:
        told = error.response["Error"]
        assert (told["Code"], told["Message"]) == ("ValidationException", "Invalid Schedule Expression rate(1 minute s)."), error.response
    else:
        raise AssertionError("it was taken")
    assert is_gone(scheduler, Name="invalid")
