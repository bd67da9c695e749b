package sqlite

import (
	"context"
	"fmt"
)

// LimitPages makes the file full at n pages, as a disk would.
func (s *Store) LimitPages(ctx context.Context, n int) error {
	_, err := s.writer.ExecContext(ctx, fmt.Sprintf("pragma max_page_count = %d", n))
	return err
}
