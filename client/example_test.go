package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

// exampleServer stands for a server that runs already.
func exampleServer() (addr string, stop func()) {
	dir, err := os.MkdirTemp("", "kith-example-")
	if err != nil {
		log.Fatal(err)
	}
	addr, end, err := serve(dir, "")
	if err != nil {
		log.Fatal(err)
	}
	return addr, func() {
		end()
		if err := os.RemoveAll(dir); err != nil {
			log.Print(err)
		}
	}
}

// Store a few points and ask for the nearest, with a filter.
func Example() {
	addr, stop := exampleServer()
	defer stop()
	ctx := context.Background()

	kith, err := client.New(addr, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := kith.CreateCollection(ctx, "cities", client.Single(2, api.Euclid)); err != nil {
		log.Fatal(err)
	}
	_, err = kith.Upsert(ctx, "cities", []client.Point{
		{ID: client.Number(1), Vectors: client.Unnamed([]float32{13.4, 52.5}), Payload: map[string]any{"name": "Berlin", "land": "DE"}},
		{ID: client.Number(2), Vectors: client.Unnamed([]float32{11.6, 48.1}), Payload: map[string]any{"name": "München", "land": "DE"}},
		{ID: client.Number(3), Vectors: client.Unnamed([]float32{16.4, 48.2}), Payload: map[string]any{"name": "Wien", "land": "AT"}},
	}, client.Visible)
	if err != nil {
		log.Fatal(err)
	}
	found, err := kith.Query(ctx, "cities", client.Query{
		Vector: []float32{16, 49},
		Filter: &client.Filter{Must: []client.Condition{client.Match("land", "DE")}},
		Limit:  1,
		Select: client.Select{Payload: true},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range found {
		var city struct{ Name string }
		if err := p.Decode(&city); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s %.1f\n", p.ID, city.Name, p.Score)
	}
	// Output: 1 Berlin 4.4
}

// Load many points in parallel batches; Add holds the caller up while all
// workers are busy.
func ExampleUploader() {
	addr, stop := exampleServer()
	defer stop()
	ctx := context.Background()

	kith, err := client.New(addr, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := kith.CreateCollection(ctx, "numbers", client.Single(2, api.Dot)); err != nil {
		log.Fatal(err)
	}
	up := kith.NewUploader(ctx, client.UploadOptions{Collection: "numbers", Batch: 100, Durability: client.Visible})
	for i := range 1000 {
		p := client.Point{ID: client.Number(uint64(i)), Vectors: client.Unnamed([]float32{float32(i), 1})}
		if up.Add(p) != nil {
			break // Close tells why
		}
	}
	done, err := up.Close()
	fmt.Println(done.Stored, err)
	// Output: 1000 <nil>
}

// Failed answers have classes.
func ExampleError() {
	addr, stop := exampleServer()
	defer stop()

	kith, err := client.New(addr, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = kith.Count(context.Background(), "nowhere", nil)
	var refused *client.Error
	fmt.Println(errors.Is(err, client.ErrNotFound), errors.As(err, &refused) && refused.Status == 404)
	// Output: true true
}
