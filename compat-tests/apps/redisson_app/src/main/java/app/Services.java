package app;

import static app.Checks.eventually;
import static app.Checks.same;
import static app.Checks.that;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.redisson.api.CronSchedule;
import org.redisson.api.RExecutorFuture;
import org.redisson.api.RLiveObjectService;
import org.redisson.api.RMap;
import org.redisson.api.RRemoteService;
import org.redisson.api.RScheduledExecutorService;
import org.redisson.api.RScheduledFuture;
import org.redisson.api.RedissonClient;
import org.redisson.api.RemoteInvocationOptions;
import org.redisson.api.WorkerOptions;
import org.redisson.api.annotation.RCascade;
import org.redisson.api.annotation.REntity;
import org.redisson.api.annotation.RId;
import org.redisson.api.annotation.RIndex;
import org.redisson.api.annotation.RInject;
import org.redisson.api.condition.Conditions;
import org.redisson.api.mapreduce.RCollector;
import org.redisson.api.mapreduce.RMapper;
import org.redisson.api.mapreduce.RReducer;

/** What runs elsewhere: executors, schedules, remote calls, map and reduce, and objects that live in the server. */
final class Services {
    private final RedissonClient one;
    private final RedissonClient other;

    Services(RedissonClient one, RedissonClient other) {
        this.one = one;
        this.other = other;
    }

    void all(Checks checks) {
        checks.step("executor: tasks run at the other client, results come back", this::executor);
        checks.step("executor: delays, rates, a cron, cancelled", this::scheduled);
        checks.step("remote service: called, failing, not there", this::remote);
        checks.step("map and reduce: words counted", this::words);
        checks.step("live objects: stored by field, found by index, linked", this::live);
    }

    /** A task that uses the client of where it runs. */
    public static final class Add implements Callable<Long>, Serializable {
        private final long number;
        @RInject
        private transient RedissonClient client;

        public Add(long number) {
            this.number = number;
        }

        @Override
        public Long call() {
            return client.getAtomicLong("executed").addAndGet(number);
        }
    }

    /** A task that fails. */
    public static final class Fail implements Callable<Long>, Serializable {
        @Override
        public Long call() {
            throw new IllegalStateException("as it was told");
        }
    }

    /** A task that counts how often it was run. */
    public static final class Tick implements Runnable, Serializable {
        private final String name;
        @RInject
        private transient RedissonClient client;

        public Tick(String name) {
            this.name = name;
        }

        @Override
        public void run() {
            client.getAtomicLong(name).incrementAndGet();
        }
    }

    private void executor() throws Exception {
        other.getExecutorService("executor").registerWorkers(WorkerOptions.defaults().workers(3));
        RScheduledExecutorService executor = one.getExecutorService("executor");
        List<RExecutorFuture<Long>> results = new ArrayList<>();
        for (int i = 1; i <= 40; i++) {
            results.add(executor.submit(new Add(i)));
        }
        long most = 0;
        for (RExecutorFuture<Long> result : results) {
            most = Math.max(most, result.get(60, TimeUnit.SECONDS));
        }
        same(820L, most);
        same(820L, one.getAtomicLong("executed").get());
        try {
            executor.submit(new Fail()).get(60, TimeUnit.SECONDS);
            throw new Checks.Wrong("a failure was lost");
        } catch (ExecutionException failure) {
            that(failure.getCause().getMessage().contains("as it was told"), failure.toString());
        }
        executor.submit(new Add(3)).get(60, TimeUnit.SECONDS);
        same(823L, one.getAtomicLong("executed").get());
        eventually(() -> executor.getTaskCount() == 0, "all tasks are done");
        same(1, executor.countActiveWorkers() > 0 ? 1 : 0);
    }

    private void scheduled() throws Exception {
        RScheduledExecutorService executor = one.getExecutorService("executor");
        long began = System.nanoTime();
        executor.schedule(new Tick("delayed:run"), 1, TimeUnit.SECONDS).get(60, TimeUnit.SECONDS);
        that(System.nanoTime() - began >= TimeUnit.SECONDS.toNanos(1), "not before its time");
        same(1L, one.getAtomicLong("delayed:run").get());
        RScheduledFuture<?> rate = executor.scheduleAtFixedRate(new Tick("rate"), 100, 200, TimeUnit.MILLISECONDS);
        RScheduledFuture<?> cron = executor.schedule(new Tick("cron"), CronSchedule.of("0/1 * * * * ?"));
        RScheduledFuture<?> never = executor.schedule(new Tick("never"), 1500, TimeUnit.MILLISECONDS);
        that(executor.cancelTask(never.getTaskId()), "cancelled");
        that(!executor.hasTask(never.getTaskId()), "which is not there any more");
        eventually(() -> one.getAtomicLong("rate").get() >= 5, "again and again");
        eventually(() -> one.getAtomicLong("cron").get() >= 2, "every second");
        executor.cancelTask(rate.getTaskId());
        executor.cancelTask(cron.getTaskId());
        Thread.sleep(1500);
        long last = one.getAtomicLong("rate").get() + one.getAtomicLong("cron").get();
        Thread.sleep(2500);
        same(last, one.getAtomicLong("rate").get() + one.getAtomicLong("cron").get());
        same(0L, one.getAtomicLong("never").get());
        executor.delete();
    }

