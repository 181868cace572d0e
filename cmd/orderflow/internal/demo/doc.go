// Package demo places realistic orders on a node of its own, has a payment outage, and
// shows what became of them.
package demo
