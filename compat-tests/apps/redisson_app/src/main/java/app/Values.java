package app;

import static app.Checks.eventually;
import static app.Checks.same;
import static app.Checks.that;
import static app.Checks.together;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.redisson.api.EvictionMode;
import org.redisson.api.geo.GeoUnit;
import org.redisson.api.RBitSet;
import org.redisson.api.RBloomFilter;
import org.redisson.api.RBucket;
import org.redisson.api.RGeo;
import org.redisson.api.RHyperLogLog;
import org.redisson.api.RIdGenerator;
import org.redisson.api.RLexSortedSet;
import org.redisson.api.RListMultimapCache;
import org.redisson.api.RLocalCachedMap;
import org.redisson.api.RLongAdder;
import org.redisson.api.RMap;
import org.redisson.api.RMapCache;
import org.redisson.api.RScoredSortedSet;
import org.redisson.api.RSetCache;
import org.redisson.api.RSetMultimap;
import org.redisson.api.RSortedSet;
import org.redisson.api.RTimeSeries;
import org.redisson.api.RedissonClient;
import org.redisson.api.TimeSeriesEntry;
import org.redisson.api.geo.GeoSearchArgs;
import org.redisson.api.map.event.EntryCreatedListener;
import org.redisson.api.map.event.EntryExpiredListener;
import org.redisson.api.map.event.EntryRemovedListener;
import org.redisson.api.map.event.EntryUpdatedListener;
import org.redisson.api.options.LocalCachedMapOptions;
import org.redisson.client.codec.Codec;
import org.redisson.client.codec.IntegerCodec;
import org.redisson.client.codec.StringCodec;
import org.redisson.codec.CompositeCodec;

/** Maps whose entries have times, near caches, multimaps, sorted sets, series, filters: each a set of scripts of Redisson's. */
final class Values {
    private static final Codec NUMBERS = new CompositeCodec(StringCodec.INSTANCE, IntegerCodec.INSTANCE);
    private final RedissonClient one;
    private final RedissonClient other;

    Values(RedissonClient one, RedissonClient other) {
        this.one = one;
        this.other = other;
    }

    void all(Checks checks) {
        checks.step("map: every operation's answer", this::map);
        checks.step("map: two thousand entries, read by pages", this::large);
        checks.step("map: counted by all at once", this::merged);
        checks.step("map cache: entries end by their time and their idleness", this::ends);
        checks.step("map cache: tells what was made, changed, removed and what ended", this::told);
        checks.step("map cache: keeps no more than its size, least used first", this::bounded);
        checks.step("local cached map: the other client's copy is told", this::near);
        checks.step("set cache: members end", this::setCache);
        checks.step("multimaps: lists and sets by key, keys that end", this::multimaps);
        checks.step("sorted set: a comparator's order, by binary search", this::sorted);
        checks.step("scored set: ranks, ranges, unions, polls", this::scored);
        checks.step("lexical set: ranges", this::lexical);
        checks.step("time series: ranges, last, entries that end", this::series);
        checks.step("bits, bloom filter, hyperloglog", this::bits);
        checks.step("geo: what is near", this::geo);
        checks.step("numbers: atomic, added, generated without a double", this::numbers);
        checks.step("buckets: compare and set, expiry, many at once", this::buckets);
    }

