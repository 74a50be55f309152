// Command asynq_app runs a queue of asynq against the Redis at QUEUE_ADDRESS: every step of a task is a script of asynq's.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
)

const longest = 90 * time.Second

// check ends the program with a word when something is not as it should be.
func check(what string, right bool, seen ...any) {
	if !right {
		fmt.Fprintln(os.Stderr, append([]any{"wrong:", what}, seen...)...)
		os.Exit(1)
	}
}

// until waits for something to become true.
func until(what string, look func() bool) {
	for deadline := time.Now().Add(longest); !look(); time.Sleep(20 * time.Millisecond) {
		check("not in time: "+what, time.Now().Before(deadline))
	}
}

// tally is what the handlers have done.
type tally struct {
	lock   sync.Mutex
	done   map[int]int
	order  []string
	groups []string
	tries  atomic.Int32
	ticks  atomic.Int32
}

func (t *tally) add(number int) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.done[number]++
}

func (t *tally) count() int {
	t.lock.Lock()
	defer t.lock.Unlock()
	return len(t.done)
}

// handlers are the tasks that there are.
func handlers(t *tally) *asynq.ServeMux {
	mux := asynq.NewServeMux()
	mux.HandleFunc("number", func(_ context.Context, task *asynq.Task) error {
		var number int
		if err := json.Unmarshal(task.Payload(), &number); err != nil {
			return err
		}
		t.add(number)
		_, err := task.ResultWriter().Write([]byte(fmt.Sprint(number * 2)))
		return err
	})
	mux.HandleFunc("stubborn", func(context.Context, *asynq.Task) error {
		if t.tries.Add(1) < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	mux.HandleFunc("hopeless", func(context.Context, *asynq.Task) error {
		return fmt.Errorf("never: %w", asynq.SkipRetry)
	})
	mux.HandleFunc("slow", func(ctx context.Context, _ *asynq.Task) error {
		<-ctx.Done()
		return ctx.Err()
	})
	mux.HandleFunc("tick", func(context.Context, *asynq.Task) error {
		t.ticks.Add(1)
		return nil
	})
	mux.HandleFunc("together", func(_ context.Context, task *asynq.Task) error {
		t.lock.Lock()
		defer t.lock.Unlock()
		t.groups = append(t.groups, string(task.Payload()))
		return nil
	})
	return mux
}

func number(value int, options ...asynq.Option) (*asynq.Task, []asynq.Option) {
	payload, _ := json.Marshal(value)
	return asynq.NewTask("number", payload), options
}

func main() {
	redis := asynq.RedisClientOpt{Addr: os.Getenv("QUEUE_ADDRESS")}
	client, inspector := asynq.NewClient(redis), asynq.NewInspector(redis)
	seen := &tally{done: map[int]int{}}
	ask := func(task *asynq.Task, options ...asynq.Option) *asynq.TaskInfo {
		info, err := client.Enqueue(task, options...)
		check("asked for "+task.Type(), err == nil, err)
		return info
	}

	// Before anybody works: what waits is seen.
	for value := range 100 {
		task, _ := number(value)
		ask(task)
	}
	task, _ := number(1000)
	later := ask(task, asynq.ProcessIn(time.Hour))
	task, _ = number(500)
	soon := time.Now()
	ask(task, asynq.ProcessIn(time.Second))
	task, _ = number(7)
	unique := ask(task, asynq.Unique(time.Minute), asynq.Queue("critical"), asynq.Retention(time.Minute))
	_, err := client.Enqueue(task, asynq.Unique(time.Minute), asynq.Queue("critical"))
	check("a second of a unique task", errors.Is(err, asynq.ErrDuplicateTask), err)
	_, err = client.Enqueue(task, asynq.TaskID("mine"), asynq.Retention(time.Minute))
	check("a task of one's own name", err == nil, err)
	_, err = client.Enqueue(task, asynq.TaskID("mine"))
	check("its name again", errors.Is(err, asynq.ErrTaskIDConflict), err)
	info, err := inspector.GetQueueInfo("default")
	check("what waits", err == nil && info.Pending == 101 && info.Scheduled == 2, err, info)

	server := asynq.NewServer(redis, asynq.Config{
		Concurrency:              4,
		Queues:                   map[string]int{"critical": 3, "default": 1},
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return 50 * time.Millisecond },
		DelayedTaskCheckInterval: 100 * time.Millisecond,
		ShutdownTimeout:          time.Second,
		GroupGracePeriod:         time.Second,
		GroupMaxSize:             5,
		LogLevel:                 asynq.FatalLevel,
		GroupAggregator: asynq.GroupAggregatorFunc(func(group string, tasks []*asynq.Task) *asynq.Task {
			return asynq.NewTask("together", []byte(fmt.Sprintf("%s %d", group, len(tasks))))
		}),
	})
	check("the server starts", server.Start(handlers(seen)) == nil)
	until("all numbers", func() bool { return seen.count() == 101 })
	check("a delayed task waits", time.Since(soon) >= time.Second)
	done, err := inspector.GetTaskInfo("critical", unique.ID)
	until("its result is kept", func() bool {
		done, err = inspector.GetTaskInfo("critical", unique.ID)
		return err == nil && done.State == asynq.TaskStateCompleted
	})
	check("the result", string(done.Result) == "14", string(done.Result))
	check("run now", inspector.RunTask("default", later.ID) == nil)
	until("what was to come later", func() bool { return seen.count() == 102 })
	seen.lock.Lock()
	for value, times := range seen.done {
		check("each once", times == 1 || value == 7 && times == 3, value, times)
	}
	seen.lock.Unlock()

	// Failures: tried again, archived, deleted.
	ask(asynq.NewTask("stubborn", nil), asynq.MaxRetry(5))
	until("the third try", func() bool { return seen.tries.Load() == 3 })
	hopeless := ask(asynq.NewTask("hopeless", nil))
	until("given up", func() bool {
		tasks, err := inspector.ListArchivedTasks("default")
		return err == nil && len(tasks) == 1 && tasks[0].ID == hopeless.ID
	})
	check("deleted", inspector.DeleteTask("default", hopeless.ID) == nil)
	info, err = inspector.GetQueueInfo("default")
	check("counts", err == nil && info.Failed == 3 && info.Archived == 0, err, info)

	// Cancelled over pub/sub, paused, grouped.
	slow := ask(asynq.NewTask("slow", nil), asynq.MaxRetry(0))
	until("it runs", func() bool {
		tasks, err := inspector.ListActiveTasks("default")
		return err == nil && len(tasks) == 1 && tasks[0].ID == slow.ID
	})
	check("cancelled", inspector.CancelProcessing(slow.ID) == nil)
	until("it ended", func() bool {
		tasks, err := inspector.ListArchivedTasks("default")
		return err == nil && len(tasks) == 1 && tasks[0].ID == slow.ID
	})
	check("paused", inspector.PauseQueue("default") == nil)
	task, _ = number(2000)
	ask(task)
	time.Sleep(500 * time.Millisecond)
	check("nothing of a paused queue runs", seen.count() == 102)
	check("goes on", inspector.UnpauseQueue("default") == nil)
	until("it runs again", func() bool { return seen.count() == 103 })
	for range 7 {
		ask(asynq.NewTask("part", nil), asynq.Group("g"))
	}
	until("aggregated", func() bool {
		seen.lock.Lock()
		defer seen.lock.Unlock()
		return len(seen.groups) == 2
	})
	check("of at most five", seen.groups[0] == "g 5" && seen.groups[1] == "g 2", seen.groups)

	scheduler := asynq.NewScheduler(redis, &asynq.SchedulerOpts{LogLevel: asynq.FatalLevel})
	_, err = scheduler.Register("@every 1s", asynq.NewTask("tick", nil))
	check("registered", err == nil && scheduler.Start() == nil, err)
	until("three ticks", func() bool { return seen.ticks.Load() >= 3 })
	// It tells of itself every few seconds.
	until("its entry is seen", func() bool {
		entries, err := inspector.SchedulerEntries()
		return err == nil && len(entries) == 1
	})
	scheduler.Shutdown()
	servers, err := inspector.Servers()
	check("the server is seen", err == nil && len(servers) == 1, err)
	server.Shutdown()
	servers, err = inspector.Servers()
	check("and gone", err == nil && len(servers) == 0, err)
	fmt.Println("asynq: tasks, delays, unique ones, retries, cancellation, pauses, groups and schedules right")
}
