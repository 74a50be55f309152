package app;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import jakarta.servlet.http.HttpSession;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cache.annotation.CacheEvict;
import org.springframework.cache.annotation.CachePut;
import org.springframework.cache.annotation.Cacheable;
import org.springframework.cache.annotation.EnableCaching;
import org.springframework.context.event.EventListener;
import org.springframework.data.redis.core.RedisKeyValueAdapter;
import org.springframework.data.redis.repository.configuration.EnableRedisRepositories;
import org.springframework.scheduling.annotation.EnableScheduling;
import org.springframework.session.FindByIndexNameSessionRepository;
import org.springframework.session.Session;
import org.springframework.session.events.AbstractSessionEvent;
import org.springframework.stereotype.Service;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/** Sessions, a cache and repositories of Spring on one server. */
@SpringBootApplication
@EnableCaching
@EnableScheduling
@EnableRedisRepositories(considerNestedRepositories = true, enableKeyspaceEvents = RedisKeyValueAdapter.EnableKeyspaceEvents.ON_STARTUP)
public class App {
    public static void main(String[] words) {
        SpringApplication.run(App.class, words);
    }

    /** What is worth keeping: how often each was computed is counted. */
    @Service
    static class Computed {
        private final AtomicInteger runs = new AtomicInteger();

        public int runs() {
            return runs.get();
        }

        @Cacheable("squares")
        public Integer square(int number) {
            runs.incrementAndGet();
            return number * number;
        }

        @CachePut("squares")
        public Integer pretend(int number) {
            return -number;
        }

        @CacheEvict("squares")
        public void forget(int number) {}

        @CacheEvict(value = "squares", allEntries = true)
        public void forgetAll() {}
    }

    /** What a browser asks for. */
    @RestController
    static class Pages {
        private final FindByIndexNameSessionRepository<? extends Session> sessions;
        private final Computed computed;
        private final Operations operations;
        private final Told told;

        Pages(FindByIndexNameSessionRepository<? extends Session> sessions, Computed computed, Operations operations, Told told) {
            this.sessions = sessions;
            this.computed = computed;
            this.operations = operations;
            this.told = told;
        }

        @PostMapping("/login/{name}/{seconds}")
        String login(HttpSession session, @PathVariable String name, @PathVariable int seconds) {
            session.setAttribute(FindByIndexNameSessionRepository.PRINCIPAL_NAME_INDEX_NAME, name);
            session.setAttribute("name", name);
            session.setMaxInactiveInterval(seconds);
            return session.getId();
        }

        @GetMapping("/me")
        String me(HttpSession session) {
            Integer visits = (Integer) session.getAttribute("visits");
            session.setAttribute("visits", visits == null ? 1 : visits + 1);
            return session.getAttribute("name") + " " + session.getAttribute("visits");
        }

        @PostMapping("/logout")
        void logout(HttpSession session) {
            session.invalidate();
        }

        @GetMapping("/sessions/{name}")
        int sessions(@PathVariable String name) {
            return sessions.findByPrincipalName(name).size();
        }

        @GetMapping("/events")
        List<String> events() {
            return told.events;
        }

        @GetMapping("/square/{number}")
        Map<String, Integer> square(@PathVariable int number) {
            return Map.of("square", computed.square(number), "runs", computed.runs());
        }

        @PostMapping("/square/{number}")
        void pretend(@PathVariable int number) {
            computed.pretend(number);
        }

        @DeleteMapping("/square/{number}")
        void forget(@PathVariable int number) {
            computed.forget(number);
        }

        @DeleteMapping("/square")
        void forgetAll() {
            computed.forgetAll();
        }

        @GetMapping("/operations")
        List<String> operations() {
            return operations.all();
        }
    }

    /** Every event of a session, in the order in which they came. */
    @Service
    static class Told {
        final List<String> events = new CopyOnWriteArrayList<>();

        @EventListener
        void session(AbstractSessionEvent event) {
            events.add(event.getClass().getSimpleName() + " " + event.getSessionId());
        }
    }
}