    /** What is called from elsewhere. */
    public interface Greeter {
        String greet(String name);

        int divide(int number, int by);
    }

    /** Who answers. */
    public static final class Polite implements Greeter {
        @Override
        public String greet(String name) {
            return "good day " + name;
        }

        @Override
        public int divide(int number, int by) {
            return number / by;
        }
    }

    private void remote() throws Exception {
        RRemoteService here = other.getRemoteService("remote");
        here.register(Greeter.class, new Polite(), 2);
        RemoteInvocationOptions patient = RemoteInvocationOptions.defaults().noAck().expectResultWithin(60, TimeUnit.SECONDS);
        Greeter greeter = one.getRemoteService("remote").get(Greeter.class, patient);
        Checks.together(4, () -> {
            for (int i = 0; i < 10; i++) {
                same("good day " + i, greeter.greet("" + i));
            }
        });
        try {
            greeter.divide(1, 0);
            throw new Checks.Wrong("a failure was lost");
        } catch (ArithmeticException failure) {
            same("/ by zero", failure.getMessage());
        }
        here.deregister(Greeter.class);
    }

    /** Words of a line. */
    public static final class Words implements RMapper<Integer, String, String, Integer> {
        @Override
        public void map(Integer key, String line, RCollector<String, Integer> collector) {
            for (String word : line.split(" ")) {
                collector.emit(word, 1);
            }
        }
    }

    /** How many there are. */
    public static final class Sum implements RReducer<String, Integer> {
        @Override
        public Integer reduce(String word, java.util.Iterator<Integer> counts) {
            int sum = 0;
            while (counts.hasNext()) {
                sum += counts.next();
            }
            return sum;
        }
    }

    private void words() {
        RMap<Integer, String> lines = one.getMap("lines");
        for (int i = 0; i < 30; i++) {
            lines.put(i, "the quick fox " + (i % 3 == 0 ? "jumps" : "sleeps"));
        }
        other.getExecutorService(org.redisson.api.RExecutorService.MAPREDUCE_NAME).registerWorkers(WorkerOptions.defaults().workers(4));
        Map<String, Integer> counts = lines.<String, Integer>mapReduce().mapper(new Words()).reducer(new Sum()).execute();
        same(Map.of("the", 30, "quick", 30, "fox", 30, "jumps", 10, "sleeps", 20), counts);
    }


    /** A person whose fields are those of a hash. */
    @REntity
    public static class Person {
        @RId
        private String id;
        @RIndex
        private String town;
        @RIndex
        private Integer age;
        @RCascade(org.redisson.api.RCascadeType.ALL)
        private Person friend;

        public Person() {}

        public Person(String id, String town, Integer age) {
            this.id = id;
            this.town = town;
            this.age = age;
        }

        public String getId() {
            return id;
        }

        public String getTown() {
            return town;
        }

        public void setTown(String town) {
            this.town = town;
        }

        public Integer getAge() {
            return age;
        }

        public void setAge(Integer age) {
            this.age = age;
        }

        public Person getFriend() {
            return friend;
        }

        public void setFriend(Person friend) {
            this.friend = friend;
        }
    }

    private void live() {
        RLiveObjectService service = one.getLiveObjectService();
        service.registerClass(Person.class);
        for (int i = 0; i < 20; i++) {
            service.persist(new Person("p" + i, i % 2 == 0 ? "Rome" : "Oslo", 20 + i));
        }
        Person person = service.get(Person.class, "p3");
        person.setAge(77);
        person.setFriend(service.get(Person.class, "p4"));
        RLiveObjectService there = other.getLiveObjectService();
        there.registerClass(Person.class);
        same(77, there.get(Person.class, "p3").getAge());
        same("p4", there.get(Person.class, "p3").getFriend().getId());
        same(10, there.find(Person.class, Conditions.eq("town", "Rome")).size());
        Collection<Person> found = there.find(Person.class, Conditions.and(Conditions.eq("town", "Oslo"), Conditions.ge("age", 35)));
        same(Set.of("p3", "p15", "p17", "p19"), found.stream().map(Person::getId).collect(Collectors.toSet()));
        same(2L, there.count(Person.class, Conditions.or(Conditions.lt("age", 21), Conditions.gt("age", 76))));
        person.setTown("Rome");
        same(11, there.find(Person.class, Conditions.eq("town", "Rome")).size());
        same(1L, there.delete(Person.class, "p0"));
        that(one.getLiveObjectService().get(Person.class, "p0") == null, "gone");
        same(10, there.find(Person.class, Conditions.eq("town", "Rome")).size());
        same(19L, (long) there.find(Person.class, Conditions.ge("age", 0)).size());
    }
}
