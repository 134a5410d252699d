"""boto3: services, their waiters and their roll-outs."""

from ecs import client, register, waiter


def test_a_service_becomes_stable_and_after_its_deletion_inactive():
    ecs = client()
    ecs.create_cluster()
    register(ecs, "exec sleep 1000")
    ecs.create_service(serviceName="web", taskDefinition="shell", desiredCount=2)
    waiter(ecs, "services_stable")(services=["web"])
    service = ecs.describe_services(services=["web"])["services"][0]
    assert (service["runningCount"], len(service["deployments"])) == (2, 1)
    ecs.update_service(service="web", desiredCount=0)
    waiter(ecs, "services_stable")(services=["web"])
    ecs.delete_service(service="web")
    waiter(ecs, "services_inactive")(services=["web"])
    assert ecs.describe_services(services=["web"])["services"][0]["status"] == "INACTIVE"


def test_a_new_revision_of_a_service_is_rolled_out():
    ecs = client()
    ecs.create_cluster()
    register(ecs, "exec sleep 1000")
    ecs.create_service(serviceName="web", taskDefinition="shell", desiredCount=2)
    waiter(ecs, "services_stable")(services=["web"])
    second = register(ecs, "exec sleep 2000")
    ecs.update_service(service="web", taskDefinition="shell")
    waiter(ecs, "services_stable")(services=["web"])
    tasks = ecs.list_tasks(serviceName="web")["taskArns"]
    running = ecs.describe_tasks(tasks=tasks)["tasks"]
    assert {task["taskDefinitionArn"] for task in running} == {second}
