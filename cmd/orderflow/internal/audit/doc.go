// Package audit adds up a whole log, event by event, without the code of the views,
// and finds streams that lack events.
package audit
