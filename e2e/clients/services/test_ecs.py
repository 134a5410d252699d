"""ECS through the same endpoint as everything else."""

import boto3


def test_ecs_is_kecss():
    ecs = boto3.client("ecs")
    ecs.create_cluster(clusterName="through-the-sidecar")
    assert "cluster/through-the-sidecar" in ecs.list_clusters()["clusterArns"][0]
