package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// stateVersion is the version of the state file's form.
const stateVersion = 1

// State is how far a migration has come, kept in a file that is replaced after
// every batch. A state without a path lives in memory alone.
type State struct {
	path string
	form stateForm
}

type stateForm struct {
	Version     int                  `json:"kith_migration"`
	Source      string               `json:"source"`
	Target      string               `json:"target"`
	Collections map[string]*Position `json:"collections"`
}

// Position is how far one collection has come.
type Position struct {
	Made     bool   `json:"made"`           // the collection is there
	Copied   int    `json:"copied"`         // points written
	Next     string `json:"next,omitempty"` // where the source goes on
	Done     bool   `json:"done"`           // every point was written
	Finished bool   `json:"finished"`       // indexes and aliases are there
}

// OpenState reads a state file, or starts one. A file of another migration is
// refused: its positions would mean nothing here.
func OpenState(path, source, target string) (*State, error) {
	s := &State{path: path, form: stateForm{Version: stateVersion, Source: source, Target: target, Collections: map[string]*Position{}}}
	if path == "" {
		return s, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	var found stateForm
	if err := json.Unmarshal(text, &found); err != nil || found.Version != stateVersion || found.Collections == nil {
		return nil, fmt.Errorf("%s is not the state of a migration that this build knows; move it away, or give --state another name", path)
	}
	if found.Source != source || found.Target != target {
		return nil, fmt.Errorf("%s belongs to a migration from %s to %s; give --state another name", path, found.Source, found.Target)
	}
	s.form = found
	return s, nil
}

func (s *State) of(collection string) *Position {
	p, ok := s.form.Collections[collection]
	if !ok {
		p = &Position{}
		s.form.Collections[collection] = p
	}
	return p
}

// save replaces the file as a whole.
func (s *State) save() error {
	if s.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(s.form, "", " ")
	if err != nil {
		return err
	}
	w, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return fmt.Errorf("keep the migration's state: %w", err)
	}
	_, err = w.Write(text)
	if err = errors.Join(err, w.Sync(), w.Close()); err == nil {
		err = os.Rename(w.Name(), s.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep the migration's state: %w", err), os.Remove(w.Name()))
	}
	return nil
}

// Remove deletes the file of a migration that is done.
func (s *State) Remove() error {
	if s.path == "" {
		return nil
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