    private void map() {
        RMap<String, Integer> map = one.getMap("map", NUMBERS);
        same(null, map.put("a", 1));
        same(1, map.put("a", 2));
        same(2, map.putIfAbsent("a", 3));
        same(null, map.putIfAbsent("b", 3));
        same(null, map.putIfExists("c", 1));
        that(map.replace("b", 3, 4) && !map.replace("b", 3, 5), "replaced once");
        same(4, map.replace("b", 5));
        that(!map.remove("b", 4) && map.remove("b", 5), "removed by its value");
        that(map.fastPut("c", 1) && !map.fastPut("c", 2), "new, then not");
        that(!map.fastPutIfAbsent("c", 3) && map.fastPutIfExists("c", 4), "there");
        same(14, map.addAndGet("c", 10));
        map.putAll(Map.of("x", 1, "y", 2, "z", 3));
        same(Map.of("x", 1, "z", 3), map.getAll(Set.of("x", "z", "none")));
        same(5, map.size());
        that(map.containsKey("x") && map.containsValue(14) && !map.containsValue(99), "looked up");
        same(2L, map.fastRemove("x", "y", "none"));
        same(Set.of("a", "c", "z"), map.readAllKeySet());
        same(Set.of("z"), map.keySet("z*"));
        same(2, map.randomKeys(2).size());
        same(3, map.randomEntries(10).size());
        same(Integer.valueOf(2), map.compute("a", (key, value) -> value == null ? 0 : value));
        same(null, map.computeIfPresent("a", (key, value) -> null));
        same(2, other.getMap("map", NUMBERS).size());
        that(map.delete() && !map.isExists(), "gone");
    }

    private void large() {
        RMap<Integer, Integer> map = one.getMap("large");
        Map<Integer, Integer> written = new HashMap<>();
        for (int i = 0; i < 2000; i++) {
            written.put(i, i * i);
        }
        map.putAll(written, 1000);
        Map<Integer, Integer> read = new HashMap<>();
        map.entrySet(137).forEach(entry -> read.put(entry.getKey(), entry.getValue()));
        same(written, read);
        same(written, map.readAllMap());
        AtomicInteger seen = new AtomicInteger();
        map.keySet(1000).removeIf(key -> {
            seen.incrementAndGet();
            return key % 2 == 0;
        });
        same(1000, map.size());
        that(seen.get() >= 2000, "each was asked for");
    }

    private void merged() throws Exception {
        RMap<String, Integer> map = one.getMap("merged", NUMBERS);
        together(6, () -> {
            for (int i = 0; i < 10; i++) {
                other.<String, Integer>getMap("merged", NUMBERS).merge("n", 1, Integer::sum);
                map.addAndGet("m", 1);
            }
        });
        same(60, map.get("n"));
        same(60, map.get("m"));
    }

    private void ends() throws Exception {
        RMapCache<String, String> map = one.getMapCache("cache");
        map.put("always", "v");
        map.put("brief", "v", 1, TimeUnit.SECONDS);
        map.put("idle", "v", 1, TimeUnit.HOURS, 5, TimeUnit.SECONDS);
        that(map.fastPut("long", "v", 1, TimeUnit.HOURS), "new");
        that(map.remainTimeToLive("long") > 50_000, "told");
        same(-1L, map.remainTimeToLive("always"));
        same(-2L, map.remainTimeToLive("none"));
        eventually(() -> map.get("brief") == null, "brief ended");
        for (int i = 0; i < 6; i++) {
            same("v", map.get("idle"));
            Thread.sleep(500);
        }
        Thread.sleep(5500);
        same(null, other.getMapCache("cache").get("idle"));
        that(map.expireEntry("long", Duration.ofMillis(100), Duration.ZERO), "its time is changed");
        eventually(() -> map.getAll(Set.of("long")).isEmpty(), "which ended too");
        same(Map.of("always", "v"), map.getAll(Set.of("always", "long", "none")));
    }

    private void told() throws Exception {
        RMapCache<String, Integer> map = one.getMapCache("told");
        List<String> events = java.util.Collections.synchronizedList(new ArrayList<>());
        map.addListener((EntryCreatedListener<String, Integer>) event -> events.add("made " + event.getKey() + event.getValue()));
        map.addListener((EntryUpdatedListener<String, Integer>) event -> events.add("was " + event.getOldValue() + " is " + event.getValue()));
        map.addListener((EntryRemovedListener<String, Integer>) event -> events.add("removed " + event.getKey()));
        map.addListener((EntryExpiredListener<String, Integer>) event -> events.add("ended " + event.getKey()));
        RMapCache<String, Integer> same = other.getMapCache("told");
        same.put("a", 1);
        same.put("a", 2);
        same.remove("a");
        same.put("b", 3, 1, TimeUnit.SECONDS);
        eventually(() -> events.contains("ended b"), "all were told");
        eventually(() -> events.size() == 5, "each once");
        same(Set.of("made a1", "was 1 is 2", "removed a", "made b3", "ended b"), Set.copyOf(events));
        map.destroy();
    }

