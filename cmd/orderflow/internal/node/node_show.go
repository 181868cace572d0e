package node

import "orderflow/cmd/orderflow/internal/terminal"

// ShowAddresses says where everything is.
func (a *App) ShowAddresses(s terminal.Streams) {
	t := terminal.NewTable(s.Out, "where", "address")
	if a.Public != nil {
		t.Row("API", a.URL()+"/v1/orders")
		t.Row("docs", a.URL()+"/docs")
		t.Row("OpenAPI", a.URL()+"/openapi.json")
	}
	if a.Peers != nil {
		t.Row("commands of other processes", a.Peers.URL())
	}
	if a.private != nil {
		t.Row("metrics", a.PrivateURL()+"/metrics")
	}
	_ = t.Flush() // there is no reader
}
