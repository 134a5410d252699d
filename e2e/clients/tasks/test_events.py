"""ECS's events in EventBridge: rules whose target is a queue hear of each kind ("Amazon ECS events" of the developer guide)."""

import json
import time
import uuid

from ecs import client, register, waiter
from localstack import service


def listening(*detail_types):
    """What a rule for these types hears of a resource: a function that waits until some event of that resource has each of the names."""
    sqs, events, name = service("sqs"), service("events"), f"events-{uuid.uuid4()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.ecs"], "detail-type": list(detail_types)}))
    assert events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])["FailedEntryCount"] == 0
    heard = []

    def until(resource, name_of, wanted):
        deadline = time.monotonic() + 60
        while True:
            # Other tests of the same server are heard, too.
            of_it = [event for event in heard if event["resources"] == [resource]]
            if wanted <= {name_of(event) for event in of_it}:
                return of_it
            assert time.monotonic() < deadline, (wanted, of_it)
            messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10).get("Messages", [])
            heard.extend(json.loads(message["Body"]) for message in messages)
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    return until


def test_a_rule_hears_of_a_service_and_its_deployment():
    ecs = client()
    ecs.create_cluster()
    until = listening("ECS Service Action", "ECS Deployment State Change")
    register(ecs, "exec sleep 1000", family="heard-of")
    made = ecs.create_service(serviceName="heard-of", taskDefinition="heard-of", desiredCount=1)["service"]
    wanted = {
        ("ECS Deployment State Change", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
        ("ECS Deployment State Change", "SERVICE_DEPLOYMENT_COMPLETED"),
        ("ECS Service Action", "SERVICE_STEADY_STATE"),
    }
    heard = until(made["serviceArn"], lambda event: (event["detail-type"], event["detail"]["eventName"]), wanted)
    assert all(event["source"] == "aws.ecs" and event["detail"]["eventType"] == "INFO" for event in heard), heard
    told = [event["detail"] for event in heard if event["detail-type"] == "ECS Service Action"]
    assert all(detail["clusterArn"] == made["clusterArn"] for detail in told), told
    ecs.delete_service(service="heard-of", force=True)
    waiter(ecs, "services_inactive")(services=["heard-of"])


def test_a_rule_hears_of_a_container_instance():
    ecs = client()
    cluster = ecs.create_cluster(clusterName="heard-of-instances")["cluster"]["clusterArn"]
    until = listening("ECS Container Instance State Change")
    resources = [{"name": "CPU", "type": "INTEGER", "integerValue": 1024}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 512}]
    made = ecs.register_container_instance(cluster=cluster, totalResources=resources)["containerInstance"]
    ecs.update_container_instances_state(cluster=cluster, containerInstances=[made["containerInstanceArn"]], status="DRAINING")
    heard = until(made["containerInstanceArn"], lambda event: event["detail"]["status"], {"ACTIVE", "DRAINING"})
    assert all(event["detail"]["clusterArn"] == cluster for event in heard), heard
    ecs.deregister_container_instance(cluster=cluster, containerInstance=made["containerInstanceArn"], force=True)
    until(made["containerInstanceArn"], lambda event: event["detail"]["status"], {"INACTIVE"})
