package app;

import static app.Checks.eventually;
import static app.Checks.same;
import static app.Checks.that;
import static app.Checks.together;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Lock;
import org.redisson.api.RBucket;
import org.redisson.api.RCountDownLatch;
import org.redisson.api.RFencedLock;
import org.redisson.api.RLock;
import org.redisson.api.RPermitExpirableSemaphore;
import org.redisson.api.RRateLimiter;
import org.redisson.api.RReadWriteLock;
import org.redisson.api.RSemaphore;
import org.redisson.api.RateType;
import org.redisson.api.RedissonClient;

/** Locks, semaphores, latches and limits: what they guard is never held by more than may. */
final class Locks {
    private static final int THREADS = 8;
    private static final int ROUNDS = 10;
    private final RedissonClient one;
    private final RedissonClient other;

    Locks(RedissonClient one, RedissonClient other) {
        this.one = one;
        this.other = other;
    }

    void all(Checks checks) {
        checks.step("lock: a counter read and written apart is right", () -> counted(one.getLock("lock:a"), other.getLock("lock:a"), "a"));
        checks.step("fair lock: likewise", () -> counted(one.getFairLock("lock:b"), other.getFairLock("lock:b"), "b"));
        checks.step("spin lock: likewise", () -> counted(one.getSpinLock("lock:c"), other.getSpinLock("lock:c"), "c"));
        checks.step("fenced lock: likewise", () -> counted(one.getFencedLock("lock:d"), other.getFencedLock("lock:d"), "d"));
        checks.step("write lock: likewise", () ->
            counted(one.getReadWriteLock("lock:e").writeLock(), other.getReadWriteLock("lock:e").writeLock(), "e"));
        checks.step("multi lock: likewise", () -> counted(many(one), many(other), "f"));
        checks.step("lock: reentrant, told who holds it", this::reentrant);
        checks.step("lock: its watchdog renews it", this::watchdog);
        checks.step("lock: a lease ends, the next one is told at once", this::lease);
        checks.step("fair lock: in the order in which they came", this::fair);
        checks.step("read lock: many readers, no writer among them", this::readers);
        checks.step("fenced lock: tokens rise", this::fenced);
        checks.step("semaphore: never more than its permits", this::semaphore);
        checks.step("semaphore with leases: a permit comes back by itself", this::leases);
        checks.step("latch: opens for all", this::latch);
        checks.step("rate limiter: no more than its rate, over both clients", this::limiter);
        checks.step("rate limiter: permits come back", this::refilled);
    }

    private static RLock many(RedissonClient client) {
        return client.getMultiLock(client.getLock("{m}1"), client.getLock("{m}2"), client.getLock("{m}3"));
    }

    private void counted(Lock mine, Lock theirs, String name) throws Exception {
        RBucket<Integer> count = one.getBucket("counted:" + name);
        count.set(0);
        AtomicInteger holders = new AtomicInteger();
        AtomicInteger turn = new AtomicInteger();
        together(THREADS, () -> {
            Lock lock = turn.getAndIncrement() % 2 == 0 ? mine : theirs;
            for (int round = 0; round < ROUNDS; round++) {
                lock.lock();
                try {
                    same(1, holders.incrementAndGet());
                    count.set(count.get() + 1);
                    holders.decrementAndGet();
                } finally {
                    lock.unlock();
                }
            }
        });
        same(THREADS * ROUNDS, count.get());
    }

    private void reentrant() throws Exception {
        RLock lock = one.getLock("lock:reentrant");
        lock.lock();
        lock.lock();
        same(2, lock.getHoldCount());
        that(lock.isHeldByCurrentThread() && other.getLock("lock:reentrant").isLocked(), "both see it");
        that(!other.getLock("lock:reentrant").tryLock(), "nobody else gets it");
        together(1, () -> {
            that(!lock.isHeldByCurrentThread(), "another thread does not hold it");
            try {
                lock.unlock();
            } catch (IllegalMonitorStateException refused) {
                return;
            }
            throw new Checks.Wrong("another thread unlocked it");
        });
        lock.unlock();
        that(lock.isLocked(), "held once more");
        lock.unlock();
        that(!lock.isLocked(), "gone");
        that(!lock.forceUnlock(), "nothing to force");
        lock.lock();
        that(other.getLock("lock:reentrant").forceUnlock(), "forced");
    }

