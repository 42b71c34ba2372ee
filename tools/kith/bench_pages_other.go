//go:build !linux

package main

import (
	"errors"

	"github.com/kithdb/kith/index/arena"
)

// pages are those of a file of rows, which only Linux maps.
type pages struct {
	share float64
	fault error
}

func keptPages(arena.Rows, float64) (*pages, error) { return nil, errors.ErrUnsupported }

func (p *pages) drop() {}

func (p *pages) held() (float64, error) { return 0, errors.ErrUnsupported }

func (p *pages) close() error { return nil }

func forget(string) error { return errors.ErrUnsupported }
