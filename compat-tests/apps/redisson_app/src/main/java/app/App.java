package app;

import org.redisson.Redisson;
import org.redisson.api.RedissonClient;
import org.redisson.config.Config;
import org.redisson.config.Protocol;

/** One application, two clients of the same server: `App PHASE PORT PROTOCOL`, PHASE being fresh, restarted or cluster. */
public final class App {
    private App() {}

    private static RedissonClient client(String phase, String port, Protocol protocol) {
        Config config = new Config();
        config.setProtocol(protocol);
        config.setLockWatchdogTimeout(3000);
        String address = "redis://127.0.0.1:" + port;
        if (phase.equals("cluster")) {
            config.useClusterServers().addNodeAddress(address);
        } else {
            config.useSingleServer().setAddress(address);
        }
        return Redisson.create(config);
    }

    public static void main(String[] words) throws Exception {
        String phase = words[0];
        RedissonClient one = client(phase, words[1], Protocol.valueOf(words[2]));
        RedissonClient other = client(phase, words[1], Protocol.valueOf(words[2]));
        Checks checks = new Checks();
        if (phase.equals("restarted")) {
            new Lasting(one, other).afterwards(checks);
        } else {
            new Locks(one, other).all(checks);
            new Values(one, other).all(checks);
            new Queues(one, other).all(checks);
            new Messages(one, other).all(checks);
            new Services(one, other).all(checks);
            new Steps(one, other).all(checks);
            new Lasting(one, other).before(checks);
        }
        int failures = checks.end();
        one.shutdown();
        other.shutdown();
        System.exit(failures == 0 ? 0 : 1);
    }
}
