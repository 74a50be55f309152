package app;

import static app.Checks.eventually;
import static app.Checks.same;
import static app.Checks.that;
import static app.Checks.together;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.redisson.api.RBlockingDeque;
import org.redisson.api.RBlockingQueue;
import org.redisson.api.RBoundedBlockingQueue;
import org.redisson.api.RDelayedQueue;
import org.redisson.api.RList;
import org.redisson.api.RPriorityBlockingQueue;
import org.redisson.api.RRingBuffer;
import org.redisson.api.RTransferQueue;
import org.redisson.api.RedissonClient;

/** Queues: nothing is lost or taken twice, delays end in their order, bounds hold. */
final class Queues {
    private final RedissonClient one;
    private final RedissonClient other;

    Queues(RedissonClient one, RedissonClient other) {
        this.one = one;
        this.other = other;
    }

    void all(Checks checks) {
        checks.step("list: every operation's answer", this::list);
        checks.step("blocking queue: each element is taken once", this::taken);
        checks.step("blocking queue: from any of several, moved, listened to", this::any);
        checks.step("delayed queue: by the time, in order", this::delayed);
        checks.step("delayed queue: what is taken back does not come", this::takenBack);
        checks.step("bounded queue: never more than its capacity", this::bounded);
        checks.step("priority queue: least first, for whoever waits", this::priority);
        checks.step("transfer queue: given from hand to hand", this::transfer);
        checks.step("ring buffer: keeps the newest", this::ring);
        checks.step("deque: both ends, waiting at both", this::deque);
    }

    private void list() {
        RList<String> list = one.getList("list");
        list.addAll(List.of("a", "b", "c", "b"));
        list.add(1, "x");
        same(List.of("a", "x", "b", "c", "b"), list.readAll());
        same(2, list.indexOf("b"));
        same(4, list.lastIndexOf("b"));
        same("x", list.set(1, "y"));
        same("y", list.remove(1));
        that(list.remove("b") && list.contains("b"), "one of two");
        same(4, list.addBefore("c", "z"));
        list.trim(1, 2);
        same(List.of("z", "c"), list.readAll());
        that(list.addAll(1, List.of("m", "n")) && list.removeAll(List.of("z", "c")), "in the middle");
        same(List.of("m", "n"), list.subList(0, 2).readAll());
        same(List.of("n", "m"), list.readSortAlpha(org.redisson.api.SortOrder.DESC));
    }

    private void taken() throws Exception {
        RBlockingQueue<Integer> queue = one.getBlockingQueue("queue");
        Set<Integer> seen = ConcurrentHashMap.newKeySet();
        AtomicInteger turn = new AtomicInteger();
        together(6, () -> {
            int number = turn.getAndIncrement();
            RBlockingQueue<Integer> mine = number % 2 == 0 ? queue : other.getBlockingQueue("queue");
            for (int i = 0; i < 50; i++) {
                if (number < 3) {
                    mine.put(number * 50 + i);
                } else {
                    that(seen.add(mine.poll(60, TimeUnit.SECONDS)), "taken once");
                }
            }
        });
        same(150, seen.size());
        same(null, queue.poll(100, TimeUnit.MILLISECONDS));
        queue.addAll(List.of(1, 2, 3));
        List<Integer> drained = new ArrayList<>();
        same(3, queue.drainTo(drained));
        same(List.of(1, 2, 3), drained);
    }

    private void any() throws Exception {
        RBlockingQueue<String> first = one.getBlockingQueue("{q}1");
        RBlockingQueue<String> second = other.getBlockingQueue("{q}2");
        second.add("here");
        same("here", first.pollFromAny(10, TimeUnit.SECONDS, "{q}2", "{q}3"));
        first.addAll(List.of("a", "b"));
        same("b", first.pollLastAndOfferFirstTo("{q}4"));
        same("b", other.getQueue("{q}4").peek());
        List<String> heard = java.util.Collections.synchronizedList(new ArrayList<>());
        int listener = second.subscribeOnElements((java.util.function.Consumer<String>) heard::add);
        RBlockingQueue<String> sender = one.getBlockingQueue("{q}2");
        sender.addAll(List.of("x", "y", "z"));
        eventually(() -> heard.size() == 3, "heard");
        same(List.of("x", "y", "z"), heard);
        second.unsubscribe(listener);
    }

