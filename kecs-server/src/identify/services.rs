//! Facts about AWS services that identification and error bodies need, as botocore 1.43's service models give them.

/// The signing name behind the service part of `X-Amz-Target`.
pub(super) fn of_target(prefix: &str) -> Option<&'static str> {
    Some(match prefix {
        "AmazonEC2ContainerServiceV20141113" => "ecs",
        "AmazonEC2ContainerRegistry_V20150921" => "ecr",
        "AmazonSSM" => "ssm",
        "AmazonSQS" => "sqs",
        "AnyScaleFrontendService" => "application-autoscaling",
        "AWSEvents" => "events",
        "AWSStepFunctions" => "states",
        "AWSSupport_20130415" => "support",
        "CertificateManager" => "acm",
        "CodeDeploy_20141006" => "codedeploy",
        "DynamoDB_20120810" | "DynamoDBStreams_20120810" => "dynamodb",
        "Firehose_20150804" => "firehose",
        "GraniteServiceVersion20100801" => "monitoring",
        "Kinesis_20131202" => "kinesis",
        "Logs_20140328" => "logs",
        "ResourceGroupsTaggingAPI_20170126" => "tagging",
        "Route53AutoNaming_v20170314" => "servicediscovery",
        "Route53Resolver" => "route53resolver",
        "secretsmanager" => "secretsmanager",
        "SimpleWorkflowService" => "swf",
        "StarlingDoveService" => "config",
        "TrentService" => "kms",
        "Transcribe" => "transcribe",
        _ => return None,
    })
}

/// The signing name of the Query service that has this API version.
pub(super) fn of_version(version: &str) -> Option<&'static str> {
    Some(match version {
        "2009-04-15" => "sdb",
        "2010-03-31" => "sns",
        "2010-05-08" => "iam",
        "2010-05-15" => "cloudformation",
        "2010-08-01" => "monitoring",
        "2010-12-01" => "ses",
        "2011-01-01" => "autoscaling",
        "2011-06-15" => "sts",
        "2012-06-01" | "2015-12-01" => "elasticloadbalancing",
        "2012-11-05" => "sqs",
        "2012-12-01" => "redshift",
        "2014-10-31" => "rds",
        "2015-02-02" => "elasticache",
        "2016-11-15" => "ec2",
        _ => return None,
    })
}
