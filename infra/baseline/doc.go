// Package baseline measures the databases without orderflow: the limits that
// benchmarks compare the adapters with. No production code imports it.
package baseline
