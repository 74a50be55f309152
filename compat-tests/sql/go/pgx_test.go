// pgx against the server that PGHOST and PGPORT name: every way it has of running a query, types in binary, COPY, batches, pools.
package compat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

var modes = map[string]pgx.QueryExecMode{
	"statements":  pgx.QueryExecModeCacheStatement,
	"described":   pgx.QueryExecModeCacheDescribe,
	"each":        pgx.QueryExecModeDescribeExec,
	"undescribed": pgx.QueryExecModeExec,
	"simple":      pgx.QueryExecModeSimpleProtocol,
}

// connect gives a connection in a schema of the test's own, which goes with the test.
func connect(t *testing.T, mode pgx.QueryExecMode) *pgx.Conn {
	t.Helper()
	ctx := context.Background()
	config, err := pgx.ParseConfig("")
	must(t, err)
	config.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(ctx, config)
	must(t, err)
	name := strings.ToLower(strings.ReplaceAll(t.Name(), "/", "_"))
	for _, text := range []string{"DROP SCHEMA IF EXISTS " + name + " CASCADE", "CREATE SCHEMA " + name, "SET search_path = " + name} {
		_, err = conn.Exec(ctx, text)
		must(t, err)
	}
	t.Cleanup(func() {
		_, _ = conn.Exec(ctx, "DROP SCHEMA "+name+" CASCADE")
		_ = conn.Close(ctx)
	})
	return conn
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, wanted any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(wanted) {
		t.Fatalf("got %v, wanted %v", got, wanted)
	}
}

func state(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return fmt.Sprint(err)
}

func TestPgxModes(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			conn := connect(t, mode)
			_, err := conn.Exec(ctx, "CREATE TABLE things (id bigserial PRIMARY KEY, name text UNIQUE, price numeric(10,2), at timestamptz)")
			must(t, err)
			at := time.Date(2024, 2, 29, 12, 34, 56, 789000000, time.UTC)
			for i := 1; i <= 7; i++ {
				var id int64
				var price pgtype.Numeric
				row := conn.QueryRow(ctx, "INSERT INTO things (name, price, at) VALUES ($1, $2, $3) RETURNING id, price",
					fmt.Sprintf("name %d", i), pgtype.Numeric{Int: big.NewInt(int64(i)), Exp: -1, Valid: true}, at)
				must(t, row.Scan(&id, &price))
				same(t, id, i)
				value, err := price.Float64Value()
				must(t, err)
				same(t, value.Float64, float64(i)/10)
			}
			rows, err := conn.Query(ctx, "SELECT id, name, at FROM things WHERE id > $1 ORDER BY id", int64(5))
			must(t, err)
			found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
				var id int64
				var name string
				var then time.Time
				err := row.Scan(&id, &name, &then)
				return fmt.Sprintf("%d %s %v", id, name, then.Equal(at)), err
			})
			must(t, err)
			same(t, found, []string{"6 name 6 true", "7 name 7 true"})
			_, err = conn.Exec(ctx, "INSERT INTO things (name) VALUES ($1)", "name 1")
			same(t, state(err), "23505")
			_, err = conn.Exec(ctx, "SELECT nothing")
			same(t, state(err), "42703")
			tag, err := conn.Exec(ctx, "UPDATE things SET price = price + $1 WHERE id <= $2", 1, int64(3))
			must(t, err)
			same(t, tag.RowsAffected(), 3)
		})
	}
}

type thing struct {
	ID   int32
	Tags []string
	Data map[string]any
	Key  [16]byte
	Day  pgtype.Date
	Wait pgtype.Interval
	Raw  []byte
	Half float64
	Sure *bool
}

