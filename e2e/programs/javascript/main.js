// A program with the AWS SDK for JavaScript, as it would be in a task on AWS: it sets nothing up, and prints what it finds as JSON.

import { Readable } from "node:stream";

import { ECSClient, ListClustersCommand } from "@aws-sdk/client-ecs";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const [parameter, bucket] = process.argv.slice(2);

const ecs = new ECSClient();
const credentials = await ecs.config.credentials();
const clusters = await ecs.send(new ListClustersCommand());
const identity = await new STSClient().send(new GetCallerIdentityCommand());
const found = await new SSMClient().send(new GetParameterCommand({ Name: parameter, WithDecryption: true }));

const s3 = new S3Client();
const object = { Bucket: bucket, Key: "object" };
// A stream, whose checksum the SDK sends behind it.
const stream = Readable.from([Buffer.from("by "), Buffer.from("the task")]);
const put = await s3.send(new PutObjectCommand({ ...object, Body: stream, ContentLength: 11 }));
const got = await s3.send(new GetObjectCommand(object));

const task = await (await fetch(`${process.env.ECS_CONTAINER_METADATA_URI_V4}/task`)).json();

console.log(
    JSON.stringify({
        region: await ecs.config.region(),
        expires: credentials.expiration !== undefined,
        clusters: clusters.clusterArns,
        identity: identity.Arn,
        parameter: found.Parameter.Value,
        object: await got.Body.transformToString(),
        checksum: put.ChecksumCRC32,
        task: task.TaskARN,
    }),
);
