package pebblelog

// WithoutSync returns o for a log that acknowledges before the disk has it:
// the control that shows the tests of power loss bite.
func WithoutSync(o Options) Options {
	o.noSync = true
	return o
}
