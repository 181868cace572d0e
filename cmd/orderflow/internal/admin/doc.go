// Package admin is the client of administration, which only this program asks: the
// paths, the shapes of its answers, and errors with their kinds.
package admin