    private void bounded() {
        RMapCache<Integer, Integer> map = one.getMapCache("bounded");
        that(map.trySetMaxSize(10, EvictionMode.LRU), "set");
        for (int i = 0; i < 10; i++) {
            map.put(i, i);
        }
        same(0, map.get(0));
        map.put(10, 10);
        same(10, map.size());
        that(map.containsKey(0) && !map.containsKey(1), "the least recently used went");
        RMapCache<Integer, Integer> often = one.getMapCache("bounded:often");
        often.trySetMaxSize(3, EvictionMode.LFU);
        for (int i = 0; i < 3; i++) {
            often.put(i, i);
            for (int n = 0; n <= (i + 1) % 3; n++) {
                often.get(i);
            }
        }
        often.put(3, 3);
        that(!often.containsKey(2) && often.containsKey(0) && often.containsKey(1), "the least often used went");
    }

    private void near() throws Exception {
        LocalCachedMapOptions<String, Integer> options = LocalCachedMapOptions.<String, Integer>name("near")
            .syncStrategy(LocalCachedMapOptions.SyncStrategy.INVALIDATE)
            .reconnectionStrategy(LocalCachedMapOptions.ReconnectionStrategy.LOAD);
        RLocalCachedMap<String, Integer> mine = one.getLocalCachedMap(options);
        RLocalCachedMap<String, Integer> theirs = other.getLocalCachedMap(options);
        mine.put("a", 1);
        same(1, theirs.get("a"));
        // What tells of the first put may come behind the read, and then the copy goes once more.
        eventually(() -> theirs.get("a") == 1 && Map.of("a", 1).equals(theirs.getCachedMap()), "kept");
        mine.put("a", 2);
        eventually(() -> theirs.getCachedMap().isEmpty(), "told");
        same(2, theirs.get("a"));
        mine.fastRemove("a");
        eventually(() -> theirs.get("a") == null, "told of the removal");
        theirs.put("b", 1);
        mine.preloadCache();
        same(Set.of("b"), mine.cachedKeySet());
        theirs.clear();
        eventually(() -> mine.cachedKeySet().isEmpty(), "told that it was cleared");
        mine.destroy();
        theirs.destroy();
    }

    private void setCache() throws Exception {
        RSetCache<String> set = one.getSetCache("set:cache");
        that(set.add("always") && set.add("brief", 1, TimeUnit.SECONDS) && !set.add("always"), "added");
        that(set.contains("brief"), "there");
        eventually(() -> !set.contains("brief"), "ended");
        that(set.add("brief", 60, TimeUnit.SECONDS), "added anew");
        same(Set.of("always", "brief"), set.readAll());
        that(set.remove("brief") && !set.remove("brief"), "removed once");
        same(1, set.size());
    }

    private void multimaps() throws Exception {
        RSetMultimap<String, Integer> sets = one.getSetMultimap("multi:set");
        that(sets.put("a", 1) && !sets.put("a", 1) && sets.putAll("a", List.of(2, 3)), "a set each");
        sets.put("b", 1);
        same(4, sets.size());
        same(2, sets.keySize());
        same(Set.of(1, 2, 3), sets.getAll("a"));
        same(Set.of(1, 2, 3), sets.replaceValues("a", List.of(7)));
        that(sets.containsEntry("a", 7) && sets.containsValue(1) && !sets.containsKey("c"), "looked up");
        same(Set.of("a", "b"), sets.readAllKeySet());
        same(1L, sets.fastRemove("a", "c"));
        RListMultimapCache<String, Integer> lists = one.getListMultimapCache("multi:list");
        lists.putAll("a", List.of(1, 1, 2));
        lists.put("b", 9);
        same(List.of(1, 1, 2), lists.getAll("a"));
        that(lists.expireKey("a", 1, TimeUnit.SECONDS), "a key's time");
        eventually(() -> !lists.containsKey("a"), "ended");
        same(List.of(9), lists.getAll("b"));
    }

