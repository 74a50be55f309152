// lib/pq through database/sql: the driver of Go's older programs, with parameters in text and COPY by a prepared statement.
package compat

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lib/pq"
)

func open(t *testing.T, table, columns string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", "sslmode=disable")
	must(t, err)
	_, err = db.Exec(fmt.Sprintf("DROP TABLE IF EXISTS %s; CREATE TABLE %s (%s)", table, table, columns))
	must(t, err)
	t.Cleanup(func() {
		_, _ = db.Exec("DROP TABLE " + table)
		_ = db.Close()
	})
	return db
}

func TestPqValues(t *testing.T) {
	db := open(t, "pq_values", "id serial PRIMARY KEY, name text UNIQUE, price numeric(10,2), tags text[], at timestamptz, raw bytea, sure bool")
	at := time.Date(2024, 2, 29, 12, 34, 56, 789000000, time.UTC)
	var id int
	must(t, db.QueryRow("INSERT INTO pq_values (name, price, tags, at, raw, sure) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
		"café", 1.25, pq.Array([]string{"a", `b "c"`}), at, []byte{0, 255}, nil).Scan(&id))
	same(t, id, 1)
	var name, price string
	var tags []string
	var then time.Time
	var raw []byte
	var sure sql.NullBool
	must(t, db.QueryRow("SELECT name, price, tags, at, raw, sure FROM pq_values WHERE id = $1", id).Scan(&name, &price, pq.Array(&tags), &then, &raw, &sure))
	same(t, []any{name, price, tags, then.Equal(at), raw, sure.Valid}, []any{"café", "1.25", []string{"a", `b "c"`}, true, []byte{0, 255}, false})
	_, err := db.Exec("INSERT INTO pq_values (name) VALUES ($1)", "café")
	var refused *pq.Error
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	same(t, []any{refused.Code, refused.Constraint, refused.Table}, []any{"23505", "pq_values_name_key", "pq_values"})
	rows, err := db.Query("SELECT id, name, price FROM pq_values")
	must(t, err)
	defer rows.Close()
	kinds, err := rows.ColumnTypes()
	must(t, err)
	precision, scale, known := kinds[2].DecimalSize()
	same(t, []any{kinds[0].DatabaseTypeName(), kinds[1].DatabaseTypeName(), precision, scale, known}, []any{"INT4", "TEXT", 10, 2, true})
}

func TestPqStatementsAndTransactions(t *testing.T) {
	db := open(t, "pq_rows", "id int PRIMARY KEY, n int")
	for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable} {
		tx, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: level})
		must(t, err)
		insert, err := tx.Prepare("INSERT INTO pq_rows VALUES ($1, $2)")
		must(t, err)
		for i := range 100 {
			_, err = insert.Exec(int(level)*1000+i, i)
			must(t, err)
		}
		if level == sql.LevelSerializable {
			must(t, tx.Rollback())
		} else {
			must(t, tx.Commit())
		}
	}
	var count, total int
	must(t, db.QueryRow("SELECT count(*), sum(n) FROM pq_rows WHERE n = ANY($1)", pq.Array([]int64{1, 2, 3})).Scan(&count, &total))
	same(t, []int{count, total}, []int{6, 12})
	several, err := db.Query("SELECT 1; SELECT 2, 3")
	must(t, err)
	defer several.Close()
	must(t, several.Err())
	for several.Next() {
	}
	same(t, several.NextResultSet(), true)
	columns, err := several.Columns()
	must(t, err)
	same(t, len(columns), 2)
}

func TestPqCopy(t *testing.T) {
	db := open(t, "pq_copied", "id int PRIMARY KEY, name text, at timestamptz")
	tx, err := db.Begin()
	must(t, err)
	statement, err := tx.Prepare(pq.CopyIn("pq_copied", "id", "name", "at"))
	must(t, err)
	for i := range 3000 {
		_, err = statement.Exec(i, fmt.Sprintf("line\t%d\\", i), time.Now())
		must(t, err)
	}
	_, err = statement.Exec()
	must(t, err)
	must(t, statement.Close())
	must(t, tx.Commit())
	var count int
	var name string
	must(t, db.QueryRow("SELECT count(*), max(name) FROM pq_copied WHERE id <= 7").Scan(&count, &name))
	same(t, []any{count, name}, []any{8, "line\t7\\"})
}

func TestPqCancelsAndNotifications(t *testing.T) {
	db := open(t, "pq_other", "id int")
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := db.ExecContext(ctx, "SELECT pg_sleep(30)")
	if err == nil {
		t.Fatal("it was not cancelled")
	}
	must(t, db.Ping())
	listener := pq.NewListener("sslmode=disable", time.Second, time.Minute, nil)
	defer listener.Close()
	must(t, listener.Listen("news"))
	_, err = db.Exec("NOTIFY news, 'hello'")
	must(t, err)
	select {
	case heard := <-listener.Notify:
		same(t, heard.Channel+" "+heard.Extra, "news hello")
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was heard")
	}
}
