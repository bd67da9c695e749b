package sqlite

import "database/sql"

// Handles returns the pools of the file, for another part of the backend that keeps tables of its
// own there: two writers with a pool each would wait for one another by polling. They stay the
// store's to close.
func (s *Store) Handles() (writer, reader *sql.DB) { return s.writer, s.reader }
