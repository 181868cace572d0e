package engine

import "context"

// SubmitDelete is Submit for a deletion, SubmitTombstone for the end of a stream.
func (e *Engine) SubmitDelete(stream string, expected Expected) (func(context.Context) (Written, error), error) {
	return e.submit(kindDelete, Write{Stream: stream, Expected: expected})
}

func (e *Engine) SubmitTombstone(stream string, expected Expected) (func(context.Context) (Written, error), error) {
	return e.submit(kindTombstone, Write{Stream: stream, Expected: expected})
}
