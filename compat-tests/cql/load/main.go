// Load on a CQL server, one kind of request after the other from many goroutines: requests a second and percentiles.
//
//	go run . -port 9042 -fill -kinds write,read,slice,text -seconds 5
//	go run . -canned 9043 -upstream 9042
//
// The second form is no load but a server: it passes on what it does not know and repeats the first answer to each statement, so
// that a load on it shows what the client itself is able to.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/gocql/gocql"
)

const rows, partitions, slice = 20000, 200, 100

var schema = []string{
	"CREATE KEYSPACE IF NOT EXISTS load WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
	"CREATE TABLE IF NOT EXISTS load.rows (id int PRIMARY KEY, name text, amount bigint)",
	"CREATE TABLE IF NOT EXISTS load.slices (id int, at int, name text, PRIMARY KEY (id, at))",
}

// Result is what one kind of request came to.
type Result struct {
	Kind string  `json:"kind"`
	Rate float64 `json:"rate"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
}

// request makes one request.
type request func(*gocql.Session, *rand.Rand) error

func write(session *gocql.Session, r *rand.Rand) error {
	text := "INSERT INTO load.rows (id, name, amount) VALUES (?, ?, ?)"
	return session.Query(text, r.Intn(rows), "a name of some length", r.Int63()).Exec()
}

func read(session *gocql.Session, r *rand.Rand) error {
	var name string
	var amount int64
	return session.Query("SELECT name, amount FROM load.rows WHERE id = ?", r.Intn(rows)).Scan(&name, &amount)
}

func readSlice(session *gocql.Session, r *rand.Rand) error {
	found := session.Query("SELECT at, name FROM load.slices WHERE id = ?", r.Intn(partitions)).Iter()
	count := 0
	var at int
	var name string
	for found.Scan(&at, &name) {
		count++
	}
	if err := found.Close(); err != nil {
		return err
	}
	if count != slice {
		return fmt.Errorf("%d rows", count)
	}
	return nil
}

// gocql prepares whatever begins with SELECT or INSERT; behind a comment it sends the text as it is.
func readText(session *gocql.Session, r *rand.Rand) error {
	return session.Query(fmt.Sprintf("/**/SELECT name, amount FROM load.rows WHERE id = %d", r.Intn(rows))).Exec()
}

func writeText(session *gocql.Session, r *rand.Rand) error {
	text := "/**/INSERT INTO load.rows (id, name, amount) VALUES (%d, 'a name of some length', %d)"
	return session.Query(fmt.Sprintf(text, r.Intn(rows), r.Int63())).Exec()
}

func writeBatch(session *gocql.Session, r *rand.Rand) error {
	batch := session.NewBatch(gocql.UnloggedBatch)
	for range 10 {
		text := "INSERT INTO load.rows (id, name, amount) VALUES (?, ?, ?)"
		batch.Query(text, r.Intn(rows), "a name of some length", r.Int63())
	}
	return session.ExecuteBatch(batch)
}

var kinds = map[string]request{
	"write": write, "read": read, "slice": readSlice, "text": readText, "textwrite": writeText, "batch": writeBatch,
}

func main() {
	host := flag.String("host", "127.0.0.1", "server")
	port := flag.Int("port", 9042, "its port")
	version := flag.Int("protocol", 4, "version of the protocol")
	inFlight := flag.Int("in-flight", 64, "requests at a time")
	seconds := flag.Float64("seconds", 5, "of each kind")
	connections := flag.Int("connections", 2, "to the server")
	wanted := flag.String("kinds", "write,read,slice,text", "what is measured, of write, read, slice, text, textwrite, batch")
	fills := flag.Bool("fill", false, "make and fill the tables first")
	asJSON := flag.Bool("json", false, "a line of JSON for each kind")
	canned := flag.Int("canned", 0, "be a server of canned answers on this port")
	upstream := flag.Int("upstream", 0, "who gives the first answer")
	flag.Parse()
	if *canned != 0 {
		log.Fatal(repeat(*canned, *upstream))
	}
	cluster := gocql.NewCluster(*host)
	cluster.Port = *port
	cluster.ProtoVersion = *version
	cluster.NumConns = *connections
	cluster.Consistency = gocql.One
	cluster.Timeout = 30 * time.Second
	cluster.DisableInitialHostLookup = true
	session, err := cluster.CreateSession()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	if *fills {
		fill(session, *inFlight)
	}
	if *wanted == "" {
		return
	}
	for _, kind := range strings.Split(*wanted, ",") {
		found := measure(session, kind, *inFlight, *seconds)
		if *asJSON {
			if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
				log.Fatal(err)
			}
			continue
		}
		fmt.Printf("%-9s %8.0f/s  p50 %.2f ms  p99 %.2f ms\n", kind, found.Rate, found.P50, found.P99)
	}
}

func fill(session *gocql.Session, inFlight int) {
	for _, text := range schema {
		if err := session.Query(text).Exec(); err != nil {
			log.Fatal(err)
		}
	}
	each(inFlight, rows, func(at int) error {
		text := "INSERT INTO load.rows (id, name, amount) VALUES (?, ?, ?)"
		return session.Query(text, at, "a name of some length", int64(at)).Exec()
	})
	each(inFlight, partitions*slice, func(at int) error {
		text := "INSERT INTO load.slices (id, at, name) VALUES (?, ?, ?)"
		return session.Query(text, at/slice, at%slice, "a name").Exec()
	})
}

func each(inFlight, count int, one func(at int) error) {
	var wait sync.WaitGroup
	for worker := range inFlight {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for at := worker; at < count; at += inFlight {
				if err := one(at); err != nil {
					log.Fatal(err)
				}
			}
		}()
	}
	wait.Wait()
}

func measure(session *gocql.Session, kind string, inFlight int, seconds float64) Result {
	one, known := kinds[kind]
	if !known {
		log.Fatalf("no kind is called %q", kind)
	}
	var mutex sync.Mutex
	var all []time.Duration
	var wait sync.WaitGroup
	began := time.Now()
	end := began.Add(time.Duration(seconds * float64(time.Second)))
	for worker := range inFlight {
		wait.Add(1)
		go func() {
			defer wait.Done()
			random := rand.New(rand.NewSource(int64(worker)))
			var own []time.Duration
			for time.Now().Before(end) {
				began := time.Now()
				if err := one(session, random); err != nil {
					log.Fatal(kind, ": ", err)
				}
				own = append(own, time.Since(began))
			}
			mutex.Lock()
			all = append(all, own...)
			mutex.Unlock()
		}()
	}
	wait.Wait()
	took := time.Since(began).Seconds()
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	at := func(part float64) float64 { return all[int(part*float64(len(all)-1))].Seconds() * 1000 }
	return Result{kind, float64(len(all)) / took, at(0.5), at(0.99)}
}