    private void delayed() throws Exception {
        RBlockingQueue<String> target = one.getBlockingQueue("delayed");
        RDelayedQueue<String> queue = one.getDelayedQueue(target);
        long began = System.nanoTime();
        queue.offer("third", 1500, TimeUnit.MILLISECONDS);
        queue.offer("first", 500, TimeUnit.MILLISECONDS);
        queue.offer("second", 1000, TimeUnit.MILLISECONDS);
        same(3, queue.size());
        same(0, target.size());
        RBlockingQueue<String> reader = other.getBlockingQueue("delayed");
        for (String expected : List.of("first", "second", "third")) {
            same(expected, reader.poll(60, TimeUnit.SECONDS));
        }
        that(System.nanoTime() - began >= TimeUnit.MILLISECONDS.toNanos(1500), "not before its time");
        for (int i = 0; i < 200; i++) {
            queue.offer("m" + i, 1 + i % 7, TimeUnit.MILLISECONDS);
        }
        Set<String> seen = ConcurrentHashMap.newKeySet();
        for (int i = 0; i < 200; i++) {
            that(seen.add(reader.poll(60, TimeUnit.SECONDS)), "once");
        }
        same(200, seen.size());
        queue.destroy();
    }

    private void takenBack() throws Exception {
        RBlockingQueue<String> target = one.getBlockingQueue("delayed:back");
        RDelayedQueue<String> queue = one.getDelayedQueue(target);
        queue.offer("stays", 1, TimeUnit.SECONDS);
        queue.offer("goes", 1, TimeUnit.SECONDS);
        queue.offer("later", 60, TimeUnit.MINUTES);
        that(queue.remove("goes") && !queue.remove("none"), "taken back");
        same(List.of("stays", "later"), queue.readAll());
        same("stays", target.poll(60, TimeUnit.SECONDS));
        same(null, target.poll(1, TimeUnit.SECONDS));
        same("later", queue.poll());
        queue.destroy();
    }

    private void bounded() throws Exception {
        RBoundedBlockingQueue<Integer> queue = one.getBoundedBlockingQueue("bounded:queue");
        that(queue.trySetCapacity(3), "set");
        that(queue.offer(1) && queue.offer(2) && queue.offer(3) && !queue.offer(4), "full");
        that(!queue.offer(4, 100, TimeUnit.MILLISECONDS), "and stays so");
        AtomicInteger turn = new AtomicInteger();
        together(2, () -> {
            RBoundedBlockingQueue<Integer> mine = other.getBoundedBlockingQueue("bounded:queue");
            if (turn.getAndIncrement() == 0) {
                mine.put(4);
            } else {
                same(1, queue.take());
            }
        });
        same(0, queue.remainingCapacity());
        same(List.of(2, 3, 4), queue.readAll());
    }

    private void priority() throws Exception {
        RPriorityBlockingQueue<String> queue = one.getPriorityBlockingQueue("priority");
        that(queue.trySetComparator(Comparator.naturalOrder()), "an order");
        queue.addAll(List.of("c", "a", "d", "b"));
        same("a", queue.take());
        same("b", other.<String>getPriorityBlockingQueue("priority").poll(10, TimeUnit.SECONDS));
        same("c", queue.peek());
        same(2, queue.size());
        queue.clear();
        AtomicInteger turn = new AtomicInteger();
        together(2, () -> {
            if (turn.getAndIncrement() == 0) {
                same("late", queue.take());
            } else {
                Thread.sleep(200);
                other.<String>getPriorityBlockingQueue("priority").add("late");
            }
        });
    }

    private void transfer() throws Exception {
        RTransferQueue<String> giver = one.getTransferQueue("transfer");
        RTransferQueue<String> taker = other.getTransferQueue("transfer");
        that(!giver.tryTransfer("nobody", 200, TimeUnit.MILLISECONDS), "nobody takes it");
        same(0, giver.size());
        AtomicInteger turn = new AtomicInteger();
        together(2, () -> {
            if (turn.getAndIncrement() == 0) {
                giver.transfer("hand");
            } else {
                same("hand", taker.take());
            }
        });
        giver.put("kept");
        same("kept", taker.poll(10, TimeUnit.SECONDS));
    }

    private void ring() {
        RRingBuffer<Integer> ring = one.getRingBuffer("ring");
        that(ring.trySetCapacity(3) && !ring.trySetCapacity(5), "set once");
        ring.addAll(List.of(1, 2, 3, 4, 5));
        same(List.of(3, 4, 5), ring.readAll());
        same(0, ring.remainingCapacity());
        ring.setCapacity(2);
        same(List.of(4, 5), ring.readAll());
        same(4, ring.poll());
    }

    private void deque() throws Exception {
        RBlockingDeque<String> deque = one.getBlockingDeque("deque");
        AtomicInteger turn = new AtomicInteger();
        together(2, () -> {
            if (turn.getAndIncrement() == 0) {
                same("a", deque.pollFirst(60, TimeUnit.SECONDS));
                same("c", deque.pollLast(60, TimeUnit.SECONDS));
                same("b", deque.takeFirst());
            } else {
                Thread.sleep(200);
                other.getBlockingDeque("deque").addAll(List.of("a", "b", "c"));
            }
        });
        that(deque.isEmpty(), "all taken");
        deque.addFirst("x");
        deque.addLast("y");
        same("y", deque.peekLast());
        that(deque.removeLastOccurrence("x") && deque.offerFirst("z"), "from its end");
        same(List.of("z", "y"), deque.readAll());
    }
}
