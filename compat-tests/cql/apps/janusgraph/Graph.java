// JanusGraph with its data in the server at CQL_PORT: schema, indexes, a graph, traversals, and all of it again after reopening.

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.tinkerpop.gremlin.process.traversal.P;
import org.apache.tinkerpop.gremlin.process.traversal.dsl.graph.GraphTraversalSource;
import org.apache.tinkerpop.gremlin.process.traversal.dsl.graph.__;
import org.apache.tinkerpop.gremlin.structure.T;
import org.apache.tinkerpop.gremlin.structure.Vertex;
import org.janusgraph.core.Cardinality;
import org.janusgraph.core.JanusGraph;
import org.janusgraph.core.JanusGraphFactory;
import org.janusgraph.core.Multiplicity;
import org.janusgraph.core.schema.ConsistencyModifier;
import org.janusgraph.core.schema.JanusGraphManagement;
import org.janusgraph.core.SchemaViolationException;

public final class Graph {
    private static final int PEOPLE = 300;

    private static JanusGraph open() {
        return JanusGraphFactory.build()
                .set("storage.backend", "cql")
                .set("storage.hostname", "127.0.0.1")
                .set("storage.port", Integer.parseInt(System.getenv("CQL_PORT")))
                .set("storage.cql.local-datacenter", "datacenter1")
                .set("storage.cql.request-timeout", 60000)
                .set("storage.cql.keyspace", "janusgraph")
                .set("storage.lock.wait-time", 1000)
                .set("ids.block-size", 1000)
                .open();
    }

    private static void same(Object wanted, Object found) {
        if (!wanted.equals(found)) {
            throw new AssertionError("wanted " + wanted + ", found " + found);
        }
    }

    private static void define(JanusGraph graph) {
        JanusGraphManagement management = graph.openManagement();
        var name = management.makePropertyKey("name").dataType(String.class).cardinality(Cardinality.SINGLE).make();
        var age = management.makePropertyKey("age").dataType(Integer.class).make();
        var tags = management.makePropertyKey("tag").dataType(String.class).cardinality(Cardinality.SET).make();
        management.makeEdgeLabel("knows").multiplicity(Multiplicity.MULTI).make();
        management.makeEdgeLabel("manager").multiplicity(Multiplicity.MANY2ONE).make();
        management.makeVertexLabel("person").make();
        var byName = management.buildIndex("byName", Vertex.class).addKey(name).unique().buildCompositeIndex();
        management.setConsistency(byName, ConsistencyModifier.LOCK);
        management.buildIndex("byAge", Vertex.class).addKey(age).buildCompositeIndex();
        management.commit();
    }

    private static void load(JanusGraph graph) {
        GraphTraversalSource g = graph.traversal();
        for (int i = 0; i < PEOPLE; i++) {
            Vertex person = graph.addVertex(T.label, "person", "name", "p" + i, "age", i % 50);
            person.property("tag", "t" + i % 3);
        }
        g.tx().commit();
        for (int i = 0; i < PEOPLE; i++) {
            Vertex from = g.V().has("name", "p" + i).next();
            for (int step : new int[] {1, 7, 31}) {
                from.addEdge("knows", g.V().has("name", "p" + (i + step) % PEOPLE).next(), "since", 2000 + step);
            }
            from.addEdge("manager", g.V().has("name", "p" + i / 10).next());
        }
        g.tx().commit();
    }

    private static void ask(JanusGraph graph) {
        GraphTraversalSource g = graph.traversal();
        same((long) PEOPLE, g.V().count().next());
        same((long) PEOPLE * 4, g.E().count().next());
        same((long) PEOPLE / 50, g.V().has("age", 7).count().next());
        same(List.of("p11", "p17", "p41"), g.V().has("name", "p10").out("knows").<String>values("name").order().toList());
        same(3L, g.V().has("name", "p10").in("knows").count().next());
        same(2031, g.V().has("name", "p0").outE("knows").<Integer>values("since").max().next());
        same(10L, g.V().has("name", "p3").in("manager").count().next());
        Map<Object, Long> tags = g.V().<Object>groupCount().by("tag").next();
        same(PEOPLE / 3L, tags.get("t1"));
        g.tx().rollback();
    }

    private static void change(JanusGraph graph) {
        GraphTraversalSource g = graph.traversal();
        try {
            graph.addVertex(T.label, "person", "name", "p1");
            g.tx().commit();
            throw new AssertionError("two of one unique name");
        } catch (SchemaViolationException expected) {
            g.tx().rollback();
        }
        g.V().has("name", "p299").drop().iterate();
        g.V().has("name", "p0").property("age", 99).iterate();
        g.tx().commit();
        same(false, g.V().has("name", "p299").hasNext());
        same("p0", g.V().has("age", 99).values("name").next());
        same((long) PEOPLE - 1, g.V().count().next());
        g.tx().rollback();
        var workers = IntStream.range(0, 4).mapToObj(worker -> new Thread(() -> {
            for (int i = 0; i < 25; i++) {
                var tx = graph.newTransaction();
                tx.addVertex(T.label, "person", "name", "w" + worker + "." + i);
                tx.commit();
            }
        })).toList();
        workers.forEach(Thread::start);
        workers.forEach(worker -> {
            try {
                worker.join();
            } catch (InterruptedException error) {
                throw new AssertionError(error);
            }
        });
        same((long) PEOPLE - 1 + 100, graph.traversal().V().count().next());
        graph.tx().rollback();
    }

    public static void main(String[] arguments) {
        try (JanusGraph graph = open()) {
            define(graph);
            System.out.println("ok schema");
            load(graph);
            System.out.println("ok graph");
            ask(graph);
            System.out.println("ok traversals");
        }
        try (JanusGraph graph = open()) {
            ask(graph);
            System.out.println("ok reopened");
            change(graph);
            System.out.println("ok changes");
        }
        System.exit(0);
    }
}