func TestPgxTypes(t *testing.T) {
	ctx := context.Background()
	conn := connect(t, pgx.QueryExecModeCacheStatement)
	_, err := conn.Exec(ctx, "CREATE TABLE things (id int PRIMARY KEY, tags text[], data jsonb, key uuid, day date, wait interval, raw bytea, half float8, sure bool)")
	must(t, err)
	sent := thing{7, []string{"a", `b "c"`, ""}, map[string]any{"deep": []any{1.0, nil, "x"}}, [16]byte{15: 9},
		pgtype.Date{Time: time.Date(2020, 2, 29, 0, 0, 0, 0, time.UTC), Valid: true},
		pgtype.Interval{Months: 14, Days: 3, Microseconds: 1500000, Valid: true}, []byte{0, 255}, 0.5, nil}
	_, err = conn.Exec(ctx, "INSERT INTO things VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		sent.ID, sent.Tags, sent.Data, sent.Key, sent.Day, sent.Wait, sent.Raw, sent.Half, sent.Sure)
	must(t, err)
	rows, err := conn.Query(ctx, "SELECT * FROM things")
	must(t, err)
	got, err := pgx.CollectOneRow(rows, pgx.RowToStructByPos[thing])
	must(t, err)
	same(t, got, sent)
	var several []int32
	var nested [][]int64
	var address netip.Addr
	must(t, conn.QueryRow(ctx, "SELECT $1::int[], $2::bigint[], '127.0.0.1'::inet", []int32{1, -2}, [][]int64{{1, 2}, {3, 4}}).Scan(&several, &nested, &address))
	same(t, []any{several, nested, address}, []any{[]int32{1, -2}, [][]int64{{1, 2}, {3, 4}}, "127.0.0.1"})
	_, err = conn.Exec(ctx, "CREATE TYPE mood AS ENUM ('sad', 'ok')")
	must(t, err)
	kind, err := conn.LoadType(ctx, "mood")
	must(t, err)
	conn.TypeMap().RegisterType(kind)
	kind, err = conn.LoadType(ctx, "_mood")
	must(t, err)
	conn.TypeMap().RegisterType(kind)
	var moods []string
	must(t, conn.QueryRow(ctx, "SELECT $1::mood[]", []string{"ok", "sad"}).Scan(&moods))
	same(t, moods, []string{"ok", "sad"})
}

func TestPgxTransactions(t *testing.T) {
	ctx := context.Background()
	conn := connect(t, pgx.QueryExecModeCacheStatement)
	_, err := conn.Exec(ctx, "CREATE TABLE things (id int PRIMARY KEY)")
	must(t, err)
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		must(t, pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: level}, func(tx pgx.Tx) error {
			var shown string
			if err := tx.QueryRow(ctx, "SHOW transaction_isolation").Scan(&shown); err != nil {
				return err
			}
			same(t, shown, level)
			_, err := tx.Exec(ctx, "INSERT INTO things SELECT count(*) FROM things")
			return err
		}))
	}
	tx, err := conn.Begin(ctx)
	must(t, err)
	inner, err := tx.Begin(ctx)
	must(t, err)
	_, err = inner.Exec(ctx, "INSERT INTO things VALUES (0)")
	same(t, state(err), "23505")
	must(t, inner.Rollback(ctx))
	_, err = tx.Exec(ctx, "INSERT INTO things VALUES (10)")
	must(t, err)
	must(t, tx.Commit(ctx))
	_, err = conn.Exec(ctx, "BEGIN READ ONLY; DELETE FROM things; COMMIT")
	same(t, state(err), "25006")
	_, err = conn.Exec(ctx, "ROLLBACK")
	must(t, err)
	var count int
	must(t, conn.QueryRow(ctx, "SELECT count(*) FROM things").Scan(&count))
	same(t, count, 4)
}

