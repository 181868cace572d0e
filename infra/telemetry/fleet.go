package telemetry

import "github.com/prometheus/client_golang/prometheus"

// fleetMetrics count what passes between the processes of a fleet.
type fleetMetrics struct {
	commands *prometheus.CounterVec
}

func newFleetMetrics() fleetMetrics {
	return fleetMetrics{
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_peer_commands_total", Help: "Commands between processes, by direction, name, and the kind of error or ok.",
		}, []string{"direction", "command", "result"}),
	}
}

func (f fleetMetrics) all() []prometheus.Collector { return []prometheus.Collector{f.commands} }

// PeerCommand counts a command that was sent to or received from another
// process; it is a peers.Observer.
func (m *Metrics) PeerCommand(direction, command, result string) {
	m.fleet.commands.WithLabelValues(direction, command, result).Inc()
}
