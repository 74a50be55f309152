package app;

import static app.Checks.eventually;
import static app.Checks.same;
import static app.Checks.that;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.redisson.api.DeletedObjectListener;
import org.redisson.api.ExpiredObjectListener;
import org.redisson.api.RBucket;
import org.redisson.api.RPatternTopic;
import org.redisson.api.RReliableTopic;
import org.redisson.api.RShardedTopic;
import org.redisson.api.RStream;
import org.redisson.api.RTopic;
import org.redisson.api.RedissonClient;
import org.redisson.api.listener.SetObjectListener;
import org.redisson.api.stream.AutoClaimResult;
import org.redisson.api.stream.PendingEntry;
import org.redisson.api.stream.PendingResult;
import org.redisson.api.stream.StreamAddArgs;
import org.redisson.api.stream.StreamCreateGroupArgs;
import org.redisson.api.stream.StreamMessageId;
import org.redisson.api.stream.StreamReadArgs;
import org.redisson.api.stream.StreamReadGroupArgs;
import org.redisson.api.stream.StreamTrimArgs;

/** Topics, reliable ones on streams, streams with groups, and what is told of keys. */
final class Messages {
    private static final String GROUP = "workers";
    private final RedissonClient one;
    private final RedissonClient other;

    Messages(RedissonClient one, RedissonClient other) {
        this.one = one;
        this.other = other;
    }

    void all(Checks checks) {
        checks.step("topic: everything, in order, to all", this::topic);
        checks.step("pattern topic, sharded topic", this::patterns);
        checks.step("reliable topic: each subscriber gets all, also what it missed", this::reliable);
        checks.step("stream: added, read, trimmed", this::stream);
        checks.step("stream group: shared, acknowledged, claimed from who is gone", this::group);
        checks.step("stream: a reader waits", this::waiting);
        checks.step("keyspace events: set, deleted, expired", this::events);
    }

