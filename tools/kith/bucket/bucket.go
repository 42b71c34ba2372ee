// Package bucket reads and writes files in S3-compatible storage, by locations
// such as s3://BUCKET/PATH.
//
// Who calls: kith snapshot. What it calls: minio-go. It never lists more than it
// was asked for and never deletes.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Options says how to reach the storage. An empty Endpoint is Amazon's.
type Options struct {
	Endpoint string // URL, such as http://127.0.0.1:9000
	Region   string
	// AccessKey and SecretKey; both "": from the environment's or the file of the
	// AWS tools.
	AccessKey, SecretKey, SessionToken string
}

// partBytes is what an upload of unknown size holds in memory. Storage takes
// 10,000 parts, so the largest file is 625 GiB.
const partBytes = 64 << 20

const amazon = "https://s3.amazonaws.com"

// Location is a place in a bucket; Key may be a prefix.
type Location struct{ Bucket, Key string }

// Is reports whether a text is meant as a location in storage.
func Is(text string) bool { return strings.HasPrefix(text, "s3://") }

// Parse reads s3://BUCKET/PATH.
func Parse(text string) (Location, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(text, "s3://"), "/")
	if !Is(text) || bucket == "" {
		return Location{}, fmt.Errorf("%q: use s3://BUCKET/PATH", text)
	}
	return Location{bucket, key}, nil
}

// String is the location as users write it.
func (l Location) String() string { return "s3://" + l.Bucket + "/" + l.Key }

// Storage is a connection to storage.
type Storage struct{ c *minio.Client }

// Open makes a connection; nothing is sent yet.
func Open(o Options) (*Storage, error) {
	if o.Endpoint == "" {
		o.Endpoint = amazon
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("S3 endpoint %q: use http://HOST:PORT or https://HOST:PORT", o.Endpoint)
	}
	from := credentials.NewStaticV4(o.AccessKey, o.SecretKey, o.SessionToken)
	if o.AccessKey == "" && o.SecretKey == "" {
		from = credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}})
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: from, Secure: u.Scheme == "https", Region: o.Region})
	return &Storage{c}, err
}

// Object is a file in storage.
type Object struct {
	Location Location
	Size     int64
	Modified time.Time
}

// List is the files whose paths begin with the location's.
func (s *Storage) List(ctx context.Context, l Location) ([]Object, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing when it is left early
	var out []Object
	for o := range s.c.ListObjects(ctx, l.Bucket, minio.ListObjectsOptions{Prefix: l.Key, Recursive: true}) {
		if o.Err != nil {
			return nil, fmt.Errorf("list %s: %w", l, o.Err)
		}
		out = append(out, Object{Location{l.Bucket, o.Key}, o.Size, o.LastModified})
	}
	return out, nil
}

// Read opens a file. Close it.
func (s *Storage) Read(ctx context.Context, l Location) (io.ReadCloser, error) {
	o, err := s.c.GetObject(ctx, l.Bucket, l.Key, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", l, err)
	}
	if _, err := o.Stat(); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", l, err), o.Close())
	}
	return o, nil
}

// Write stores what r gives until its end. A file appears whole or not at all:
// when r fails, nothing is stored.
func (s *Storage) Write(ctx context.Context, l Location, r io.Reader) error {
	// A part is in memory whole, so an MD5 in its header guards it. Signing it in
	// chunks would as well, but some servers store the signatures with the data.
	o := minio.PutObjectOptions{PartSize: partBytes, NumThreads: 1, ContentType: "application/octet-stream", SendContentMd5: true, DisableContentSha256: true}
	if _, err := s.c.PutObject(ctx, l.Bucket, l.Key, r, -1, o); err != nil {
		return fmt.Errorf("write %s: %w", l, err)
	}
	return nil
}
