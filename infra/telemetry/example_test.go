package telemetry_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"orderflow/infra/telemetry"
)

// Parts of the system call methods of Metrics; a scrape reads them.
func Example() {
	metrics := telemetry.New(telemetry.Sources{})
	metrics.RequestBegan()
	metrics.RequestEnded(http.MethodPost, "/v1/orders", http.StatusAccepted, 3*time.Millisecond)

	answer := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/metrics", nil))
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), "requests_total{") {
			fmt.Println(lines.Text())
		}
	}
	// Output:
	// orderflow_http_requests_total{method="POST",route="/v1/orders",status="202"} 1
}
