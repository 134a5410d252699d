// The receiver of Fluentd's Forward protocol of the OpenTelemetry Collector, as a program: what it gets it prints, a record a line, in JSON. It stands in
// for a log router in tests, which have no image of one.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/fluentforwardreceiver"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "forward-receiver:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: forward-receiver ADDRESS")
	}
	// Before anybody can know that it runs.
	ended, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	factory := fluentforwardreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*fluentforwardreceiver.Config)
	config.ListenAddress = os.Args[1]
	printer, err := consumer.NewLogs((&records{}).print)
	if err != nil {
		return err
	}
	receiver, err := factory.CreateLogs(context.Background(), receivertest.NewNopSettings(factory.Type()), config, printer)
	if err != nil {
		return err
	}
	if err := receiver.Start(context.Background(), componenttest.NewNopHost()); err != nil {
		return err
	}
	<-ended.Done()
	return receiver.Shutdown(context.Background())
}

type records struct{ sync.Mutex }

// print writes what came, all of it before the sender hears that it is there.
func (printed *records) print(_ context.Context, logs plog.Logs) error {
	printed.Lock()
	defer printed.Unlock()
	lines := json.NewEncoder(os.Stdout)
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				line := record.Attributes().AsRaw()
				line["log"] = record.Body().AsRaw()
				line["time"] = record.Timestamp().AsTime().UnixMilli()
				if err := lines.Encode(line); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
