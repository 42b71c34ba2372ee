package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server"
)

// do sends a request and reads the answer.
func (r *running) do(method, path, kind string, body io.Reader) (int, []byte) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, text
}

func (r *running) json(method, path, body string, want int) []byte {
	r.t.Helper()
	status, text := r.do(method, path, "application/json", strings.NewReader(body))
	if status != want {
		r.t.Fatalf("%s %s: %d, want %d: %s", method, path, status, want, text)
	}
	return text
}

func (r *running) fill(name string, shards, points int) {
	r.t.Helper()
	r.json("PUT", "/collections/"+name, fmt.Sprintf(`{"vectors":{"size":2,"distance":"Dot"},"shard_number":%d}`, shards), 200)
	var b strings.Builder
	b.WriteString(`{"points":[`)
	for i := range points {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"vector":[%d,1],"payload":{"n":%d}}`, i, i, i)
	}
	b.WriteString(`]}`)
	r.json("PUT", "/collections/"+name+"/points?wait=true", b.String(), 200)
}

func (r *running) holds(name string, want int) {
	r.t.Helper()
	text := r.json("POST", "/collections/"+name+"/points/count", `{}`, 200)
	if !strings.Contains(string(text), fmt.Sprintf(`"count":%d}`, want)) {
		r.t.Errorf("%s: %s, want %d points", name, text, want)
	}
}

type described struct {
	Name         string
	CreationTime string `json:"creation_time"`
	Size         int64
	Checksum     string
}

func (r *running) snapshot(at string) described {
	r.t.Helper()
	var answer struct{ Result described }
	if err := json.Unmarshal(r.json("POST", at, "", 200), &answer); err != nil {
		r.t.Fatal(err)
	}
	return answer.Result
}

func (r *running) listed(at string) []described {
	r.t.Helper()
	var answer struct{ Result []described }
	if err := json.Unmarshal(r.json("GET", at, "", 200), &answer); err != nil {
		r.t.Fatal(err)
	}
	return answer.Result
}

// form is a body with one file in a field.
func form(field, name string, content []byte) (kind string, body io.Reader) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile(field, name)
	if err == nil {
		_, err = part.Write(content)
	}
	if err = w.Close(); err != nil {
		panic(err)
	}
	return w.FormDataContentType(), &b
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestSnapshotsOverHTTP(t *testing.T) {
	r := serve(t, start{})
	defer r.stop()
	r.fill("c", 2, 300)
	for _, at := range []string{"/collections/c/snapshots", "/collections/c/shards/1/snapshots", "/snapshots"} {
		if got := r.listed(at); len(got) != 0 {
			t.Errorf("%s lists %v before there is one", at, got)
		}
		made := r.snapshot(at)
		if got := r.listed(at); len(got) != 1 || got[0] != made {
			t.Errorf("%s lists %v, made %v", at, got, made)
		}
		status, file := r.do("GET", at+"/"+made.Name, "", nil)
		if status != 200 || int64(len(file)) != made.Size || sumOf(file) != made.Checksum {
			t.Errorf("%s: %d, %d bytes, made %v", at, status, len(file), made)
		}
		if _, err := time.Parse("2006-01-02T15:04:05", made.CreationTime); err != nil {
			t.Error(err)
		}
		r.json("DELETE", at+"/"+made.Name, "", 200)
		r.json("DELETE", at+"/"+made.Name, "", 404)
		r.json("GET", at+"/"+made.Name, "", 404)
	}
	if got := r.json("POST", "/collections/c/snapshots?wait=false", "", 202); !strings.Contains(string(got), `"status":"accepted"`) {
		t.Errorf("without waiting: %s", got)
	}
	for range 1000 {
		if len(r.listed("/collections/c/snapshots")) == 1 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if got := r.listed("/collections/c/snapshots"); len(got) != 1 {
		t.Errorf("made behind: %v", got)
	}
	status, stream := r.do("GET", "/collections/c/shards/0/snapshot", "", nil)
	r.json("POST", "/collections/c/points/delete?wait=true", `{"filter":{}}`, 200)
	if code, text := r.do("POST", "/collections/c/shards/0/snapshots/upload", "application/octet-stream", bytes.NewReader(stream)); status != 200 || code != 200 {
		t.Errorf("the streamed snapshot: %d, %d, %s", status, code, text)
	}
	for _, bad := range []string{"GET /collections/none/snapshots", "POST /collections/none/snapshots", "POST /collections/c/shards/2/snapshots", "GET /collections/c/shards/2/snapshot", "GET /snapshots/none.snapshot"} {
		method, path, _ := strings.Cut(bad, " ")
		r.json(method, path, "", 404)
	}
}

func TestUploadAndRecover(t *testing.T) {
	r := serve(t, start{})
	defer r.stop()
	r.fill("c", 2, 300)
	made := r.snapshot("/collections/c/snapshots")
	_, file := r.do("GET", "/collections/c/snapshots/"+made.Name, "", nil)
	r.json("POST", "/collections/c/points/delete?wait=true", `{"filter":{}}`, 200)

	kind, body := form("snapshot", "x.snapshot", file)
	if status, text := r.do("POST", "/collections/c/snapshots/upload?checksum="+sumOf([]byte("other")), kind, body); status != 400 || !strings.Contains(string(text), "checksum") {
		t.Errorf("a wrong checksum: %d, %s", status, text)
	}
	kind, body = form("snapshot", "x.snapshot", file[:len(file)-9])
	if status, text := r.do("POST", "/collections/c/snapshots/upload", kind, body); status != 400 {
		t.Errorf("half a snapshot: %d, %s", status, text)
	}
	kind, body = form("file", "x.snapshot", file)
	if status, text := r.do("POST", "/collections/c/snapshots/upload", kind, body); status != 400 || !strings.Contains(string(text), "snapshot") {
		t.Errorf("another field: %d, %s", status, text)
	}
	if status, text := r.do("POST", "/collections/c/snapshots/upload", "", nil); status != 400 {
		t.Errorf("nothing: %d, %s", status, text)
	}
	r.holds("c", 0)
	if got := r.listed("/collections/c/snapshots"); len(got) != 1 {
		t.Errorf("refused uploads stay: %v", got)
	}
	for i, name := range []string{"x.snapshot", "../../evil.snapshot", "x.snapshot"} {
		kind, body = form("snapshot", name, file)
		if status, text := r.do("POST", "/collections/c/snapshots/upload?priority=snapshot&checksum="+strings.ToUpper(sumOf(file)), kind, body); status != 200 {
			t.Fatalf("upload: %d, %s", status, text)
		}
		if got := r.listed("/collections/c/snapshots"); len(got) != i+2 {
			t.Errorf("%d snapshots after upload %d", len(got), i)
		}
	}
	r.holds("c", 300)
	// A body in chunks, and a collection that is not there yet.
	if status, text := r.do("POST", "/collections/new/snapshots/upload", "application/octet-stream", io.MultiReader(bytes.NewReader(file))); status != 200 {
		t.Errorf("in chunks: %d, %s", status, text)
	}
	r.holds("new", 300)

	for location, want := range map[string]int{
		made.Name: 200, "file://" + filepath.Join(r.node.Dir(), "snapshots", "c", made.Name): 200,
		"none.snapshot": 404, "../c/" + made.Name: 400, "file:///etc/passwd": 400, "file://elsewhere/x.snapshot": 400,
		"file://" + filepath.Join(r.node.Dir(), "snapshots", "..", "FORMAT"): 400, "http://127.0.0.1:1/x.snapshot": 403, "ftp://x/y.snapshot": 400,
	} {
		r.json("POST", "/collections/c/points/delete?wait=true", `{"filter":{}}`, 200)
		r.json("PUT", "/collections/c/snapshots/recover", fmt.Sprintf(`{"location":%q,"priority":"replica"}`, location), want)
		if want == 200 {
			r.holds("c", 300)
		} else {
			r.holds("c", 0)
		}
	}
	r.json("PUT", "/collections/c/snapshots/recover", fmt.Sprintf(`{"location":%q,"checksum":"00"}`, made.Name), 400)
	r.json("PUT", "/collections/c/snapshots/recover", `{"location":"x.snapshot","priority":"mine"}`, 400)
	r.json("PUT", "/collections/c/snapshots/recover", `{}`, 400)
	if r.json("DELETE", "/collections/c", "", 200); len(r.listedFiles("c")) == 0 {
		t.Error("a collection's snapshots went with it")
	}
}

func (r *running) listedFiles(folder string) []string {
	files, err := filepath.Glob(filepath.Join(r.node.Dir(), "snapshots", folder, "*.snapshot"))
	if err != nil {
		r.t.Fatal(err)
	}
	return files
}

// TestNamesAreNoPaths asks for files with every way to leave a folder.
func TestNamesAreNoPaths(t *testing.T) {
	r := serve(t, start{})
	defer r.stop()
	r.fill("c", 1, 1)
	made := r.snapshot("/collections/c/snapshots")
	if err := os.Symlink("/etc/passwd", filepath.Join(r.node.Dir(), "snapshots", "c", "link.snapshot")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"..%2F..%2FFORMAT", "%2e%2e", "..%2Fc%2F" + made.Name, made.Name + ".checksum", "link.snapshot", ".tmp-1.snapshot", "a%00.snapshot", "c%5C" + made.Name} {
		for _, method := range []string{"GET", "DELETE"} {
			if name == "link.snapshot" && method == "DELETE" {
				continue // deletes the link
			}
			if status, text := r.do(method, "/collections/c/snapshots/"+name, "", nil); status < 400 || status > 404 {
				t.Errorf("%s %s: %d, %.100s", method, name, status, text)
			}
			if status, text := r.do(method, "/snapshots/c%2F"+name, "", nil); status < 400 || status > 404 {
				t.Errorf("%s node's %s: %d, %.100s", method, name, status, text)
			}
		}
	}
	if got := r.listed("/collections/c/snapshots"); len(got) != 1 || got[0] != made {
		t.Errorf("listed: %v", got)
	}
}

func TestRecoverFromURL(t *testing.T) {
	r := serve(t, start{server: server.Options{SnapshotURLs: true, SnapshotPrivateURLs: true, MaxSnapshot: 1 << 20}})
	defer r.stop()
	r.fill("c", 1, 50)
	made := r.snapshot("/collections/c/snapshots")
	_, file := r.do("GET", "/collections/c/snapshots/"+made.Name, "", nil)
	keys := make(chan string, 16)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { keys <- "stolen: " + q.Header.Get("api-key") }))
	defer other.Close()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/good":
			keys <- q.Header.Get("api-key")
			w.Write(file)
		case "/there":
			http.Redirect(w, q, "/good", http.StatusFound)
		case "/away":
			http.Redirect(w, q, other.URL, http.StatusFound)
		case "/round":
			http.Redirect(w, q, "/round", http.StatusFound)
		case "/huge":
			for range 3 {
				w.Write(make([]byte, 1<<20))
			}
		default:
			http.NotFound(w, q)
		}
	}))
	defer web.Close()
	recover := func(location string, want int) {
		t.Helper()
		r.json("PUT", "/collections/d/snapshots/recover", fmt.Sprintf(`{"location":%q,"api_key":"secret","checksum":%q}`, location, made.Checksum), want)
	}
	recover(web.URL+"/good", 200)
	r.holds("d", 50)
	recover(web.URL+"/there", 200)
	for range 2 {
		if key := <-keys; key != "secret" {
			t.Errorf("the key arrived as %q", key)
		}
	}
	recover(web.URL+"/away", 400)
	if key := <-keys; key != "stolen: " {
		t.Errorf("another host saw %q", key)
	}
	recover(web.URL+"/round", 403)
	recover(web.URL+"/huge", 400)
	recover(web.URL+"/none", 400)
	recover("http://user:pw@127.0.0.1/x", 403)
	if left, _ := filepath.Glob(filepath.Join(r.node.Dir(), "snapshots", ".tmp-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	guarded := serve(t, start{server: server.Options{SnapshotURLs: true}})
	defer guarded.stop()
	for _, location := range []string{web.URL + "/good", strings.Replace(web.URL, "127.0.0.1", "localhost", 1), strings.Replace(web.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1), "http://169.254.169.254/latest", "http://10.0.0.1/", "http://[::1]:9/", "http://0.0.0.0:9/"} {
		guarded.json("PUT", "/collections/d/snapshots/recover", fmt.Sprintf(`{"location":%q}`, location), 403)
	}
}

func TestStrangersUploadNothing(t *testing.T) {
	r := serve(t, start{server: server.Options{APIKey: "secret"}})
	defer r.stop()
	for _, body := range []io.Reader{bytes.NewReader(make([]byte, 3<<20)), io.MultiReader(bytes.NewReader(make([]byte, 3<<20)))} {
		if status, text := r.do("POST", "/collections/c/snapshots/upload", "application/octet-stream", body); status != 401 {
			t.Errorf("%d, %s", status, text)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(r.node.Dir(), "snapshots", "*")); len(left) > 0 {
		t.Errorf("a stranger wrote %v", left)
	}
}

func TestAFullDiskLeavesNoHalfSnapshot(t *testing.T) {
	r := serve(t, start{node: cluster.Options{DiskReserve: 1 << 60}})
	defer r.stop()
	r.json("POST", "/snapshots", "", 507)
	if status, text := r.do("POST", "/collections/c/snapshots/upload", "application/octet-stream", bytes.NewReader(make([]byte, 3<<20))); status != 507 {
		t.Errorf("upload: %d, %s", status, text)
	}
	if left, _ := filepath.Glob(filepath.Join(r.node.Dir(), "snapshots", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