    private void topic() throws Exception {
        RTopic topic = one.getTopic("topic");
        List<Integer> mine = Collections.synchronizedList(new ArrayList<>());
        List<Integer> theirs = Collections.synchronizedList(new ArrayList<>());
        int listener = topic.addListener(Integer.class, (channel, message) -> mine.add(message));
        other.getTopic("topic").addListener(Integer.class, (channel, message) -> theirs.add(message));
        List<Integer> sent = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            sent.add(i);
            same(2L, topic.publish(i));
        }
        eventually(() -> mine.size() == 200 && theirs.size() == 200, "all came");
        same(sent, mine);
        same(sent, theirs);
        same(2L, topic.countSubscribers());
        topic.removeListener(listener);
        eventually(() -> topic.countSubscribers() == 1, "one left");
        same(1L, topic.publish(-1));
        eventually(() -> theirs.size() == 201, "the other is still there");
        same(200, mine.size());
        other.getTopic("topic").removeAllListeners();
    }

    private void patterns() throws Exception {
        RPatternTopic pattern = one.getPatternTopic("news.[ab]*");
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        pattern.addListener(String.class, (matched, channel, message) -> heard.add(channel + "=" + message));
        same(1L, other.getTopic("news.a1").publish("x"));
        same(0L, other.getTopic("news.c").publish("y"));
        same(1L, other.getTopic("news.b").publish("z"));
        eventually(() -> heard.size() == 2, "two of three");
        same(List.of("news.a1=x", "news.b=z"), heard);
        pattern.removeAllListeners();
        RShardedTopic sharded = one.getShardedTopic("sharded");
        List<String> shard = Collections.synchronizedList(new ArrayList<>());
        sharded.addListener(String.class, (channel, message) -> shard.add(message));
        same(1L, other.getShardedTopic("sharded").publish("s"));
        eventually(() -> shard.equals(List.of("s")), "came");
        same(0L, one.getTopic("sharded").publish("not there"));
        sharded.removeAllListeners();
    }

    private void reliable() throws Exception {
        RReliableTopic topic = one.getReliableTopic("reliable");
        List<String> mine = Collections.synchronizedList(new ArrayList<>());
        List<String> theirs = Collections.synchronizedList(new ArrayList<>());
        String listener = topic.addListener(String.class, (channel, message) -> mine.add(message));
        RReliableTopic same = other.getReliableTopic("reliable");
        same.addListener(String.class, (channel, message) -> theirs.add(message));
        same(2, topic.countSubscribers());
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            sent.add("m" + i);
            same(2L, same.publish("m" + i));
        }
        eventually(() -> mine.size() == 50 && theirs.size() == 50, "all came");
        same(sent, mine);
        same(sent, theirs);
        topic.removeListener(listener);
        same.publish("last");
        eventually(() -> theirs.size() == 51, "the other goes on");
        same(50, mine.size());
        same.removeAllListeners();
    }

    private void stream() {
        RStream<String, String> stream = one.getStream("stream");
        List<StreamMessageId> ids = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            ids.add(stream.add(StreamAddArgs.entries("n", "v" + i, "m", "w")));
        }
        same(10L, stream.size());
        same(Map.of("n", "v3", "m", "w"), stream.range(ids.get(3), ids.get(3)).get(ids.get(3)));
        same(3, stream.range(3, StreamMessageId.MIN, StreamMessageId.MAX).size());
        same(ids.get(9), stream.rangeReversed(1, StreamMessageId.MAX, StreamMessageId.MIN).keySet().iterator().next());
        same(4, stream.read(StreamReadArgs.greaterThan(ids.get(5))).size());
        same(2L, stream.remove(ids.get(0), ids.get(9)));
        same(3L, stream.trim(StreamTrimArgs.maxLen(5).noLimit()));
        same(ids.get(9), stream.getInfo().getLastGeneratedId());
        same(ids.get(4), stream.getInfo().getFirstEntry().getId());
        stream.add(new StreamMessageId(Long.MAX_VALUE, 5), StreamAddArgs.entry("far", "away"));
        same("away", stream.getInfo().getLastEntry().getData().get("far"));
    }

    private void group() throws Exception {
        RStream<String, Integer> stream = one.getStream("stream:group");
        stream.createGroup(StreamCreateGroupArgs.name(GROUP).makeStream());
        for (int i = 0; i < 10; i++) {
            stream.add(StreamAddArgs.entry("n", i));
        }
        Map<StreamMessageId, Map<String, Integer>> first = stream.readGroup(GROUP, "a", StreamReadGroupArgs.neverDelivered().count(6));
        Map<StreamMessageId, Map<String, Integer>> second =
            other.<String, Integer>getStream("stream:group").readGroup(GROUP, "b", StreamReadGroupArgs.neverDelivered());
        same(6, first.size());
        same(4, second.size());
        same(4L, stream.ack(GROUP, second.keySet().toArray(new StreamMessageId[0])));
        PendingResult pending = stream.getPendingInfo(GROUP);
        same(6L, pending.getTotal());
        same(Map.of("a", 6L), pending.getConsumerNames());
        List<PendingEntry> listed = stream.listPending(GROUP, StreamMessageId.MIN, StreamMessageId.MAX, 100);
        that(listed.stream().allMatch(entry -> entry.getConsumerName().equals("a") && entry.getDeliveryCount() == 1), "as delivered");
        StreamMessageId one = first.keySet().iterator().next();
        same(first.get(one), stream.claim(GROUP, "b", 0, TimeUnit.MILLISECONDS, one).get(one));
        AutoClaimResult<String, Integer> claimed =
            stream.autoClaim(GROUP, "c", 0, TimeUnit.MILLISECONDS, StreamMessageId.MIN, 100);
        same(first, claimed.getMessages());
        same(Map.of("c", 6L), stream.getPendingInfo(GROUP).getConsumerNames());
        same(6, stream.pendingRange(GROUP, "c", StreamMessageId.MIN, StreamMessageId.MAX, 100).size());
        same(3, stream.listConsumers(GROUP).size());
        same(6, stream.listGroups().get(0).getPending());
        same(6L, stream.removeConsumer(GROUP, "c"));
        stream.updateGroupMessageId(GROUP, StreamMessageId.ALL);
        same(10, stream.readGroup(GROUP, "d", StreamReadGroupArgs.neverDelivered()).size());
        stream.removeGroup(GROUP);
        that(stream.listGroups().isEmpty(), "gone");
    }

    private void waiting() throws Exception {
        RStream<String, String> stream = one.getStream("stream:wait");
        stream.createGroup(StreamCreateGroupArgs.name(GROUP).makeStream());
        AtomicInteger turn = new AtomicInteger();
        Checks.together(2, () -> {
            if (turn.getAndIncrement() == 0) {
                same(1, stream.readGroup(GROUP, "a", StreamReadGroupArgs.neverDelivered().timeout(Duration.ofSeconds(60))).size());
            } else {
                Thread.sleep(200);
                other.<String, String>getStream("stream:wait").add(StreamAddArgs.entry("k", "v"));
            }
        });
        that(stream.readGroup(GROUP, "a", StreamReadGroupArgs.neverDelivered().timeout(Duration.ofMillis(100))).isEmpty(), "no more");
    }

    private void events() throws Exception {
        RBucket<String> bucket = one.getBucket("watched");
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        bucket.addListener((SetObjectListener) name -> heard.add("set " + name));
        bucket.addListener((DeletedObjectListener) name -> heard.add("deleted " + name));
        bucket.addListener((ExpiredObjectListener) name -> heard.add("expired " + name));
        RBucket<String> same = other.getBucket("watched");
        same.set("a");
        same.delete();
        same.set("b", Duration.ofMillis(200));
        other.getBucket("not:watched").set("c");
        eventually(() -> heard.contains("expired watched"), "expired");
        same(List.of("deleted watched", "expired watched", "set watched", "set watched"), heard.stream().sorted().toList());
    }
}
