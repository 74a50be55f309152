// The Java driver against the server at CQL_PORT, one with a password at CQL_PASSWORD_PORT, one with TLS at CQL_TLS_PORT.

import com.datastax.oss.driver.api.core.AllNodesFailedException;
import com.datastax.oss.driver.api.core.ConsistencyLevel;
import com.datastax.oss.driver.api.core.CqlIdentifier;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.CqlSessionBuilder;
import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import com.datastax.oss.driver.api.core.cql.BatchStatement;
import com.datastax.oss.driver.api.core.cql.DefaultBatchType;
import com.datastax.oss.driver.api.core.cql.PreparedStatement;
import com.datastax.oss.driver.api.core.cql.ResultSet;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import com.datastax.oss.driver.api.core.data.CqlDuration;
import com.datastax.oss.driver.api.core.data.CqlVector;
import com.datastax.oss.driver.api.core.data.TupleValue;
import com.datastax.oss.driver.api.core.data.UdtValue;
import com.datastax.oss.driver.api.core.servererrors.AlreadyExistsException;
import com.datastax.oss.driver.api.core.servererrors.InvalidQueryException;
import com.datastax.oss.driver.api.core.servererrors.ProtocolError;
import com.datastax.oss.driver.api.core.servererrors.SyntaxError;
import com.datastax.oss.driver.api.core.type.DataType;
import com.datastax.oss.driver.api.core.type.DataTypes;
import com.datastax.oss.driver.api.core.type.TupleType;
import com.datastax.oss.driver.api.core.type.UserDefinedType;
import com.datastax.oss.driver.api.core.type.reflect.GenericType;
import com.datastax.oss.driver.api.core.uuid.Uuids;
import com.datastax.oss.driver.api.querybuilder.QueryBuilder;
import com.datastax.oss.driver.api.querybuilder.SchemaBuilder;
import java.io.FileInputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public final class Check {
    interface Step {
        void run() throws Exception;
    }

    private static int number = 0;

    private static void step(String name, Step body) {
        try {
            body.run();
            System.out.println("ok " + name);
        } catch (Throwable error) {
            System.out.println("failed " + name + ": " + error + " at " + error.getStackTrace()[0]);
        }
    }

    private static void same(Object wanted, Object found) {
        if (!Objects.equals(wanted, found)) {
            throw new AssertionError("wanted " + wanted + ", found " + found);
        }
    }

    private static void refused(Class<? extends Throwable> kind, Step body) throws Exception {
        try {
            body.run();
        } catch (Throwable error) {
            if (kind.isInstance(error)) {
                return;
            }
            throw new AssertionError("wanted " + kind.getSimpleName() + ", found " + error);
        }
        throw new AssertionError("was not refused: " + kind.getSimpleName());
    }

    private static CqlSessionBuilder at(String variable, Map<DefaultDriverOption, String> options) {
        var loader = DriverConfigLoader.programmaticBuilder()
                .withDuration(DefaultDriverOption.REQUEST_TIMEOUT, Duration.ofSeconds(30))
                .withDuration(DefaultDriverOption.CONNECTION_INIT_QUERY_TIMEOUT, Duration.ofSeconds(30))
                .withDuration(DefaultDriverOption.CONTROL_CONNECTION_TIMEOUT, Duration.ofSeconds(30));
        options.forEach(loader::withString);
        return CqlSession.builder()
                .addContactPoint(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv(variable))))
                .withLocalDatacenter("datacenter1")
                .withConfigLoader(loader.build());
    }

    private static Map<DataType, Object> natives() throws Exception {
        var found = new LinkedHashMap<DataType, Object>();
        found.put(DataTypes.ASCII, "plain");
        found.put(DataTypes.BIGINT, Long.MIN_VALUE);
        found.put(DataTypes.BLOB, ByteBuffer.wrap(new byte[] {0, 1, -1}));
        found.put(DataTypes.BOOLEAN, true);
        found.put(DataTypes.DATE, LocalDate.of(1969, 12, 31));
        found.put(DataTypes.DECIMAL, new BigDecimal("-12345678901234567890.0123456789"));
        found.put(DataTypes.DOUBLE, Math.PI);
        found.put(DataTypes.DURATION, CqlDuration.newInstance(14, 3, 1_000_000_007));
        found.put(DataTypes.FLOAT, 1.5f);
        found.put(DataTypes.INET, InetAddress.getByName("2001:db8::1"));
        found.put(DataTypes.INT, Integer.MIN_VALUE);
        found.put(DataTypes.SMALLINT, Short.MIN_VALUE);
        found.put(DataTypes.TEXT, "größer 𝄞");
        found.put(DataTypes.TIME, LocalTime.of(23, 59, 59, 999_999_999));
        found.put(DataTypes.TIMESTAMP, Instant.parse("2024-02-29T12:34:56.789Z"));
        found.put(DataTypes.TIMEUUID, Uuids.timeBased());
        found.put(DataTypes.TINYINT, Byte.MIN_VALUE);
        found.put(DataTypes.UUID, UUID.randomUUID());
        found.put(DataTypes.VARINT, new BigInteger("-123456789012345678901234567890"));
        return found;
    }

    /** A value of a type, alone, in collections, in a tuple and in a map, to the server and back. */
    private static void roundTrip(CqlSession session, DataType type, Object value) {
        String cql = type.asCql(true, true);
        boolean inSets = !type.equals(DataTypes.DURATION);
        String table = "r" + number++;
        TupleType tuple = DataTypes.tupleOf(type, DataTypes.INT);
        session.execute("CREATE TABLE " + table + " (k int PRIMARY KEY, v " + cql + ", l list<frozen<list<" + cql + ">>>, m map<int, "
                + cql + ">, t " + tuple.asCql(true, true) + (inSets ? ", s set<" + cql + ">" : "") + ")");
        PreparedStatement insert = session.prepare("INSERT INTO " + table + " (k, v, l, m, t" + (inSets ? ", s" : "")
                + ") VALUES (?, ?, ?, ?, ?" + (inSets ? ", ?" : "") + ")");
        TupleValue pair = ((TupleType) insert.getVariableDefinitions().get(4).getType()).newValue(value, 7);
        var values = new ArrayList<Object>(List.of(1, value, List.of(List.of(value), List.of(value, value)), Map.of(5, value), pair));
        if (inSets) {
            values.add(Set.of(value));
        }
        session.execute(insert.bind(values.toArray()));
        session.execute(insert.bind(2));
        Row row = session.execute("SELECT * FROM " + table + " WHERE k = 1").one();
        same(value, row.getObject("v"));
        same(values.get(2), row.getObject("l"));
        same(values.get(3), row.getObject("m"));
        same(pair.getFormattedContents(), row.getTupleValue("t").getFormattedContents());
        if (inSets) {
            same(values.get(5), row.getObject("s"));
        }
        Row empty = session.execute("SELECT * FROM " + table + " WHERE k = 2").one();
        same(true, empty.isNull("v"));
    }

    private static void language(CqlSession session, String keyspace) throws Exception {
        for (var each : natives().entrySet()) {
            step(keyspace + ": values of " + each.getKey().asCql(true, true), () -> roundTrip(session, each.getKey(), each.getValue()));
        }
        step(keyspace + ": user types", () -> {
            session.execute("CREATE TYPE street (name text, numbers set<int>)");
            session.execute("CREATE TYPE address (street frozen<street>, city text)");
            session.execute("CREATE TABLE people (k int PRIMARY KEY, home address, others list<frozen<address>>)");
            UserDefinedType address = session.getMetadata().getKeyspace(keyspace).get().getUserDefinedType("address").get();
            UserDefinedType street = session.getMetadata().getKeyspace(keyspace).get().getUserDefinedType("street").get();
            UdtValue home = address.newValue(street.newValue("s", new TreeSet<>(Set.of(1, 2))), "c");
            PreparedStatement insert = session.prepare("INSERT INTO people (k, home, others) VALUES (1, ?, ?)");
            session.execute(insert.bind(home, List.of(home)));
            session.execute("UPDATE people SET home.city = 'd' WHERE k = 1");
            Row row = session.execute("SELECT * FROM people").one();
            same("d", row.getUdtValue("home").getString("city"));
            same(home.getFormattedContents(), row.getList("others", UdtValue.class).get(0).getFormattedContents());
        });
        step(keyspace + ": vectors", () -> {
            session.execute("CREATE TABLE vectors (k int PRIMARY KEY, v vector<float, 3>)");
            session.execute("CREATE CUSTOM INDEX ON vectors (v) USING 'StorageAttachedIndex'");
            PreparedStatement insert = session.prepare("INSERT INTO vectors (k, v) VALUES (?, ?)");
            session.execute(insert.bind(1, CqlVector.newInstance(1f, 0f, 0f)));
            session.execute(insert.bind(2, CqlVector.newInstance(0f, 1f, 0f)));
            session.execute(insert.bind(3, CqlVector.newInstance(.9f, .1f, 0f)));
            PreparedStatement near = session.prepare("SELECT k, v FROM vectors ORDER BY v ANN OF ? LIMIT 2");
            List<Row> rows = session.execute(near.bind(CqlVector.newInstance(1f, 0f, 0f))).all();
            same(List.of(1, 3), List.of(rows.get(0).getInt("k"), rows.get(1).getInt("k")));
            same(CqlVector.newInstance(1f, 0f, 0f), rows.get(0).getVector("v", Float.class));
        });
        step(keyspace + ": pages", () -> pages(session));
        step(keyspace + ": batches, counters, conditions, times", () -> changes(session));
        step(keyspace + ": what the driver's builders write", () -> {
            session.execute(SchemaBuilder.createTable("built").withPartitionKey("k", DataTypes.INT)
                    .withClusteringColumn("c", DataTypes.TIMEUUID).withColumn("v", DataTypes.mapOf(DataTypes.TEXT, DataTypes.INT)).build());
            session.execute(QueryBuilder.insertInto("built").value("k", QueryBuilder.literal(1)).value("c", QueryBuilder.now())
                    .value("v", QueryBuilder.literal(Map.of("a", 1))).usingTtl(100).build());
            same(1, session.execute(QueryBuilder.selectFrom("built").all().whereColumn("k").isEqualTo(QueryBuilder.literal(1)).build())
                    .one().getMap("v", String.class, Integer.class).get("a"));
        });
        step(keyspace + ": errors", () -> {
            refused(SyntaxError.class, () -> session.execute("SELEC 1"));
            refused(InvalidQueryException.class, () -> session.execute("SELECT * FROM nobody"));
            refused(AlreadyExistsException.class, () -> session.execute("CREATE TABLE vectors (k int PRIMARY KEY)"));
            same("local", session.execute("SELECT key FROM system.local").one().getString("key"));
        });
        step(keyspace + ": a prepared statement whose table changed", () -> {
            session.execute("CREATE TABLE moving (k int PRIMARY KEY, a int)");
            session.execute("INSERT INTO moving (k, a) VALUES (1, 2)");
            PreparedStatement select = session.prepare("SELECT * FROM moving WHERE k = ?");
            same(2, session.execute(select.bind(1)).one().getColumnDefinitions().size());
            session.execute("ALTER TABLE moving ADD b text");
            session.execute("UPDATE moving SET b = 'x' WHERE k = 1");
            Row row = session.execute(select.bind(1)).one();
            same(2, row.getInt("a"));
            if (session.getContext().getProtocolVersion().getCode() >= 5) {
                same("x", row.getString("b"));
            }
        });
        step(keyspace + ": tracing and what the server is called", () -> {
            ResultSet traced = session.execute(SimpleStatement.newInstance("SELECT * FROM moving").setTracing(true));
            same(true, !traced.getExecutionInfo().getQueryTrace().getEvents().isEmpty());
            same(5, session.getMetadata().getNodes().values().iterator().next().getCassandraVersion().getMajor());
            same(true, session.getMetadata().getTokenMap().isPresent());
            same(List.of(CqlIdentifier.fromCql("c")), session.getMetadata().getKeyspace(keyspace).get().getTable("pages").get()
                    .getClusteringColumns().keySet().stream().map(column -> column.getName()).toList());
        });
    }

    private static void pages(CqlSession session) throws Exception {
        session.execute("CREATE TABLE pages (k int, c int, PRIMARY KEY (k, c))");
        PreparedStatement insert = session.prepare("INSERT INTO pages (k, c) VALUES (1, ?)");
        var sent = new ArrayList<CompletionStage<?>>();
        for (int c = 0; c < 2500; c++) {
            sent.add(session.executeAsync(insert.bind(c)));
            if (sent.size() == 250) {
                for (CompletionStage<?> each : sent) {
                    each.toCompletableFuture().get();
                }
                sent.clear();
            }
        }
        SimpleStatement select = SimpleStatement.newInstance("SELECT c FROM pages WHERE k = 1").setPageSize(400);
        int next = 0;
        for (Row row : session.execute(select)) {
            same(next++, row.getInt(0));
        }
        same(2500, next);
        ByteBuffer state = session.execute(select).getExecutionInfo().getPagingState();
        same(400, session.execute(select.setPagingState(state)).one().getInt(0));
        refused(ProtocolError.class, () -> session.execute(SimpleStatement.newInstance("SELECT k FROM pages").setPagingState(state)));
    }

    private static void changes(CqlSession session) throws Exception {
        session.execute("CREATE TABLE b (k int, c int, v text, PRIMARY KEY (k, c))");
        PreparedStatement insert = session.prepare("INSERT INTO b (k, c, v) VALUES (?, ?, ?)");
        var batch = BatchStatement.builder(DefaultBatchType.LOGGED);
        for (int c = 1; c < 4; c++) {
            batch.addStatement(insert.bind(1, c, "v" + c));
        }
        session.execute(batch.addStatement(SimpleStatement.newInstance("DELETE FROM b WHERE k = 1 AND c = 2")).build());
        same(2, session.execute("SELECT * FROM b").all().size());
        ResultSet once = session.execute("INSERT INTO b (k, c, v) VALUES (1, 1, 'w') IF NOT EXISTS");
        same(false, once.wasApplied());
        same("v1", once.one().getString("v"));
        PreparedStatement swap = session.prepare("UPDATE b SET v = ? WHERE k = 1 AND c = 1 IF v = ?");
        same(true, session.execute(swap.bind("w", "v1").setSerialConsistencyLevel(ConsistencyLevel.LOCAL_SERIAL)).wasApplied());
        session.execute("INSERT INTO b (k, c, v) VALUES (2, 1, 'x') USING TTL 100 AND TIMESTAMP 5");
        Row row = session.execute("SELECT TTL(v), WRITETIME(v) FROM b WHERE k = 2").one();
        same(5L, row.getLong(1));
        same(true, row.getInt(0) > 90);
        session.execute("CREATE TABLE counters (k int PRIMARY KEY, n counter)");
        PreparedStatement add = session.prepare("UPDATE counters SET n = n + ? WHERE k = 1");
        session.execute(BatchStatement.newInstance(DefaultBatchType.COUNTER, add.bind(3L), add.bind(4L)));
        same(7L, session.execute("SELECT n FROM counters").one().getLong(0));
        session.execute(insert.boundStatementBuilder(1, 1, "z").unset("v").build());
        same("w", session.execute("SELECT v FROM b WHERE k = 1 AND c = 1").one().getString(0));
    }

    private static SSLContext trusting(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (var in = new FileInputStream(file)) {
            store.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext made = SSLContext.getInstance("TLS");
        made.init(null, trust.getTrustManagers(), null);
        return made;
    }

    public static void main(String[] arguments) throws Exception {
        String[][] ways = {{"V5", "none"}, {"V5", "lz4"}, {"V4", "none"}, {"V4", "lz4"}, {"V4", "snappy"}};
        for (String[] way : ways) {
            String keyspace = (way[0] + way[1]).toLowerCase();
            step("connecting as " + keyspace, () -> {
                var options = Map.of(DefaultDriverOption.PROTOCOL_VERSION, way[0], DefaultDriverOption.PROTOCOL_COMPRESSION, way[1]);
                try (CqlSession session = at("CQL_PORT", options).build()) {
                    session.execute("CREATE KEYSPACE " + keyspace
                            + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
                    session.execute("USE " + keyspace);
                    language(session, keyspace);
                }
            });
        }
        step("the version is found", () -> {
            try (CqlSession session = at("CQL_PORT", Map.of()).build()) {
                same(5, session.getContext().getProtocolVersion().getCode());
                same(List.of("a"), session.execute(SimpleStatement.newInstance("SELECT ['a'] AS l FROM system.local")).one()
                        .get("l", GenericType.listOf(String.class)));
            }
        });
        step("passwords", () -> {
            try (CqlSession session = at("CQL_PASSWORD_PORT", Map.of()).withAuthCredentials("cassandra", "secret").build()) {
                same("local", session.execute("SELECT key FROM system.local").one().getString(0));
            }
            refused(AllNodesFailedException.class,
                    () -> at("CQL_PASSWORD_PORT", Map.of()).withAuthCredentials("cassandra", "guess").build().close());
        });
        step("TLS", () -> {
            SSLContext context = trusting(System.getenv("CQL_CERTIFICATE"));
            try (CqlSession session = at("CQL_TLS_PORT", Map.of()).withSslContext(context).build()) {
                same("local", session.execute("SELECT key FROM system.local").one().getString(0));
            }
        });
    }
}
