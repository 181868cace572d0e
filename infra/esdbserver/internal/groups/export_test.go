package groups

// For the tests of what is stored.
var (
	EncodeConfig     = encodeConfig
	DecodeConfig     = decodeConfig
	EncodeCheckpoint = encodeCheckpoint
	DecodeCheckpoint = decodeCheckpoint
	ParkedLink       = parkedLink
	ParkedPlace      = parkedPlace
)
