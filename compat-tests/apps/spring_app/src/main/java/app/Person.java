package app;

import java.util.List;
import org.springframework.data.annotation.Id;
import org.springframework.data.redis.core.RedisHash;
import org.springframework.data.redis.core.TimeToLive;
import org.springframework.data.redis.core.index.Indexed;
import org.springframework.data.repository.CrudRepository;

/** A person kept as a hash, found by the sets that Spring keeps beside it. */
@RedisHash("people")
class Person {
    @Id
    String id;

    @Indexed
    String town;

    List<String> tags;

    @TimeToLive
    Long seconds;

    static Person of(String id, String town, Long seconds, String... tags) {
        Person person = new Person();
        person.id = id;
        person.town = town;
        person.seconds = seconds;
        person.tags = List.of(tags);
        return person;
    }

    /** How they are found. */
    interface People extends CrudRepository<Person, String> {
        List<Person> findByTown(String town);
    }
}
