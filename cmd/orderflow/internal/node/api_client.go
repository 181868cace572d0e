package node

import (
	"net/http"

	"orderflow/cmd/orderflow/internal/client"
)

// Client speaks to the node within the process, past the network.
func (a *App) Client() *client.Client {
	return &client.Client{Base: "http://in-process", HTTP: &http.Client{Transport: client.InProcess{Handler: a.API}}}
}
