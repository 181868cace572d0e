package telemetry

// SampledNames lists the metrics that are read from the sources at each scrape.
func SampledNames() (names []string) {
	for _, m := range sampled() {
		names = append(names, m.name)
	}
	return names
}
