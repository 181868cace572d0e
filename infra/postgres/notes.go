package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Note returns a short text that processes share, such as which log the views
// follow; found is false if there is none. Notes lie in the database of orders.
func (s *Server) Note(ctx context.Context, name string) (text string, found bool, err error) {
	p, err := s.migrate(ctx, orderService, "notes")
	if err != nil {
		return "", false, err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	err = p.QueryRow(ctx, statement("note_load"), name).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	return text, err == nil, mapped(err)
}

// SetNote replaces the text of a name.
func (s *Server) SetNote(ctx context.Context, name, text string) error {
	p, err := s.migrate(ctx, orderService, "notes")
	if err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	_, err = p.Exec(ctx, statement("note_save"), name, text)
	return mapped(err)
}
