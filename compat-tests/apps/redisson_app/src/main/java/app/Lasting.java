package app;

import static app.Checks.eventually;
import static app.Checks.same;
import static app.Checks.that;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.redisson.api.RBlockingQueue;
import org.redisson.api.RDelayedQueue;
import org.redisson.api.RMapCache;
import org.redisson.api.RRateLimiter;
import org.redisson.api.RStream;
import org.redisson.api.RateType;
import org.redisson.api.RedissonClient;
import org.redisson.api.stream.StreamAddArgs;
import org.redisson.api.stream.StreamCreateGroupArgs;
import org.redisson.api.stream.StreamMessageId;
import org.redisson.api.stream.StreamReadGroupArgs;

/** What is left when the server has stopped and started in between. */
final class Lasting {
    private final RedissonClient one;
    private final RedissonClient other;

    Lasting(RedissonClient one, RedissonClient other) {
        this.one = one;
        this.other = other;
    }

    void before(Checks checks) {
        checks.step("left for after the restart", this::leave);
    }

    void afterwards(Checks checks) {
        checks.step("a lock of a client that is gone ends by its lease", () -> {
            that(other.getLock("last:lock").tryLock(60, 5, TimeUnit.SECONDS), "over");
        });
        checks.step("a map cache has its times", () -> {
            RMapCache<String, String> map = one.getMapCache("last:cache");
            same("v", map.get("long"));
            long left = map.remainTimeToLive("long");
            that(left > 0 && left <= 3_600_000, "the same hour: " + left);
            eventually(() -> map.get("brief") == null, "ended meanwhile or now");
        });
        checks.step("a delayed queue gives what it owes", () -> {
            RBlockingQueue<String> target = one.getBlockingQueue("last:delayed");
            RDelayedQueue<String> queue = one.getDelayedQueue(target);
            same("owed", target.poll(60, TimeUnit.SECONDS));
            same(List.of("tomorrow"), queue.readAll());
            queue.destroy();
        });
        checks.step("a group knows what is pending", () -> {
            RStream<String, String> stream = one.getStream("last:stream");
            same(Map.of("gone", 1L), stream.getPendingInfo("g").getConsumerNames());
            same(1, stream.autoClaim("g", "here", 0, TimeUnit.MILLISECONDS, StreamMessageId.MIN, 10).getMessages().size());
            same(1, stream.readGroup("g", "here", StreamReadGroupArgs.neverDelivered()).size());
        });
        checks.step("a rate limiter remembers what it admitted", () -> {
            RRateLimiter limiter = one.getRateLimiter("last:limit");
            same(1L, limiter.availablePermits());
            that(limiter.tryAcquire() && !limiter.tryAcquire(), "the last one");
        });
    }

    private void leave() {
        one.getLock("last:lock").lock(10, TimeUnit.SECONDS);
        RMapCache<String, String> map = one.getMapCache("last:cache");
        map.put("long", "v", 1, TimeUnit.HOURS);
        map.put("brief", "v", 1, TimeUnit.SECONDS);
        RDelayedQueue<String> queue = one.getDelayedQueue(one.<String>getBlockingQueue("last:delayed"));
        queue.offer("owed", 4, TimeUnit.SECONDS);
        queue.offer("tomorrow", 1, TimeUnit.DAYS);
        RStream<String, String> stream = one.getStream("last:stream");
        stream.createGroup(StreamCreateGroupArgs.name("g").makeStream());
        stream.add(StreamAddArgs.entry("n", "1"));
        same(1, stream.readGroup("g", "gone", StreamReadGroupArgs.neverDelivered()).size());
        stream.add(StreamAddArgs.entry("n", "2"));
        RRateLimiter limiter = one.getRateLimiter("last:limit");
        limiter.trySetRate(RateType.OVERALL, 3, Duration.ofHours(1));
        that(limiter.tryAcquire(2), "two of three");
    }
}
