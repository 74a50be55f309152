package app;

import static app.Checks.same;
import static app.Checks.that;
import static app.Checks.together;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.redisson.api.BatchOptions;
import org.redisson.api.BatchResult;
import org.redisson.api.FunctionMode;
import org.redisson.api.FunctionResult;
import org.redisson.api.RBatch;
import org.redisson.api.RFunction;
import org.redisson.api.RMap;
import org.redisson.api.RScript;
import org.redisson.api.RTransaction;
import org.redisson.api.RedissonClient;
import org.redisson.api.TransactionOptions;
import org.redisson.client.RedisException;
import org.redisson.client.codec.LongCodec;
import org.redisson.client.codec.StringCodec;
import org.redisson.transaction.TransactionException;

/** Several commands as one step: batches, transactions, scripts, functions. */
final class Steps {
    private final RedissonClient one;
    private final RedissonClient other;

    Steps(RedissonClient one, RedissonClient other) {
        this.one = one;
        this.other = other;
    }

    void all(Checks checks) {
        checks.step("batch: as a pipeline, as MULTI, without answers", this::batches);
        checks.step("transaction: all of it, or nothing", this::transactions);
        checks.step("transaction: of two that change the same, one fails", this::conflict);
        checks.step("scripts: every kind of answer, by text and by digest", this::scripts);
        checks.step("functions: loaded, listed, called, deleted", this::functions);
    }

    private void batches() {
        for (BatchOptions.ExecutionMode mode : BatchOptions.ExecutionMode.values()) {
            if (mode.name().startsWith("REDIS_READ")) {
                continue;
            }
            one.getKeys().delete("{batch}map", "{batch}number");
            RBatch batch = one.createBatch(BatchOptions.defaults().executionMode(mode));
            for (int i = 0; i < 100; i++) {
                batch.getMap("{batch}map").fastPutAsync(i, i);
                batch.getAtomicLong("{batch}number").incrementAndGetAsync();
            }
            BatchResult<?> result = batch.execute();
            same(200, result.getResponses().size());
            same(100L, result.getResponses().get(199));
            same(100, other.getMap("{batch}map").size());
        }
        RBatch silent = one.createBatch(BatchOptions.defaults().skipResult());
        silent.getAtomicLong("{batch}number").addAndGetAsync(11);
        silent.execute();
        same(111L, other.getAtomicLong("{batch}number").get());
    }

    private void transactions() {
        RTransaction transaction = one.createTransaction(TransactionOptions.defaults());
        RMap<String, Integer> map = transaction.getMap("{tx}map");
        map.put("a", 1);
        same(1, map.get("a"));
        transaction.getBucket("{tx}bucket").set("v");
        transaction.getSet("{tx}set").add("m");
        same(0, other.getMap("{tx}map").size());
        transaction.commit();
        same(Map.of("a", 1), other.getMap("{tx}map").readAllMap());
        same("v", other.getBucket("{tx}bucket").get());
        same(Set.of("m"), other.getSet("{tx}set").readAll());
        RTransaction undone = one.createTransaction(TransactionOptions.defaults());
        undone.getMap("{tx}map").put("a", 2);
        undone.getBucket("{tx}bucket").delete();
        undone.rollback();
        same(Map.of("a", 1), other.getMap("{tx}map").readAllMap());
        same("v", other.getBucket("{tx}bucket").get());
    }

    private void conflict() throws Exception {
        one.getBucket("{tx}sum").set(0);
        together(4, () -> {
            for (int done = 0; done < 5; ) {
                RTransaction transaction = one.createTransaction(TransactionOptions.defaults());
                org.redisson.api.RBucket<Integer> bucket = transaction.getBucket("{tx}sum");
                try {
                    Integer seen = bucket.get();
                    if (bucket.compareAndSet(seen, seen + 1)) {
                        transaction.commit();
                        done++;
                    } else {
                        transaction.rollback();
                    }
                } catch (TransactionException again) {
                    transaction.rollback();
                }
            }
        });
        same(20, other.getBucket("{tx}sum").get());
    }

    private void scripts() {
        RScript script = one.getScript(StringCodec.INSTANCE);
        same(true, script.eval(RScript.Mode.READ_WRITE, "return 1", RScript.ReturnType.BOOLEAN));
        same(null, script.eval(RScript.Mode.READ_ONLY, "return false", RScript.ReturnType.VALUE));
        same(7L, one.getScript(LongCodec.INSTANCE).<Long>eval(RScript.Mode.READ_ONLY, "return tonumber(ARGV[1]) + 2",
            RScript.ReturnType.LONG, List.of(), 5));
        same(Arrays.asList("a", "b"), script.eval(RScript.Mode.READ_ONLY, "return {KEYS[1], ARGV[1]}", RScript.ReturnType.LIST, List.of("a"), "b"));
        same("OK", script.eval(RScript.Mode.READ_WRITE, "return redis.call('set', KEYS[1], ARGV[1])",
            RScript.ReturnType.STRING, List.of("script:key"), "v"));
        String digest = script.scriptLoad("return redis.call('get', KEYS[1]) .. ARGV[1]");
        same(List.of(true, false), script.scriptExists(digest, "0".repeat(40)));
        same("vw", other.getScript(StringCodec.INSTANCE).evalSha(RScript.Mode.READ_ONLY, digest, RScript.ReturnType.VALUE,
            List.of("script:key"), "w"));
        refused("by own words", () -> script.eval(RScript.Mode.READ_WRITE, "return redis.error_reply('MINE by own words')", RScript.ReturnType.VALUE));
        refused("NOSCRIPT", () -> script.evalSha(RScript.Mode.READ_WRITE, "0".repeat(40), RScript.ReturnType.VALUE));
        refused("not an integer", () -> script.eval(RScript.Mode.READ_WRITE, "return redis.call('incr', KEYS[1])",
            RScript.ReturnType.LONG, List.of("script:key")));
        script.scriptFlush();
        same(List.of(false), script.scriptExists(digest));
    }

    private static void refused(String words, Checks.Step step) {
        try {
            step.run();
        } catch (RedisException refusal) {
            that(refusal.getMessage().contains(words), refusal.getMessage());
            return;
        } catch (Exception other) {
            throw new Checks.Wrong(other.toString());
        }
        throw new Checks.Wrong("not refused: " + words);
    }

    private void functions() {
        RFunction function = one.getFunction(StringCodec.INSTANCE);
        String code = "redis.register_function('put', function(keys, args) return redis.call('set', keys[1], args[1]) end)\n"
            + "redis.register_function{function_name='got', callback=function(keys) return redis.call('get', keys[1]) end, flags={'no-writes'}}";
        function.loadAndReplace("library", code);
        same("library", function.list("lib*").get(0).getName());
        same(2, function.list().get(0).getFunctions().size());
        same("OK", function.call(FunctionMode.WRITE, "put", FunctionResult.STRING, List.of("function:key"), "v"));
        same("v", function.call(FunctionMode.READ, "got", FunctionResult.STRING, List.of("function:key")));
        byte[] dumped = function.dump();
        function.flush();
        same(0, function.list().size());
        function.restore(dumped);
        same("v", other.getFunction(StringCodec.INSTANCE).call(FunctionMode.READ, "got", FunctionResult.STRING, List.of("function:key")));
        function.delete("library");
        refused("Function not found", () -> function.call(FunctionMode.READ, "got", FunctionResult.STRING, List.of("function:key")));
    }
}
