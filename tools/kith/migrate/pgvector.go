package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

// Table says which table becomes a collection, and how.
type Table struct {
	Name       string   // table, or schema.table
	Collection string   // "" takes the table's name
	ID         string   // column of the id; "" takes the primary key
	Vectors    []string // columns; empty takes every vector and halfvec column
	Distance   string   // "" is read off the column's index, else Cosine
}

// postgres is one table of a PostgreSQL database with pgvector. All of it is
// read in one read-only transaction: one moment.
type postgres struct {
	conn  *pgx.Conn
	tx    pgx.Tx
	where string // address, without secrets
	t     Table
	ident string // the table, quoted
	key   column
	cols  []column // of vectors
}

type column struct {
	name, kind string
	dims       int // 0: not declared
}

// FromPostgres opens a table. dsn is a connection URL; what it lacks comes from
// the usual PG… variables.
func FromPostgres(ctx context.Context, dsn string, t Table) (Source, error) {
	if t.Name == "" {
		return nil, errors.New("say which table: --table NAME")
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	p := &postgres{conn: conn, t: t, where: address(dsn), ident: pgx.Identifier(strings.Split(t.Name, ".")).Sanitize()}
	if p.t.Collection == "" {
		p.t.Collection = t.Name[strings.LastIndexByte(t.Name, '.')+1:]
	}
	if err := p.open(ctx); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return p, nil
}

func address(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" && u.Path == "" {
		return "postgres"
	}
	socket := u.Query().Get("host")
	return "postgres://" + u.Host + socket + u.Path
}

func (p *postgres) open(ctx context.Context) (err error) {
	p.tx, err = p.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	if err := p.columns(ctx); err != nil {
		return err
	}
	if p.key.name == "" {
		return fmt.Errorf("table %s has no primary key of one column: name a unique one with --id-column", p.t.Name)
	}
	if len(p.cols) == 0 {
		return fmt.Errorf("table %s has no column of type vector or halfvec", p.t.Name)
	}
	for i := range p.cols {
		if p.cols[i].dims > 0 {
			continue
		}
		if err := p.measure(ctx, &p.cols[i]); err != nil {
			return err
		}
	}
	return nil
}