func TestPgxBatchesAndPipelines(t *testing.T) {
	ctx := context.Background()
	conn := connect(t, pgx.QueryExecModeCacheStatement)
	_, err := conn.Exec(ctx, "CREATE TABLE things (id int PRIMARY KEY, n int)")
	must(t, err)
	batch := &pgx.Batch{}
	for i := range 500 {
		batch.Queue("INSERT INTO things VALUES ($1, $2)", i, i*i)
	}
	batch.Queue("SELECT sum(n) FROM things").QueryRow(func(row pgx.Row) error {
		var total int64
		defer func() { same(t, total, 41541750) }()
		return row.Scan(&total)
	})
	must(t, conn.SendBatch(ctx, batch).Close())
	failing := &pgx.Batch{}
	failing.Queue("INSERT INTO things VALUES (1000, 1)")
	failing.Queue("INSERT INTO things VALUES (1, 1)")
	failing.Queue("INSERT INTO things VALUES (1001, 1)")
	same(t, state(conn.SendBatch(ctx, failing).Close()), "23505")
	var count int
	must(t, conn.QueryRow(ctx, "SELECT count(*) FROM things").Scan(&count))
	same(t, count, 500)
	pipeline := conn.PgConn().StartPipeline(ctx)
	pipeline.SendQueryParams("SELECT 1", nil, nil, nil, nil)
	must(t, pipeline.Sync())
	pipeline.SendQueryParams("SELECT 1/0", nil, nil, nil, nil)
	must(t, pipeline.Sync())
	pipeline.SendQueryParams("SELECT 3", nil, nil, nil, nil)
	must(t, pipeline.Sync())
	var seen []string
	for len(seen) < 6 {
		answer, err := pipeline.GetResults()
		if err != nil {
			seen = append(seen, state(err))
			continue
		}
		switch each := answer.(type) {
		case *pgconn.ResultReader:
			read := each.Read()
			if read.Err != nil {
				seen = append(seen, state(read.Err))
			} else {
				seen = append(seen, string(read.Rows[0][0]))
			}
		case *pgconn.PipelineSync:
			seen = append(seen, "sync")
		}
	}
	must(t, pipeline.Close())
	same(t, seen, []string{"1", "sync", "22012", "sync", "3", "sync"})
}

func TestPgxCopy(t *testing.T) {
	ctx := context.Background()
	conn := connect(t, pgx.QueryExecModeCacheStatement)
	_, err := conn.Exec(ctx, "CREATE TABLE things (id int PRIMARY KEY, name text, price numeric, at timestamptz)")
	must(t, err)
	at := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	source := pgx.CopyFromSlice(5000, func(i int) ([]any, error) {
		return []any{i, fmt.Sprintf("line\t%d", i), pgtype.Numeric{Int: big.NewInt(int64(i)), Exp: -2, Valid: true}, at}, nil
	})
	copied, err := conn.CopyFrom(ctx, pgx.Identifier{"things"}, []string{"id", "name", "price", "at"}, source)
	must(t, err)
	same(t, copied, 5000)
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"things"}, []string{"id"}, pgx.CopyFromRows([][]any{{9000}, {1}}))
	same(t, state(err), "23505")
	var out strings.Builder
	tag, err := conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT id, name, price FROM things WHERE id < 2 ORDER BY id) TO STDOUT")
	must(t, err)
	same(t, []any{tag, out.String()}, []any{"COPY 2", "0\tline\\t0\t0.00\n1\tline\\t1\t0.01\n"})
	_, err = conn.PgConn().CopyFrom(ctx, io.MultiReader(strings.NewReader("9001,x,1,"), strings.NewReader("2024-01-01\n")), "COPY things FROM STDIN (FORMAT csv)")
	must(t, err)
	var count int
	must(t, conn.QueryRow(ctx, "SELECT count(*) FROM things").Scan(&count))
	same(t, count, 5001)
}

func TestPgxPoolsNotificationsAndCancels(t *testing.T) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "pool_max_conns=4")
	must(t, err)
	defer pool.Close()
	answers := make(chan int, 50)
	for i := range 50 {
		go func() {
			var n int
			if pool.QueryRow(ctx, "SELECT $1::int", i).Scan(&n) != nil {
				n = -1000
			}
			answers <- n
		}()
	}
	total := 0
	for range 50 {
		total += <-answers
	}
	same(t, total, 1225)
	listener := connect(t, pgx.QueryExecModeCacheStatement)
	_, err = listener.Exec(ctx, "LISTEN news")
	must(t, err)
	_, err = pool.Exec(ctx, "SELECT pg_notify('news', 'hello')")
	must(t, err)
	heard, err := listener.WaitForNotification(ctx)
	must(t, err)
	same(t, heard.Channel+" "+heard.Payload, "news hello")
	request, err := pool.Acquire(ctx)
	must(t, err)
	defer request.Release()
	time.AfterFunc(200*time.Millisecond, func() { _ = request.Conn().PgConn().CancelRequest(ctx) })
	_, err = request.Exec(ctx, "SELECT pg_sleep(30)")
	same(t, state(err), "57014")
	same(t, request.Ping(ctx), nil)
}
