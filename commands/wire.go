package commands

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	"orderflow/domain"
)

// Envelope is a command on its way to another process.
type Envelope struct {
	Name   string          `json:"name"` // Command.CommandName
	Origin Origin          `json:"origin"`
	Data   json.RawMessage `json:"data"`
}

// Seal puts a command into an envelope.
func Seal(c Command, o Origin) (Envelope, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return Envelope{}, domain.Wrap(domain.Internal, err, "The command %s cannot be sent", c.CommandName())
	}
	return Envelope{Name: c.CommandName(), Origin: o, Data: data}, nil
}

// Open takes the command out. An unknown name, or data that does not fit it
// exactly, is Invalid.
func (e Envelope) Open() (Command, error) {
	open, ok := wire[e.Name]
	if !ok {
		return nil, domain.Errorf(domain.Invalid, "There is no command %q.", e.Name)
	}
	c, err := open(e.Data)
	if err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The data of %s cannot be read", e.Name)
	}
	return c, nil
}

// Names lists every command that travels, sorted.
func Names() []string { return slices.Sorted(maps.Keys(wire)) }

// wire lists every command by its name.
var wire = register(
	opener[PlaceOrder], opener[ConfirmOrder], opener[RejectOrder], opener[CancelOrder], opener[FinishCancel], opener[ReturnLines],
	opener[ReceiveStock], opener[AdjustStock], opener[ReserveStock], opener[ReleaseStock], opener[CommitStock], opener[RestockReturn],
	opener[ListProduct], opener[RepriceProduct], opener[DelistProduct],
	opener[DispatchShipment], opener[DeliverShipment], opener[ResumeFulfilment],
)

func register(openers ...func() (string, func([]byte) (Command, error))) map[string]func([]byte) (Command, error) {
	m := make(map[string]func([]byte) (Command, error), len(openers))
	for _, o := range openers {
		name, open := o()
		m[name] = open
	}
	return m
}

func opener[C Command]() (name string, open func([]byte) (Command, error)) {
	var zero C
	return zero.CommandName(), func(data []byte) (Command, error) {
		var c C
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return nil, err
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, errors.New("there is something after the command")
		}
		return c, nil
	}
}
