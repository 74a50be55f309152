// Checks a recorded history for strict serializability with porcupine.
//
// The history is one committed transaction a line, as native/graph's tests write it. The model is the simplest
// one there is: a map of lists that transactions read and append to, one after another. It shares no code and no
// idea with the cycle checker in Rust. A history must end with a transaction that reads every key.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

type op struct {
	Key    int    `json:"key"`
	Append *int   `json:"append"`
	Read   *[]int `json:"read"`
}

type transaction struct {
	Client int64 `json:"client"`
	Begin  int64 `json:"begin"`
	End    int64 `json:"end"`
	Ops    []op  `json:"ops"`
}

type lists map[int][]int

// step is the state after the transaction, if it could have seen what it saw.
func step(state, input, _ any) (bool, any) {
	after := lists{}
	for key, items := range state.(lists) {
		after[key] = items
	}
	for _, op := range input.(transaction).Ops {
		if op.Append != nil {
			after[op.Key] = append(slices.Clone(after[op.Key]), *op.Append)
		} else if !slices.Equal(after[op.Key], *op.Read) {
			return false, state
		}
	}
	return true, after
}

func equal(a, b any) bool {
	left, right := a.(lists), b.(lists)
	if len(left) != len(right) {
		return false
	}
	for key, items := range left {
		if !slices.Equal(items, right[key]) {
			return false
		}
	}
	return true
}

func read(path string) ([]porcupine.Operation, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	var operations []porcupine.Operation
	for lines.Scan() {
		var t transaction
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(operations)+1, err)
		}
		// Porcupine tells clients apart by small numbers only to draw them.
		operations = append(operations, porcupine.Operation{
			ClientId: int(t.Client % 1024), Input: t, Call: t.Begin, Output: nil, Return: t.End,
		})
	}
	return operations, lines.Err()
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: histories FILE")
		os.Exit(2)
	}
	operations, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	model := porcupine.Model{
		Init:  func() any { return lists{} },
		Step:  step,
		Equal: equal,
	}
	result := porcupine.CheckOperationsTimeout(model, operations, 10*time.Minute)
	fmt.Printf("%d transactions: %s\n", len(operations), result)
	if result != porcupine.Ok {
		os.Exit(1)
	}
}
