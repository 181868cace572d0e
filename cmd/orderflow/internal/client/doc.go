// Package client speaks to the public API: requests, their bodies, answers, pages and
// problems. It imports the domain's types and nothing else of the server, so that
// the command line proves that the API suffices.
package client