// columns finds the key and the vectors. A declared dimension is the type's
// modifier.
func (p *postgres) columns(ctx context.Context) error {
	rows, err := p.tx.Query(ctx, `
		SELECT a.attname, t.typname, a.atttypmod,
		       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary
		               AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
		FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, p.ident)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var c column
		var modifier int
		var primary bool
		if err := rows.Scan(&c.name, &c.kind, &modifier, &primary); err != nil {
			return err
		}
		if p.t.ID == "" && primary || c.name == p.t.ID {
			p.key = c
		}
		vector := c.kind == "vector" || c.kind == "halfvec"
		if slices.Contains(p.t.Vectors, c.name) && !vector {
			return fmt.Errorf("column %s is of type %s, not vector or halfvec", c.name, c.kind)
		}
		if vector && (len(p.t.Vectors) == 0 || slices.Contains(p.t.Vectors, c.name)) {
			c.dims = max(modifier, 0)
			p.cols = append(p.cols, c)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("table %s: %w", p.t.Name, err)
	}
	return p.missing()
}

func (p *postgres) missing() error {
	if p.t.ID != "" && p.key.name == "" {
		return fmt.Errorf("table %s has no column %q (--id-column)", p.t.Name, p.t.ID)
	}
	for _, want := range p.t.Vectors {
		if !slices.ContainsFunc(p.cols, func(c column) bool { return c.name == want }) {
			return fmt.Errorf("table %s has no column %q (--vector-column)", p.t.Name, want)
		}
	}
	return nil
}

// measure takes the dimension of a column that declares none from its rows.
func (p *postgres) measure(ctx context.Context, c *column) error {
	var least, most *int
	name := pgx.Identifier{c.name}.Sanitize()
	err := p.tx.QueryRow(ctx, fmt.Sprintf("SELECT min(vector_dims(%s)), max(vector_dims(%s)) FROM %s", name, name, p.ident)).Scan(&least, &most)
	if err != nil {
		return err
	}
	if least == nil || *least != *most {
		return fmt.Errorf("column %s declares no dimension, and its rows do not agree on one: a collection's vectors all have the same", c.name)
	}
	c.dims = *least
	return nil
}

// Name implements Source.
func (p *postgres) Name() string { return p.where + "#" + p.t.Name }

// Close implements Source.
func (p *postgres) Close(ctx context.Context) error {
	return errors.Join(p.tx.Rollback(ctx), p.conn.Close(ctx))
}

// Collections implements Source.
func (p *postgres) Collections(ctx context.Context, names []string) ([]Collection, error) {
	if len(names) > 0 && !slices.Equal(names, []string{p.t.Collection}) {
		return nil, fmt.Errorf("table %s is one collection, %s: --collection names that one or none", p.t.Name, p.t.Collection)
	}
	c := Collection{Name: p.t.Collection, Spec: client.CollectionSpec{Vectors: client.VectorConfig{}}}
	for _, col := range p.cols {
		distance, err := p.distance(ctx, col.name)
		if err != nil {
			return nil, err
		}
		v := api.VectorParams{Size: col.dims, Distance: distance}
		if col.kind == "halfvec" {
			v.Datatype = "float16"
		}
		c.Spec.Vectors[p.vectorName(col)] = v
	}
	return []Collection{c}, nil
}

// vectorName is "" where there is one vector, else the column's name.
func (p *postgres) vectorName(c column) string {
	if len(p.cols) == 1 {
		return ""
	}
	return c.name
}

// operators are the classes of pgvector's indexes, without the type before.
var operators = map[string]api.Distance{
	"cosine_ops": api.Cosine, "ip_ops": api.Dot, "l2_ops": api.Euclid, "l1_ops": api.Manhattan,
}

func (p *postgres) distance(ctx context.Context, name string) (api.Distance, error) {
	if p.t.Distance != "" {
		return api.Distance(p.t.Distance), nil
	}
	rows, err := p.tx.Query(ctx, `
		SELECT o.opcname FROM pg_index i
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = $2 AND i.indkey[0] = a.attnum
		JOIN pg_opclass o ON o.oid = i.indclass[0] WHERE i.indrelid = $1::regclass`, p.ident, name)
	if err != nil {
		return "", err
	}
	classes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", err
	}
	for _, class := range classes {
		_, suffix, _ := strings.Cut(class, "_")
		if d, ok := operators[suffix]; ok {
			return d, nil
		}
	}
	return api.Cosine, nil
}

// Count implements Source.
func (p *postgres) Count(ctx context.Context, _ string) (n int, err error) {
	err = p.tx.QueryRow(ctx, "SELECT count(*) FROM "+p.ident).Scan(&n)
	return n, err
}

// keyType is what a key's text is cast to, so that it compares as it does in
// its index. Types may be of a schema; only letters, digits and _ are taken.
var keyType = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Page implements Source. where is the text of the last key read.
func (p *postgres) Page(ctx context.Context, _ *Collection, where string, limit int) (Page, error) {
	if !keyType.MatchString(p.key.kind) {
		return Page{}, fmt.Errorf("column %s: keys of type %q are not supported", p.key.name, p.key.kind)
	}
	// Of the table, not of the answer: there the key is text, in another order.
	key := "t." + pgx.Identifier{p.key.name}.Sanitize()
	left := []string{}
	fields := []string{key + "::text"}
	for _, c := range p.cols {
		fields = append(fields, pgx.Identifier{c.name}.Sanitize()+"::text")
		left = append(left, c.name)
	}
	if p.numbered() || p.key.kind == "uuid" {
		left = append(left, p.key.name)
	}
	sql := fmt.Sprintf("SELECT %s, (to_jsonb(t) - $1::text[])::text FROM %s t", strings.Join(fields, ", "), p.ident)
	args := []any{left}
	if where != "" {
		sql += fmt.Sprintf(" WHERE %s > $2::text::%s", key, p.key.kind)
		args = append(args, where)
	}
	sql += fmt.Sprintf(" ORDER BY %s LIMIT %d", key, limit)
	rows, err := p.tx.Query(ctx, sql, args...)
	if err != nil {
		return Page{}, err
	}
	defer rows.Close()
	return p.page(rows, limit)
}

func (p *postgres) numbered() bool {
	return slices.Contains([]string{"int2", "int4", "int8"}, p.key.kind)
}

func (p *postgres) page(rows pgx.Rows, limit int) (Page, error) {
	var out Page
	texts := make([]*string, len(p.cols)+2)
	into := make([]any, len(texts))
	for i := range texts {
		into[i] = &texts[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return out, err
		}
		if texts[0] == nil {
			return out, fmt.Errorf("column %s is null in a row: an id must not be", p.key.name)
		}
		point, err := p.point(texts)
		if err != nil {
			return out, fmt.Errorf("row %s: %w", *texts[0], err)
		}
		out.Points = append(out.Points, point)
		out.Next = *texts[0]
	}
	if len(out.Points) < limit {
		out.Next = ""
	}
	return out, rows.Err()
}

func (p *postgres) point(texts []*string) (client.Point, error) {
	id, err := p.id(*texts[0])
	if err != nil {
		return client.Point{}, err
	}
	out := client.Point{ID: id, Vectors: client.Vectors{}}
	for i, c := range p.cols {
		if texts[i+1] == nil {
			continue
		}
		var values []float32
		if err := json.Unmarshal([]byte(*texts[i+1]), &values); err != nil {
			return out, fmt.Errorf("column %s: %w", c.name, err)
		}
		out.Vectors[p.vectorName(c)] = values
	}
	if payload := texts[len(texts)-1]; payload != nil && *payload != "{}" {
		out.Payload = json.RawMessage(*payload)
	}
	return out, nil
}

// id keeps integers and UUIDs; every other key becomes the UUID (version 5) of
// its text, and stays in the payload.
func (p *postgres) id(text string) (client.ID, error) {
	switch {
	case p.numbered():
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return client.ID{}, fmt.Errorf("column %s: a point's id must not be negative; name another unique column with --id-column", p.key.name)
		}
		return client.Number(n), nil
	case p.key.kind == "uuid":
		return client.UUID(text), nil
	}
	return client.UUID(uuid.NewSHA1(uuid.NameSpaceOID, []byte(text)).String()), nil
}
