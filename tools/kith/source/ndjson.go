package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kithdb/kith/client"
)

// readNDJSON takes lines in the contract's form of a point. Fields besides id,
// vector and payload join the payload, so that plain records work as they are.
func readNDJSON(r io.Reader, o Options) func() (client.Point, error) {
	lines, id := bufio.NewScanner(r), rowIDs(o.FirstID)
	lines.Buffer(make([]byte, 0, bufferBytes), maxLine)
	return func() (client.Point, error) {
		for lines.Scan() {
			line := bytes.TrimSpace(lines.Bytes())
			if len(line) == 0 {
				continue
			}
			return jsonPoint(line, o, id())
		}
		if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
			return client.Point{}, fmt.Errorf("the line passes %d bytes", maxLine)
		} else if err != nil {
			return client.Point{}, err
		}
		return client.Point{}, io.EOF
	}
}

func jsonPoint(line []byte, o Options, id client.ID) (client.Point, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(line, &fields); err != nil {
		return client.Point{}, fmt.Errorf("not a JSON object: %w", err)
	}
	p := client.Point{ID: id}
	if raw, ok := take(fields, o.IDField); ok {
		if err := json.Unmarshal(raw, &p.ID); err != nil {
			return p, fmt.Errorf("field %q: %w", o.IDField, err)
		}
	}
	raw, ok := take(fields, o.VectorField)
	if !ok {
		return p, fmt.Errorf("no field %q: name the vector's field with --vector-field", o.VectorField)
	}
	if err := json.Unmarshal(raw, &p.Vectors); err != nil {
		return p, fmt.Errorf("field %q: %w", o.VectorField, err)
	}
	if one, ok := p.Vectors[""]; ok && o.VectorName != "" {
		p.Vectors = client.Vectors{o.VectorName: one}
	}
	payload, err := jsonPayload(fields)
	if payload != nil {
		p.Payload = payload
	}
	return p, err
}

// jsonPayload is the field "payload" with the loose fields beside it.
func jsonPayload(fields map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	payload := map[string]json.RawMessage{}
	if raw, ok := take(fields, "payload"); ok {
		if err := json.Unmarshal(raw, &payload); err != nil {
			return nil, fmt.Errorf("field \"payload\": %w", err)
		}
	}
	for name, raw := range fields {
		if _, taken := payload[name]; taken {
			return nil, fmt.Errorf("field %q stands both beside and inside \"payload\"", name)
		}
		if payload == nil { // "payload": null
			payload = map[string]json.RawMessage{}
		}
		payload[name] = raw
	}
	if len(payload) == 0 {
		return nil, nil
	}
	return payload, nil
}

func take(fields map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	raw, ok := fields[name]
	delete(fields, name)
	return raw, ok
}
