package app;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Runs the steps one after the other and remembers which failed; a step that hangs fails when its time is over. */
final class Checks {
    private static final long STEP_SECONDS = 300;
    private final List<String> failed = new ArrayList<>();
    private int passed;

    interface Step {
        void run() throws Exception;
    }

    /** What was expected did not happen. */
    static final class Wrong extends RuntimeException {
        Wrong(String what) {
            super(what);
        }
    }

    static void same(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new Wrong("expected " + expected + ", found " + found);
        }
    }

    static void that(boolean holds, String what) {
        if (!holds) {
            throw new Wrong(what);
        }
    }

    /** Waits until it holds: for what the server, or another client, does in its own time. */
    static void eventually(Callable<Boolean> holds, String what) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!holds.call()) {
            that(System.nanoTime() < end, "never: " + what);
            Thread.sleep(20);
        }
    }

    /** Runs the same on several threads at once; the first failure is thrown. */
    static void together(int threads, Step step) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Future<?>> running = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                running.add(pool.submit(() -> {
                    step.run();
                    return null;
                }));
            }
            for (Future<?> one : running) {
                one.get(STEP_SECONDS, TimeUnit.SECONDS);
            }
        } finally {
            pool.shutdownNow();
        }
    }

    void step(String name, Step step) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread runner = new Thread(() -> {
            try {
                step.run();
                done.complete(null);
            } catch (Throwable failure) {
                done.completeExceptionally(failure);
            }
        });
        runner.setDaemon(true);
        runner.start();
        try {
            done.get(STEP_SECONDS, TimeUnit.SECONDS);
            passed++;
            System.out.println("passed: " + name);
        } catch (Exception failure) {
            Throwable cause = failure.getCause() == null ? failure : failure.getCause();
            failed.add(name);
            System.out.println("FAILED: " + name + ": " + cause);
            cause.printStackTrace(System.out);
            runner.interrupt();
        }
    }

    /** Prints the sum; how many failed. */
    int end() {
        System.out.println(passed + " passed, " + failed.size() + " failed" + (failed.isEmpty() ? "" : ": " + failed));
        return failed.size();
    }
}