    private void watchdog() throws Exception {
        RLock lock = one.getLock("lock:watched");
        lock.lock();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (System.nanoTime() < end) {
            that(lock.remainTimeToLive() > 0, "renewed before it ends");
            Thread.sleep(100);
        }
        lock.unlock();
    }

    private void lease() throws Exception {
        RLock lock = one.getLock("lock:leased");
        lock.lock(1, TimeUnit.SECONDS);
        that(other.getLock("lock:leased").tryLock(30, 5, TimeUnit.SECONDS), "the lease ended");
        that(!lock.isHeldByCurrentThread(), "it is another's now");
        other.getLock("lock:leased").unlock();
        lock.lock(60, TimeUnit.SECONDS);
        CountDownLatch got = new CountDownLatch(1);
        Thread waiter = new Thread(() -> {
            RLock mine = other.getLock("lock:leased");
            mine.lock();
            got.countDown();
            mine.unlock();
        });
        waiter.start();
        that(!got.await(300, TimeUnit.MILLISECONDS), "held");
        lock.unlock();
        that(got.await(30, TimeUnit.SECONDS), "told that it is free");
        waiter.join();
    }

    private void fair() throws Exception {
        RLock lock = one.getFairLock("lock:fair");
        lock.lock();
        List<Integer> order = Collections.synchronizedList(new ArrayList<>());
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            int number = i;
            RLock mine = (i % 2 == 0 ? one : other).getFairLock("lock:fair");
            Thread thread = new Thread(() -> {
                mine.lock();
                order.add(number);
                mine.unlock();
            });
            thread.start();
            threads.add(thread);
            int waiting = i + 1;
            eventually(() -> one.getScoredSortedSet("redisson_lock_timeout:{lock:fair}").size() == waiting, "it waits");
        }
        lock.unlock();
        for (Thread thread : threads) {
            thread.join(60_000);
        }
        same(List.of(0, 1, 2, 3, 4), order);
    }

    private void readers() throws Exception {
        RReadWriteLock lock = one.getReadWriteLock("lock:rw");
        RReadWriteLock same = other.getReadWriteLock("lock:rw");
        lock.readLock().lock();
        that(same.readLock().tryLock(), "a second reader");
        that(!same.writeLock().tryLock(), "no writer");
        lock.readLock().unlock();
        that(!one.getReadWriteLock("lock:rw").writeLock().tryLock(), "one reads on");
        same.readLock().unlock();
        that(same.writeLock().tryLock(), "now a writer");
        that(same.readLock().tryLock(), "who may read");
        that(!lock.readLock().tryLock(), "and nobody else");
        same.writeLock().unlock();
        that(lock.readLock().tryLock(), "a reader beside the one who wrote");
        lock.readLock().unlock();
        same.readLock().unlock();
        that(!one.getKeys().getKeysByPattern("*lock:rw*").iterator().hasNext(), "nothing is left of it");
    }

    private void fenced() {
        RFencedLock lock = one.getFencedLock("lock:fenced");
        Long first = lock.lockAndGetToken();
        same(first, lock.getToken());
        lock.unlock();
        Long second = other.getFencedLock("lock:fenced").lockAndGetToken();
        that(second > first, first + " then " + second);
        that(!lock.tryLock(), "held");
        other.getFencedLock("lock:fenced").unlock();
    }

    private void semaphore() throws Exception {
        RSemaphore semaphore = one.getSemaphore("semaphore");
        that(semaphore.trySetPermits(3), "set");
        that(!other.getSemaphore("semaphore").trySetPermits(5), "only once");
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicInteger turn = new AtomicInteger();
        together(THREADS, () -> {
            RSemaphore mine = turn.getAndIncrement() % 2 == 0 ? semaphore : other.getSemaphore("semaphore");
            for (int round = 0; round < ROUNDS; round++) {
                mine.acquire();
                most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                Thread.sleep(1);
                inside.decrementAndGet();
                mine.release();
            }
        });
        that(most.get() <= 3, most + " at once");
        same(3, semaphore.availablePermits());
        same(3, semaphore.drainPermits());
        that(!semaphore.tryAcquire(), "drained");
        semaphore.addPermits(2);
        that(semaphore.tryAcquire(2), "two more");
        that(!semaphore.tryAcquire(1, Duration.ofMillis(100)), "no third");
    }

    private void leases() throws Exception {
        RPermitExpirableSemaphore semaphore = one.getPermitExpirableSemaphore("permits");
        semaphore.trySetPermits(2);
        String brief = semaphore.acquire(1, TimeUnit.SECONDS);
        String held = semaphore.acquire();
        same(0, semaphore.availablePermits());
        same(2, semaphore.acquiredPermits());
        String next = other.getPermitExpirableSemaphore("permits").tryAcquire(30, 60, TimeUnit.SECONDS);
        that(next != null, "the brief one came back");
        that(!semaphore.tryRelease(brief), "it is nobody's any more");
        that(semaphore.updateLeaseTime(held, 60, TimeUnit.SECONDS), "a longer lease");
        that(semaphore.getLeaseTime(held) > 30_000, "which is told");
        semaphore.release(held);
        semaphore.release(next);
        same(2, semaphore.availablePermits());
    }

    private void latch() throws Exception {
        RCountDownLatch latch = one.getCountDownLatch("latch");
        that(latch.trySetCount(3), "set");
        AtomicInteger through = new AtomicInteger();
        List<Thread> waiting = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            RCountDownLatch mine = (i % 2 == 0 ? one : other).getCountDownLatch("latch");
            Thread thread = new Thread(() -> {
                try {
                    if (mine.await(60, TimeUnit.SECONDS)) {
                        through.incrementAndGet();
                    }
                } catch (InterruptedException ended) {
                    Thread.currentThread().interrupt();
                }
            });
            thread.start();
            waiting.add(thread);
        }
        latch.countDown();
        other.getCountDownLatch("latch").countDown();
        same(1L, latch.getCount());
        same(0, through.get());
        latch.countDown();
        for (Thread thread : waiting) {
            thread.join(60_000);
        }
        same(4, through.get());
    }

    private void limiter() throws Exception {
        RRateLimiter limiter = one.getRateLimiter("limit");
        that(limiter.trySetRate(RateType.OVERALL, 10, Duration.ofMinutes(10)), "set");
        that(!limiter.trySetRate(RateType.OVERALL, 20, Duration.ofMinutes(10)), "only once");
        AtomicInteger admitted = new AtomicInteger();
        AtomicInteger turn = new AtomicInteger();
        together(THREADS, () -> {
            RRateLimiter mine = turn.getAndIncrement() % 2 == 0 ? limiter : other.getRateLimiter("limit");
            for (int i = 0; i < ROUNDS; i++) {
                if (mine.tryAcquire()) {
                    admitted.incrementAndGet();
                }
            }
        });
        same(10, admitted.get());
        same(0L, limiter.availablePermits());
        same(RateType.OVERALL, limiter.getConfig().getRateType());
    }

    private void refilled() {
        RRateLimiter limiter = one.getRateLimiter("limit:brief");
        limiter.trySetRate(RateType.OVERALL, 2, Duration.ofSeconds(1));
        that(limiter.tryAcquire(2), "both");
        that(other.getRateLimiter("limit:brief").tryAcquire(2, Duration.ofSeconds(30)), "and again a second later");
        RRateLimiter each = one.getRateLimiter("limit:each");
        each.trySetRate(RateType.PER_CLIENT, 1, Duration.ofMinutes(10));
        that(each.tryAcquire() && other.getRateLimiter("limit:each").tryAcquire(), "each client has its own");
        that(!each.tryAcquire(), "and no more");
    }
}
