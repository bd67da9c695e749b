package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/store/postgres/replicas"
)

// Primary returns the pool of the primary, for another part of the backend that keeps tables of
// its own there. It stays the store's to close.
func (s *Store) Primary() *pgxpool.Pool { return s.db.Write() }

// Fits asks the primary whether it has room for the connections of this process, and returns
// [replicas.ErrTooManyConns] if not.
func (s *Store) Fits(ctx context.Context) error {
	if p, ok := s.db.(*replicas.Pools); ok {
		return p.Check(ctx)
	}
	return nil
}
