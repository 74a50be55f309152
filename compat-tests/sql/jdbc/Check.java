// pgjdbc against one server: java -cp postgresql.jar Check.java jdbc:postgresql://... ; prints what both servers must agree on.

import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.Array;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

public final class Check {
    /** What differs by server, not by what it says of tables. */
    private static final Set<String> OWN = Set.of("TABLE_CAT", "PKTABLE_CAT", "FKTABLE_CAT", "TABLE_CATALOG", "PAGES", "CARDINALITY");

    interface Step {
        void run() throws Exception;
    }

    private static void step(String name, Step body) {
        try {
            body.run();
            System.out.println("ok " + name);
        } catch (SQLException error) {
            System.out.println("failed " + name + ": " + error.getSQLState() + " " + error.getMessage().lines().findFirst().orElse(""));
        } catch (Exception error) {
            System.out.println("failed " + name + ": " + error);
        }
    }

    private static void show(String name, ResultSet rows, boolean sorted) throws SQLException {
        ResultSetMetaData columns = rows.getMetaData();
        var lines = new java.util.ArrayList<String>();
        while (rows.next()) {
            var line = new StringBuilder();
            for (int i = 1; i <= columns.getColumnCount(); i++) {
                String label = columns.getColumnLabel(i);
                if (!OWN.contains(label)) {
                    line.append(' ').append(label).append('=').append(rows.getString(i));
                }
            }
            lines.add(line.toString());
        }
        if (sorted) {
            lines.sort(null);
        }
        lines.forEach(line -> System.out.println(name + line));
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what);
        }
    }

    public static void main(String[] words) throws Exception {
        try (Connection db = DriverManager.getConnection(words[0])) {
            Statement plain = db.createStatement();
            plain.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')");
            plain.execute("CREATE TABLE parent (id int PRIMARY KEY, name varchar(40) NOT NULL DEFAULT 'x', price numeric(10,2), UNIQUE (name))");
            plain.execute("CREATE TABLE child (id bigserial, part int, parent int NOT NULL REFERENCES parent (id) ON DELETE CASCADE,"
                    + " tags text[], at timestamptz, feeling mood, data jsonb, PRIMARY KEY (id, part))");
            plain.execute("CREATE INDEX child_parent ON child (parent, at DESC)");
            plain.execute("CREATE VIEW seen AS SELECT id, name FROM parent");
            plain.execute("COMMENT ON TABLE parent IS 'the parent'");
            plain.execute("COMMENT ON COLUMN parent.price IS 'in euros'");
            metadata(db.getMetaData());
            values(db);
            transactions(db, plain);
            copying(db, plain);
        }
    }

    private static void metadata(DatabaseMetaData known) {
        step("getTables", () -> show("table", known.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"}), true));
        step("getColumns", () -> show("column", known.getColumns(null, "public", "%", "%"), true));
        step("getPrimaryKeys", () -> show("primary", known.getPrimaryKeys(null, "public", "child"), true));
        step("getImportedKeys", () -> show("imported", known.getImportedKeys(null, "public", "child"), true));
        step("getExportedKeys", () -> show("exported", known.getExportedKeys(null, "public", "parent"), true));
        step("getCrossReference", () -> show("cross", known.getCrossReference(null, null, "parent", null, null, "child"), true));
        step("getIndexInfo", () -> show("index", known.getIndexInfo(null, "public", "child", false, true), true));
        step("getBestRowIdentifier", () -> show("best", known.getBestRowIdentifier(null, "public", "child", 0, true), true));
        step("getSchemas", () -> {
            var found = new TreeSet<String>();
            ResultSet rows = known.getSchemas();
            while (rows.next()) {
                found.add(rows.getString(1));
            }
            check(found.containsAll(Set.of("public", "pg_catalog", "information_schema")), found.toString());
        });
        step("getTypeInfo", () -> {
            var found = new TreeSet<String>();
            ResultSet rows = known.getTypeInfo();
            while (rows.next()) {
                found.add(rows.getString("TYPE_NAME") + ":" + rows.getInt("DATA_TYPE") + ":" + rows.getInt("PRECISION"));
            }
            for (String name : Set.of("int4:4:0", "text:12:0", "bool:-7:0", "bytea:-2:0", "mood:12:0")) {
                check(found.contains(name), name + " is not in " + found);
            }
        });
        step("getTableTypes", () -> show("type", known.getTableTypes(), true));
        step("getTablePrivileges", () -> check(known.getTablePrivileges(null, "public", "parent").next(), "no privilege"));
        step("getColumnPrivileges", () -> check(known.getColumnPrivileges(null, "public", "parent", "id").next(), "no privilege"));
        step("getFunctions", () -> check(known.getFunctions(null, "pg_catalog", "lower").next(), "no function"));
        step("getFunctionColumns", () -> check(known.getFunctionColumns(null, "pg_catalog", "lower", "%").next(), "no column"));
        step("getProcedures", () -> known.getProcedures(null, "public", "%").close());
        step("getUDTs", () -> known.getUDTs(null, "public", "%", null).close());
        step("getCatalogs", () -> check(known.getCatalogs().next(), "no catalog"));
        step("getClientInfoProperties", () -> show("client", known.getClientInfoProperties(), true));
        step("getSQLKeywords", () -> check(known.getSQLKeywords().contains("ilike"), "no ilike"));
        step("getMaxNameLength", () -> System.out.println(known.getMaxColumnNameLength()));
        step("getVersions", () -> System.out.println(known.getDatabaseMajorVersion() + " " + known.getDatabaseProductName()));
        step("getVersionColumns", () -> show("version", known.getVersionColumns(null, "public", "parent"), true));
    }

    private static void values(Connection db) {
        step("batch", () -> {
            try (PreparedStatement insert = db.prepareStatement("INSERT INTO parent VALUES (?, ?, ?)")) {
                for (int i = 1; i <= 1000; i++) {
                    insert.setInt(1, i);
                    insert.setString(2, "name " + i);
                    insert.setBigDecimal(3, new BigDecimal(i).movePointLeft(1));
                    insert.addBatch();
                }
                check(Arrays.stream(insert.executeBatch()).sum() == 1000, "not all of the batch");
            }
        });
        step("types", () -> {
            var at = OffsetDateTime.of(2024, 2, 29, 12, 34, 56, 789_000_000, ZoneOffset.UTC);
            String text = "INSERT INTO child (part, parent, tags, at, feeling, data) VALUES (?, ?, ?, ?, ?::mood, ?::jsonb)";
            try (PreparedStatement insert = db.prepareStatement(text, Statement.RETURN_GENERATED_KEYS)) {
                insert.setInt(1, 1);
                insert.setInt(2, 7);
                insert.setArray(3, db.createArrayOf("text", new String[] {"a", "b \"c\"", null}));
                insert.setObject(4, at);
                insert.setString(5, "ok");
                insert.setString(6, "{\"n\": 1}");
                check(insert.executeUpdate() == 1, "no row");
                ResultSet keys = insert.getGeneratedKeys();
                keys.next();
                System.out.println("key " + keys.getLong("id"));
            }
            for (int i = 0; i < 7; i++) {
                // From the fifth execution on by a statement with a name, in binary.
                try (PreparedStatement select = db.prepareStatement("SELECT *, ?::uuid AS u, ?::date AS d, 1.5::float8 AS f FROM child")) {
                    select.setObject(1, new UUID(0, 7));
                    select.setObject(2, LocalDate.of(2020, 2, 29));
                    ResultSet row = select.executeQuery();
                    row.next();
                    Array tags = row.getArray("tags");
                    System.out.println(String.join("|", Arrays.toString((Object[]) tags.getArray()), row.getString("feeling"), row.getString("data"),
                            row.getObject("at", OffsetDateTime.class).isEqual(at) + "", row.getObject("u") + "", row.getDate("d") + "", row.getDouble("f") + ""));
                }
            }
        });
        step("describe", () -> {
            try (PreparedStatement select = db.prepareStatement("SELECT p.id, p.name, p.price * 2 AS twice, c.tags, count(*) OVER () FROM parent p"
                    + " LEFT JOIN child c ON c.parent = p.id WHERE p.id > ? AND p.name LIKE ?")) {
                ResultSetMetaData columns = select.getMetaData();
                for (int i = 1; i <= columns.getColumnCount(); i++) {
                    System.out.println(columns.getColumnName(i) + " " + columns.getColumnTypeName(i) + " " + columns.getColumnClassName(i));
                }
                System.out.println(select.getParameterMetaData().getParameterTypeName(1) + " " + select.getParameterMetaData().getParameterTypeName(2));
            }
        });
        step("nulls", () -> {
            try (PreparedStatement select = db.prepareStatement("SELECT ?::int IS NULL, coalesce(?, 'none')")) {
                select.setNull(1, Types.INTEGER);
                select.setNull(2, Types.VARCHAR);
                show("nulls", select.executeQuery(), false);
            }
        });
        step("updatable", () -> {
            try (Statement changing = db.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
                ResultSet row = changing.executeQuery("SELECT id, name, price FROM parent WHERE id = 5");
                row.next();
                row.updateString("name", "changed");
                row.updateRow();
                show("updated", db.createStatement().executeQuery("SELECT name FROM parent WHERE id = 5"), false);
            }
        });
    }

    private static void transactions(Connection db, Statement plain) {
        step("cursor", () -> {
            db.setAutoCommit(false);
            try (PreparedStatement select = db.prepareStatement("SELECT id FROM parent ORDER BY id")) {
                select.setFetchSize(64);
                ResultSet rows = select.executeQuery();
                int count = 0;
                while (rows.next()) {
                    count++;
                }
                check(count == 1000, count + " rows");
            }
            db.commit();
        });
        step("savepoints", () -> {
            Savepoint here = db.setSavepoint("here");
            try {
                plain.execute("INSERT INTO parent VALUES (1, 'twice')");
                throw new IllegalStateException("no violation");
            } catch (SQLException error) {
                System.out.println(error.getSQLState());
            }
            db.rollback(here);
            plain.execute("UPDATE parent SET price = 0 WHERE id = 1");
            db.rollback();
            show("kept", plain.executeQuery("SELECT price FROM parent WHERE id = 1"), false);
            db.commit();
        });
        step("isolation", () -> {
            for (int level : new int[] {Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_READ_COMMITTED}) {
                db.setTransactionIsolation(level);
                System.out.println(db.getTransactionIsolation() == level);
            }
            db.setReadOnly(true);
            try {
                plain.execute("DELETE FROM parent");
                throw new IllegalStateException("it was read only");
            } catch (SQLException error) {
                System.out.println(error.getSQLState());
            }
            db.rollback();
            db.setReadOnly(false);
        });
        step("failing batch", () -> {
            try (PreparedStatement insert = db.prepareStatement("INSERT INTO parent (id, name) VALUES (?, ?)")) {
                for (int id : new int[] {2001, 2002, 5}) {
                    insert.setInt(1, id);
                    insert.setString(2, "batch " + id);
                    insert.addBatch();
                }
                insert.executeBatch();
                throw new IllegalStateException("no violation");
            } catch (BatchUpdateException error) {
                System.out.println(error.getSQLState());
            }
            db.rollback();
            db.setAutoCommit(true);
        });
        step("a changed table", () -> {
            try (PreparedStatement select = db.prepareStatement("SELECT * FROM parent WHERE id = ?")) {
                for (int i = 0; i < 8; i++) {
                    if (i == 6) {
                        plain.execute("ALTER TABLE parent ADD COLUMN more int DEFAULT 3");
                    }
                    select.setInt(1, 9);
                    ResultSet row = select.executeQuery();
                    row.next();
                    System.out.println(row.getMetaData().getColumnCount());
                }
            }
        });
        step("timeout", () -> {
            try (Statement slow = db.createStatement()) {
                slow.setQueryTimeout(1);
                slow.execute("SELECT pg_sleep(30)");
                throw new IllegalStateException("it was not cancelled");
            } catch (SQLException error) {
                System.out.println(error.getSQLState());
            }
        });
    }

    private static void copying(Connection db, Statement plain) {
        step("copy", () -> {
            CopyManager copies = db.unwrap(PGConnection.class).getCopyAPI();
            System.out.println(copies.copyIn("COPY parent (id, name) FROM STDIN WITH (FORMAT csv)", new StringReader("3001,a\n3002,\"b,c\"\n")));
            var out = new StringWriter();
            copies.copyOut("COPY (SELECT id, name FROM parent WHERE id > 3000 ORDER BY id) TO STDOUT WITH CSV HEADER", out);
            System.out.print(out);
        });
        step("notify", () -> {
            plain.execute("LISTEN news");
            plain.execute("NOTIFY news, 'hello'");
            var heard = db.unwrap(PGConnection.class).getNotifications(1000);
            System.out.println(heard[0].getName() + " " + heard[0].getParameter());
        });
    }
}