    private void sorted() throws Exception {
        RSortedSet<Integer> set = one.getSortedSet("sorted");
        AtomicInteger next = new AtomicInteger();
        together(4, () -> {
            for (int number = next.getAndIncrement(); number < 60; number = next.getAndIncrement()) {
                that(other.<Integer>getSortedSet("sorted").add((number * 7) % 60), "new");
            }
        });
        same(new ArrayList<>(new TreeSet<>(set.readAll())), new ArrayList<>(set.readAll()));
        same(60, set.size());
        same(0, set.first());
        same(59, set.last());
        that(!set.add(5) && set.remove(5) && !set.contains(5), "as a set");
    }

    private void scored() {
        RScoredSortedSet<String> set = one.getScoredSortedSet("{z}scored");
        that(set.add(1, "a") && !set.add(2, "a") && set.addIfGreater(3, "a") && !set.addIfLess(9, "a"), "added");
        set.addAll(Map.of("b", 5.5, "c", -1.0, "d", 1e300));
        same(List.of("c", "a", "b", "d"), new ArrayList<>(set.readAll()));
        same(1, set.rank("a"));
        same(2, set.revRank("a"));
        same(1e300, set.getScore("d"));
        same(8.0, set.addScore("a", 5));
        same(List.of("b", "a"), new ArrayList<>(set.valueRange(5, true, 8, true)));
        same(2, set.count(5, false, 8, true));
        RScoredSortedSet<String> second = one.getScoredSortedSet("{z}second");
        second.addAll(Map.of("a", 1.0, "e", 2.0));
        RScoredSortedSet<String> sum = one.getScoredSortedSet("{z}sum");
        same(5, sum.union(set.getName(), second.getName()));
        same(9.0, sum.getScore("a"));
        same(Set.of("a"), set.readIntersection(second.getName()).stream().collect(java.util.stream.Collectors.toSet()));
        same("c", set.pollFirst());
        same("d", set.pollLast());
        same(1, set.removeRangeByRank(0, 0));
        same(List.of("a"), new ArrayList<>(set.readAll()));
    }

    private void lexical() {
        RLexSortedSet set = one.getLexSortedSet("lexical");
        set.addAll(List.of("d", "b", "a", "c", "aa"));
        same(List.of("a", "aa", "b"), new ArrayList<>(set.range("a", true, "c", false)));
        same(2, set.countTail("c", true));
        same(2, set.removeRangeHead("aa", true));
        same("b", set.first());
    }

    private void series() throws Exception {
        RTimeSeries<String, String> series = one.getTimeSeries("series");
        for (int i = 1; i <= 10; i++) {
            series.add(i * 1000L, "v" + i, "label" + i);
        }
        series.add(99_000, "brief", "label", Duration.ofSeconds(1));
        eventually(() -> series.get(99_000) == null, "ended");
        same(10, series.size());
        same(List.of("v3", "v4", "v5"), new ArrayList<>(series.range(3000, 5000)));
        TimeSeriesEntry<String, String> entry = series.getEntry(4000);
        same("v4 label4", entry.getValue() + " " + entry.getLabel());
        same(List.of("v9", "v10"), new ArrayList<>(series.last(2)));
        same(3, series.removeRange(1000, 3000));
        same("v4", series.pollFirst());
        same(1000L * 5, series.firstTimestamp());
    }

    private void bits() {
        RBitSet bits = one.getBitSet("bits");
        bits.set(3);
        bits.set(10, 20);
        same(11L, bits.cardinality());
        same(20L, bits.length());
        bits.not();
        that(!bits.get(3) && bits.get(4), "turned");
        bits.setInteger(64, -5);
        same(-5, bits.getInteger(64));
        RBloomFilter<String> filter = one.getBloomFilter("bloom");
        that(filter.tryInit(1000, 0.01), "made");
        for (int i = 0; i < 500; i++) {
            filter.add("in" + i);
        }
        int wrong = 0;
        for (int i = 0; i < 500; i++) {
            that(filter.contains("in" + i), "what is in it is found");
            wrong += filter.contains("out" + i) ? 1 : 0;
        }
        that(wrong < 50, wrong + " wrong of 500");
        RHyperLogLog<Integer> log = one.getHyperLogLog("{h}log");
        RHyperLogLog<Integer> second = one.getHyperLogLog("{h}second");
        for (int i = 0; i < 1000; i++) {
            log.add(i);
            second.add(i + 500);
        }
        long all = log.countWith("{h}second");
        that(all > 1400 && all < 1600, "about 1500: " + all);
    }

