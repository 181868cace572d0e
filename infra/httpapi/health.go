package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/domain"
)

type healthOutput struct {
	Body struct {
		Status string `json:"status" enum:"ok"`
	}
}

func (s *server) healthRoutes(api huma.API) {
	tags := []string{"health"}
	register(s, api, huma.Operation{
		OperationID: "live", Method: http.MethodGet, Path: "/healthz/live", Summary: "The process answers", Tags: tags,
		Description: "It asks nobody else: a broken dependency is no reason to restart this process.",
	}, func(context.Context, *struct{}) (*healthOutput, error) { return healthy(), nil })
	register(s, api, huma.Operation{
		OperationID: "ready", Method: http.MethodGet, Path: "/healthz/ready", Summary: "Commands can be taken", Tags: tags,
		Description: "503 while starting, draining, or when the log takes no writes.",
	}, s.ready)
}

func (s *server) ready(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	select {
	case <-s.drained:
		return nil, domain.Errorf(domain.Unavailable, "The server is shutting down.")
	default:
	}
	if s.config.Ready != nil {
		if err := s.config.Ready(ctx); err != nil {
			return nil, err
		}
	}
	return healthy(), nil
}

func healthy() *healthOutput {
	out := &healthOutput{}
	out.Body.Status = "ok"
	return out
}
