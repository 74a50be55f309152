// Load on a CQL server: prepared statements from many goroutines, one kind after the other; requests a second and percentiles.
package main

import (
	"flag"
	"fmt"
	"log"
	"math/rand"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/gocql/gocql"
)

const rows, partitions, slice = 20000, 200, 100

func main() {
	host := flag.String("host", "127.0.0.1", "server")
	port := flag.Int("port", 9042, "its port")
	version := flag.Int("protocol", 4, "version of the protocol")
	inFlight := flag.Int("in-flight", 64, "requests at a time")
	seconds := flag.Float64("seconds", 5, "of each kind")
	connections := flag.Int("connections", 2, "to the server")
	kinds := flag.String("kinds", "write,read,slice,text", "what is measured")
	flag.Parse()
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
	for _, text := range []string{
		"CREATE KEYSPACE IF NOT EXISTS load WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE TABLE IF NOT EXISTS load.rows (id int PRIMARY KEY, name text, amount bigint)",
		"CREATE TABLE IF NOT EXISTS load.slices (id int, at int, name text, PRIMARY KEY (id, at))",
	} {
		if err := session.Query(text).Exec(); err != nil {
			log.Fatal(err)
		}
	}
	write := func(r *rand.Rand) error {
		return session.Query("INSERT INTO load.rows (id, name, amount) VALUES (?, ?, ?)", r.Intn(rows), "a name of some length", r.Int63()).Exec()
	}
	fill := func(count int, one func(at int) error) {
		var wait sync.WaitGroup
		for worker := 0; worker < *inFlight; worker++ {
			wait.Add(1)
			go func(worker int) {
				defer wait.Done()
				for at := worker; at < count; at += *inFlight {
					if err := one(at); err != nil {
						log.Fatal(err)
					}
				}
			}(worker)
		}
		wait.Wait()
	}
	fill(rows, func(at int) error {
		return session.Query("INSERT INTO load.rows (id, name, amount) VALUES (?, ?, ?)", at, "a name", int64(at)).Exec()
	})
	fill(partitions*slice, func(at int) error {
		return session.Query("INSERT INTO load.slices (id, at, name) VALUES (?, ?, ?)", at/slice, at%slice, "a name").Exec()
	})
	read := func(r *rand.Rand) error {
		var name string
		var amount int64
		return session.Query("SELECT name, amount FROM load.rows WHERE id = ?", r.Intn(rows)).Scan(&name, &amount)
	}
	many := func(r *rand.Rand) error {
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
	// gocql prepares whatever has values; without any the text is sent as it is.
	text := func(r *rand.Rand) error {
		return session.Query(fmt.Sprintf("SELECT name, amount FROM load.rows WHERE id = %d", r.Intn(rows))).Exec()
	}
	all := map[string]func(*rand.Rand) error{"write": write, "read": read, "slice": many, "text": text}
	for _, kind := range strings.Split(*kinds, ",") {
		measure(kind, all[kind], *inFlight, *seconds)
	}
}

func measure(kind string, one func(*rand.Rand) error, inFlight int, seconds float64) {
	var mutex sync.Mutex
	var all []time.Duration
	var wait sync.WaitGroup
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	for worker := 0; worker < inFlight; worker++ {
		wait.Add(1)
		go func(seed int64) {
			defer wait.Done()
			random := rand.New(rand.NewSource(seed))
			var own []time.Duration
			for time.Now().Before(end) {
				began := time.Now()
				if err := one(random); err != nil {
					log.Fatal(kind, ": ", err)
				}
				own = append(own, time.Since(began))
			}
			mutex.Lock()
			all = append(all, own...)
			mutex.Unlock()
		}(int64(worker))
	}
	wait.Wait()
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	at := func(part float64) time.Duration { return all[int(part*float64(len(all)-1))] }
	fmt.Printf("%-6s %8.0f/s  p50 %v  p99 %v\n", kind, float64(len(all))/seconds, at(0.5), at(0.99))
}