    private void geo() {
        RGeo<String> geo = one.getGeo("geo");
        geo.add(13.361389, 38.115556, "Palermo");
        geo.add(15.087269, 37.502669, "Catania");
        same(166L, Math.round(geo.dist("Palermo", "Catania", GeoUnit.KILOMETERS)));
        same(List.of("Palermo"), geo.search(GeoSearchArgs.from(13, 38).radius(100, GeoUnit.KILOMETERS)));
        same(2, geo.searchWithDistance(GeoSearchArgs.from("Palermo").box(400, 400, GeoUnit.KILOMETERS)).size());
        same("sqc8b49rny0", geo.hash("Palermo").get("Palermo"));
    }

    private void numbers() throws Exception {
        RIdGenerator ids = one.getIdGenerator("ids");
        that(ids.tryInit(5, 10), "made");
        Set<Long> seen = java.util.concurrent.ConcurrentHashMap.newKeySet();
        RLongAdder mine = one.getLongAdder("adder");
        RLongAdder theirs = other.getLongAdder("adder");
        together(4, () -> {
            for (int i = 0; i < 25; i++) {
                that(seen.add(ids.nextId()) && seen.add(other.getIdGenerator("ids").nextId()), "no number twice");
                mine.increment();
                theirs.add(2);
                one.getAtomicLong("atomic").incrementAndGet();
                one.getAtomicDouble("double").addAndGet(0.5);
            }
        });
        same(200, seen.size());
        same(300L, mine.sum());
        same(100L, one.getAtomicLong("atomic").get());
        same(50.0, one.getAtomicDouble("double").get());
        that(one.getAtomicLong("atomic").compareAndSet(100, 7) && !one.getAtomicLong("atomic").compareAndSet(100, 8), "once");
        mine.destroy();
        theirs.destroy();
    }

    private void buckets() throws Exception {
        RBucket<Map<String, Integer>> bucket = one.getBucket("{b}1");
        that(bucket.setIfAbsent(Map.of("a", 1)), "set");
        that(bucket.compareAndSet(Map.of("a", 1), Map.of("a", 2)), "changed");
        that(!bucket.compareAndSet(Map.of("a", 1), Map.of("a", 3)), "not again");
        same(Map.of("a", 2), bucket.getAndSet(Map.of("b", 1)));
        bucket.expire(Duration.ofMinutes(1));
        that(bucket.remainTimeToLive() > 50_000, "told");
        that(bucket.expireIfLess(Duration.ofSeconds(30)) && !bucket.expireIfGreater(Duration.ofSeconds(10)), "by comparison");
        that(bucket.clearExpire() && bucket.remainTimeToLive() == -1, "kept");
        one.getBuckets().set(Map.of("{b}2", 2, "{b}3", 3));
        same(Map.of("{b}2", 2, "{b}3", 3), one.getBuckets().get("{b}2", "{b}3", "{b}4"));
        that(!one.getBuckets().trySet(Map.of("{b}3", 9, "{b}4", 9)), "all or nothing");
        RBucket<Integer> copy = one.getBucket("{b}2");
        byte[] dumped = copy.dump();
        other.<Integer>getBucket("{b}5").restore(dumped);
        same(2, one.getBucket("{b}5").get());
        that(copy.copy("{b}6") && copy.renamenx("{b}7") && copy.touch(), "moved");
        same(5L, one.getKeys().countExists("{b}1", "{b}3", "{b}5", "{b}6", "{b}7"));
        same(5L, one.getKeys().deleteByPattern("{b}*"));
    }
}
