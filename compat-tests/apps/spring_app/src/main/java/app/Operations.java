package app;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.springframework.context.event.EventListener;
import org.springframework.dao.DataAccessException;
import org.springframework.data.domain.Range;
import org.springframework.data.geo.Distance;
import org.springframework.data.geo.Metrics;
import org.springframework.data.geo.Point;
import org.springframework.data.redis.connection.BitFieldSubCommands;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.connection.RedisStringCommands;
import org.springframework.data.redis.connection.stream.Consumer;
import org.springframework.data.redis.connection.stream.MapRecord;
import org.springframework.data.redis.connection.stream.ReadOffset;
import org.springframework.data.redis.connection.stream.RecordId;
import org.springframework.data.redis.connection.stream.StreamOffset;
import org.springframework.data.redis.core.Cursor;
import org.springframework.data.redis.core.RedisKeyExpiredEvent;
import org.springframework.data.redis.core.RedisOperations;
import org.springframework.data.redis.core.ScanOptions;
import org.springframework.data.redis.core.SessionCallback;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.data.redis.core.script.DefaultRedisScript;
import org.springframework.data.redis.core.script.RedisScript;
import org.springframework.data.redis.domain.geo.GeoReference;
import org.springframework.data.redis.listener.ChannelTopic;
import org.springframework.data.redis.listener.PatternTopic;
import org.springframework.data.redis.listener.RedisMessageListenerContainer;
import org.springframework.data.redis.stream.StreamMessageListenerContainer;
import org.springframework.stereotype.Service;

/** The operations of Spring Data Redis, each with what it must answer. */
@Service
class Operations {
    private final RedisConnectionFactory factory;
    private final StringRedisTemplate redis;
    private final Person.People people;
    private final List<String> expired = new CopyOnWriteArrayList<>();
    private final List<String> outcomes = new ArrayList<>();

    Operations(RedisConnectionFactory factory, StringRedisTemplate redis, Person.People people) {
        this.factory = factory;
        this.redis = redis;
        this.people = people;
    }

    interface Step {
        void run() throws Exception;
    }

    @EventListener
    void gone(RedisKeyExpiredEvent<?> event) {
        expired.add(new String(event.getId()) + " " + (event.getValue() == null ? "unknown" : ((Person) event.getValue()).town));
    }

    List<String> all() {
        outcomes.clear();
        step("values", this::values);
        step("hashes", this::hashes);
        step("lists", this::lists);
        step("sets", this::sets);
        step("sorted sets", this::sortedSets);
        step("geo, bits, hyperloglog", this::special);
        step("scan", this::scan);
        step("pipeline", this::pipeline);
        step("transaction", this::transaction);
        step("scripts", this::scripts);
        step("streams", this::streams);
        step("stream container", this::container);
        step("messages", this::messages);
        step("repository", this::repository);
        step("repository: what ended is told with what it was", this::ended);
        return List.copyOf(outcomes);
    }

    private void step(String name, Step step) {
        try {
            step.run();
            outcomes.add("passed: " + name);
        } catch (Exception | AssertionError failure) {
            failure.printStackTrace();
            outcomes.add("FAILED: " + name + ": " + failure);
        }
    }

