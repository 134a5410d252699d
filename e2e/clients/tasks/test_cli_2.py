"""Version 2 of the AWS CLI: what version 1 lacks."""

import re
import subprocess
import threading
import uuid

from ecs import CLI, client, shell, waiter


def test_the_log_of_a_task_is_followed_while_it_runs():
    ecs, name = client(), f"followed-{uuid.uuid4()}"
    ecs.create_cluster()
    group = f"/ecs/{name}"
    options = {"awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs", "awslogs-create-group": "true"}
    # A line a second: what is there when the follower starts is not all that it has to find.
    script = "number=0; while sleep 1; do number=$((number + 1)); echo line $number; done"
    container = shell(script, logConfiguration={"logDriver": "awslogs", "options": options})
    ecs.register_task_definition(family=name, containerDefinitions=[container])
    task = ecs.run_task(taskDefinition=name)["tasks"][0]["taskArn"]
    waiter(ecs, "tasks_running")(tasks=[task])
    with open("../../docs/logs.md", encoding="utf-8") as page:
        told = re.search(r"`aws (logs tail /ecs/hello --follow)`", page.read())[1]
    words = told.replace("/ecs/hello", group).split()
    follower = subprocess.Popen([*CLI, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    patience = threading.Timer(60, follower.kill)
    patience.start()
    try:
        # More than it finds at once, and than a task writes in the five seconds until it asks again.
        lines = [follower.stdout.readline() for _ in range(8)]
        running = ecs.describe_tasks(tasks=[task])["tasks"][0]["lastStatus"]
    finally:
        patience.cancel()
        follower.kill()
        follower.wait()
    stream = f"ecs/app/{task.rsplit('/', 1)[1]}"
    assert [line.split()[1:] for line in lines] == [[stream, "line", str(number)] for number in range(1, 9)], lines
    assert running == "RUNNING"
    ecs.stop_task(task=task)
    waiter(ecs, "tasks_stopped")(tasks=[task])
