// A program with the AWS SDK for Go, as it would be in a task on AWS: it sets nothing up, and prints what it finds as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: sdk-for-go PARAMETER BUCKET")
	}
	parameter, bucket := os.Args[1], os.Args[2]
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	credentials, err := settings.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	clusters, err := ecs.NewFromConfig(settings).ListClusters(ctx, &ecs.ListClustersInput{})
	if err != nil {
		return err
	}
	identity, err := sts.NewFromConfig(settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return err
	}
	secret := &ssm.GetParameterInput{Name: &parameter, WithDecryption: aws.Bool(true)}
	found, err := ssm.NewFromConfig(settings).GetParameter(ctx, secret)
	if err != nil {
		return err
	}
	object, checksum, err := throughS3(ctx, s3.NewFromConfig(settings), bucket)
	if err != nil {
		return err
	}
	task, err := metadata()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"region":    settings.Region,
		"expires":   credentials.CanExpire,
		"clusters":  clusters.ClusterArns,
		"identity":  identity.Arn,
		"parameter": found.Parameter.Value,
		"object":    object,
		"checksum":  checksum,
		"task":      task,
	})
}

// throughS3 puts an object and gets it back, which the SDK checks by the checksum that it has sent and gets back, too.
func throughS3(ctx context.Context, client *s3.Client, bucket string) (string, *string, error) {
	key := aws.String("object")
	put, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: key, Body: strings.NewReader("by the task")})
	if err != nil {
		return "", nil, err
	}
	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: key})
	if err != nil {
		return "", nil, err
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	return string(content), put.ChecksumCRC32, err
}

// metadata asks the task metadata endpoint, version 4, which task this is.
func metadata() (any, error) {
	answer, err := http.Get(os.Getenv("ECS_CONTAINER_METADATA_URI_V4") + "/task")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var task struct{ TaskARN string }
	err = json.NewDecoder(answer.Body).Decode(&task)
	return task.TaskARN, err
}