    private static void same(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    private static void eventually(Callable<Boolean> holds, String what) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!holds.call()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("never: " + what);
            }
            Thread.sleep(20);
        }
    }

    private void values() throws Exception {
        var values = redis.opsForValue();
        values.set("v", "1", Duration.ofMinutes(1));
        same(true, redis.getExpire("v", TimeUnit.MILLISECONDS) > 50_000);
        same(false, values.setIfAbsent("v", "2"));
        same(true, values.setIfPresent("v", "2", Duration.ofSeconds(30)));
        same(7L, values.increment("v", 5));
        same(7.5, values.increment("v", 0.5));
        same("7.5", values.getAndSet("v", "text"));
        same(6, values.append("v", "ed"));
        same("xt", values.get("v", 2, 3));
        same("texted", values.getAndExpire("v", Duration.ofMillis(100)));
        eventually(() -> values.get("v") == null, "ended");
        values.multiSet(Map.of("{m}1", "a", "{m}2", "b"));
        same(List.of("a", "b"), values.multiGet(List.of("{m}1", "{m}2")));
        same(false, values.multiSetIfAbsent(Map.of("{m}2", "c", "{m}3", "c")));
        same("a", values.getAndDelete("{m}1"));
        same(-2L, redis.getExpire("{m}1"));
        same(true, redis.copy("{m}2", "{m}4", false));
        same(2L, redis.countExistingKeys(List.of("{m}2", "{m}4", "{m}5")));
        byte[] dumped = redis.dump("{m}2");
        redis.restore("{m}6", dumped, 0, TimeUnit.SECONDS);
        same("b", values.get("{m}6"));
        redis.delete(List.of("{m}2", "{m}4", "{m}6"));
    }

    private void hashes() {
        var hash = redis.<String, String>opsForHash();
        hash.putAll("h", Map.of("a", "1", "b", "2"));
        same(false, hash.putIfAbsent("h", "a", "9"));
        same(3L, hash.increment("h", "a", 2));
        same(java.util.Arrays.asList("3", null), hash.multiGet("h", List.of("a", "z")));
        same(Map.of("a", "3", "b", "2"), hash.entries("h"));
        same(2, hash.randomEntries("h", 5).size());
        same(1L, hash.lengthOfValue("h", "a"));
        same(2L, hash.delete("h", "a", "b", "c"));
        same(false, redis.hasKey("h"));
    }

    private void lists() throws Exception {
        var list = redis.opsForList();
        same(3L, list.rightPushAll("l", "a", "b", "c"));
        same(4L, list.leftPush("l", "b", "x"));
        same(List.of("a", "x", "b", "c"), list.range("l", 0, -1));
        same(2L, list.indexOf("l", "b"));
        same("c", list.rightPopAndLeftPush("l", "l"));
        same("c", list.leftPop("l", Duration.ofSeconds(1)));
        same(1L, list.remove("l", 0, "x"));
        list.set("l", 0, "z");
        list.trim("l", 0, 0);
        same(List.of("z"), list.range("l", 0, -1));
        same("z", list.leftPop("l"));
        same(null, list.leftPop("l", Duration.ofSeconds(1)));
    }

    private void sets() {
        var set = redis.opsForSet();
        same(3L, set.add("{s}1", "a", "b", "c"));
        set.add("{s}2", "b", "c", "d");
        same(Set.of("b", "c"), set.intersect("{s}1", "{s}2"));
        same(4L, set.unionAndStore("{s}1", "{s}2", "{s}3"));
        same(Map.of("a", true, "z", false), set.isMember("{s}1", "a", "z"));
        same(true, set.move("{s}1", "a", "{s}2"));
        same(2, set.distinctRandomMembers("{s}1", 5).size());
        same(4, set.pop("{s}3", 9).size());
    }

    private void sortedSets() {
        var sorted = redis.opsForZSet();
        same(true, sorted.add("z", "a", 1));
        same(false, sorted.addIfAbsent("z", "a", 5));
        sorted.add("z", "b", 2);
        sorted.add("z", "c", 3);
        same(4.5, sorted.incrementScore("z", "a", 3.5));
        same(List.of("b", "c", "a"), new ArrayList<>(sorted.range("z", 0, -1)));
        same(0L, sorted.reverseRank("z", "a"));
        same(2L, sorted.count("z", 2, 3));
        same(Set.of("c"), sorted.rangeByScore("z", 2.5, 4));
        same(java.util.Arrays.asList(4.5, null), sorted.score("z", "a", "none"));
        same("b", sorted.popMin("z").getValue());
        same(Set.of("a", "c"), new TreeSet<>(sorted.rangeByLex("z", Range.unbounded())));
        same(1L, sorted.removeRangeByScore("z", 4, 5));
    }

    private void special() {
        redis.opsForGeo().add("g", Map.of("Palermo", new Point(13.361389, 38.115556), "Catania", new Point(15.087269, 37.502669)));
        same(166L, Math.round(redis.opsForGeo().distance("g", "Palermo", "Catania", Metrics.KILOMETERS).getValue()));
        same(2, redis.opsForGeo().search("g", GeoReference.fromMember("Palermo"), new Distance(200, Metrics.KILOMETERS)).getContent().size());
        same(false, redis.opsForValue().setBit("bits", 7, true));
        same(true, redis.opsForValue().getBit("bits", 7));
        same(List.of(1L), redis.opsForValue().bitField("bits", BitFieldSubCommands.create()
            .get(BitFieldSubCommands.BitFieldType.unsigned(8)).valueAt(0)));
        redis.opsForHyperLogLog().add("{p}1", "a", "b", "c");
        redis.opsForHyperLogLog().add("{p}2", "c", "d");
        same(4L, redis.opsForHyperLogLog().union("{p}3", "{p}1", "{p}2"));
    }

    private void scan() {
        Set<String> written = new TreeSet<>();
        for (int i = 0; i < 500; i++) {
            redis.opsForValue().set("scan:" + i, "v");
            written.add("scan:" + i);
        }
        Set<String> seen = new TreeSet<>();
        try (Cursor<String> cursor = redis.scan(ScanOptions.scanOptions().match("scan:*").count(17).build())) {
            cursor.forEachRemaining(seen::add);
        }
        same(written, seen);
        same(500L, redis.delete(seen));
    }

    private void pipeline() {
        List<Object> answers = redis.executePipelined((org.springframework.data.redis.core.RedisCallback<Object>) connection -> {
            for (int i = 0; i < 100; i++) {
                connection.stringCommands().incr("pipe".getBytes());
            }
            connection.stringCommands().set("pipe:x".getBytes(), "y".getBytes(),
                org.springframework.data.redis.core.types.Expiration.seconds(60), RedisStringCommands.SetOption.ifAbsent());
            return null;
        });
        same(101, answers.size());
        same(100L, answers.get(99));
        redis.delete(List.of("pipe", "pipe:x"));
    }

    private void transaction() {
        redis.opsForValue().set("{t}n", "5");
        List<Object> done = redis.execute(new Increment(false));
        same(List.of(true, 1L), done);
        same("6", redis.opsForValue().get("{t}n"));
        same(true, redis.execute(new Increment(true)).isEmpty());
        same("70", redis.opsForValue().get("{t}n"));
        same(1L, redis.opsForList().size("{t}l"));
        redis.delete(List.of("{t}n", "{t}l"));
    }

    /** Reads under WATCH, writes in MULTI; somebody may come in between. */
    private final class Increment implements SessionCallback<List<Object>> {
        private final boolean disturbed;

        Increment(boolean disturbed) {
            this.disturbed = disturbed;
        }

        @Override
        @SuppressWarnings("unchecked")
        public <K, V> List<Object> execute(RedisOperations<K, V> given) throws DataAccessException {
            RedisOperations<String, String> operations = (RedisOperations<String, String>) given;
            operations.watch("{t}n");
            int seen = Integer.parseInt(operations.opsForValue().get("{t}n"));
            if (disturbed) {
                new StringRedisTemplate(factory).opsForValue().set("{t}n", "70");
            }
            operations.multi();
            operations.opsForValue().set("{t}n", "" + (seen + 1));
            operations.opsForList().rightPush("{t}l", "x");
            return operations.exec();
        }
    }

    private void scripts() {
        RedisScript<Long> sum = new DefaultRedisScript<>("return redis.call('incrby', KEYS[1], ARGV[1]) + 1", Long.class);
        same(6L, redis.execute(sum, List.of("script"), "5"));
        same(11L, redis.execute(sum, List.of("script"), "5"));
        RedisScript<List> list = new DefaultRedisScript<>("return {KEYS[1], ARGV[1], 7}", List.class);
        same(List.of("a", "b", 7L), redis.execute(list, List.of("a"), "b"));
        RedisScript<Boolean> told = new DefaultRedisScript<>("return redis.call('del', KEYS[1]) == 1", Boolean.class);
        same(true, redis.execute(told, List.of("script")));
        same(false, redis.execute(told, List.of("script")));
    }

    private void streams() {
        var stream = redis.<String, String>opsForStream();
        RecordId first = stream.add("stream", Map.of("n", "1"));
        stream.createGroup("stream", ReadOffset.from("0"), "g");
        stream.add("stream", Map.of("n", "2"));
        List<MapRecord<String, String, String>> read = stream.read(Consumer.from("g", "a"), StreamOffset.create("stream", ReadOffset.lastConsumed()));
        same(List.of("1", "2"), read.stream().map(entry -> entry.getValue().get("n")).toList());
        same(2L, stream.pending("stream", "g").getTotalPendingMessages());
        same(1L, stream.acknowledge("stream", "g", first));
        same(1, stream.claim("stream", "g", "b", Duration.ZERO, read.get(1).getId()).size());
        same("b", stream.pending("stream", "g", Range.unbounded(), 10).get(0).getConsumerName());
        same(2L, stream.info("stream").streamLength());
        same(2L, stream.consumers("stream", "g").size() + 0L);
        same(1L, stream.trim("stream", 1));
        redis.delete("stream");
    }

    private void container() throws Exception {
        var stream = redis.<String, String>opsForStream();
        redis.delete("listened");
        stream.createGroup("listened", ReadOffset.from("0"), "g");
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        var options = StreamMessageListenerContainer.StreamMessageListenerContainerOptions.builder().pollTimeout(Duration.ofMillis(500)).build();
        var container = StreamMessageListenerContainer.create(factory, options);
        container.receiveAutoAck(Consumer.from("g", "a"), StreamOffset.create("listened", ReadOffset.lastConsumed()),
            message -> heard.add(message.getValue().get("n")));
        container.start();
        for (int i = 0; i < 20; i++) {
            stream.add("listened", Map.of("n", "" + i));
        }
        for (int i = 0; i < 20; i++) {
            same("" + i, heard.poll(60, TimeUnit.SECONDS));
        }
        eventually(() -> stream.pending("listened", "g").getTotalPendingMessages() == 0, "all acknowledged");
        container.stop();
    }

    private void messages() throws Exception {
        RedisMessageListenerContainer container = new RedisMessageListenerContainer();
        container.setConnectionFactory(factory);
        container.afterPropertiesSet();
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        BlockingQueue<String> matched = new LinkedBlockingQueue<>();
        container.addMessageListener((message, pattern) -> heard.add(new String(message.getBody())), new ChannelTopic("channel"));
        container.addMessageListener((message, pattern) -> matched.add(new String(message.getChannel())), new PatternTopic("chan*"));
        container.start();
        eventually(() -> redis.convertAndSend("channel", "probe") >= 2, "subscribed");
        heard.clear();
        matched.clear();
        for (int i = 0; i < 50; i++) {
            redis.convertAndSend("channel", "m" + i);
        }
        eventually(() -> heard.contains("m49"), "all came");
        heard.remove("probe");
        same(50, heard.size());
        redis.convertAndSend("chances", "x");
        eventually(() -> matched.contains("chances"), "by the pattern");
        container.stop();
        container.destroy();
    }

    private void repository() {
        people.deleteAll();
        people.saveAll(List.of(Person.of("1", "Rome", null, "a", "b"), Person.of("2", "Oslo", null), Person.of("3", "Rome", null)));
        same(3L, people.count());
        same(Set.of("1", "3"), new TreeSet<>(people.findByTown("Rome").stream().map(person -> person.id).toList()));
        same(List.of("a", "b"), people.findById("1").orElseThrow().tags);
        people.save(Person.of("1", "Oslo", null));
        same(2L, (long) people.findByTown("Oslo").size());
        same(1L, (long) people.findByTown("Rome").size());
        people.deleteById("1");
        same(1L, (long) people.findByTown("Oslo").size());
        people.deleteAll();
        same(0L, people.count());
    }

    private void ended() throws Exception {
        people.save(Person.of("brief", "Rome", 1L));
        same(true, people.existsById("brief"));
        eventually(() -> expired.contains("brief Rome"), "told");
        same(false, people.existsById("brief"));
        eventually(() -> people.findByTown("Rome").isEmpty(), "its index is cleared");
    }
}
