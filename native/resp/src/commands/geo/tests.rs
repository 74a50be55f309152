//! Places: each command's edges. Replies as Redis 7.0.15 gives them.

use crate::commands::testing::Client;

fn sicily() -> Client {
    let mut client = Client::new();
    client.script(
        "geoadd s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania => :2
         geoadd s nx 0 0 Palermo => :0
         geoadd s xx ch 13.583333 37.316667 Agrigento => :0",
    );
    client
}

#[test]
fn places_of_members() {
    sicily().script(
        "geodist s Palermo Catania => $11 166274.1516
         geodist s Palermo Catania km => $8 166.2742
         geodist s Palermo Catania mi => $8 103.3182
         geodist s Palermo Catania yd => -ERR unsupported unit provided. please use M, KM, FT, MI
         geodist s Palermo none => $-1
         geodist s Palermo Catania m m => -ERR syntax error
         geohash s Palermo Catania none => *3 $11 sqc8b49rny0 $11 sqdtr74hyu0 $-1
         geopos s Palermo none => *2 *2 $20 13.36138933897018433 $20 38.11555639549629859 *-1
         geopos none a => *1 *-1
         zscore s Palermo => $16 3479099956230698",
    );
}

#[test]
fn searches() {
    sicily().script(
        "georadius s 15 37 200 km asc => *2 $7 Catania $7 Palermo
         georadius s 15 37 200 km withdist desc => *2 *2 $7 Palermo $8 190.4424 *2 $7 Catania $7 56.4413
         georadius s 15 37 100 km withhash withcoord => *1 *3 $7 Catania :3479447370796909 *2 $20 15.08726745843887329 $20 37.50266842333162032
         georadiusbymember_ro s Palermo 200 km count 1 => *1 $7 Palermo
         georadiusbymember s none 200 km => -ERR could not decode requested zset member
         georadiusbymember none x 200 km => *0
         georadius_ro s 15 37 200 km store t => -ERR syntax error
         georadius s 15 37 200 km store t withdist => -ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options
         georadius s 15 37 200 km store t => :2
         zrange t 0 -1 => *2 $7 Palermo $7 Catania
         georadius s 15 37 200 km storedist t => :2
         zscore t Catania => $16 56.4412578701582
         geosearch s fromlonlat 15 37 bybox 400 400 km asc => *2 $7 Catania $7 Palermo
         geosearch s frommember Palermo byradius 0 m => *1 $7 Palermo
         geosearch s frommember Palermo => -ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch
         geosearch s byradius 1 m asc asc => -ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch
         geosearch s frommember Palermo fromlonlat 1 1 byradius 1 m => -ERR syntax error
         geosearch s frommember Palermo byradius 1 m any => -ERR the ANY argument requires COUNT argument
         geosearch s frommember Palermo byradius 1 m count 0 => -ERR COUNT must be > 0
         geosearch s frommember Palermo byradius -1 m => -ERR radius cannot be negative
         geosearch s frommember Palermo byradius x m => -ERR need numeric radius
         geosearch s frommember Palermo bybox 1 -1 m => -ERR height or width cannot be negative
         geosearch s frommember Palermo bybox x 1 m => -ERR need numeric width
         geosearchstore t s frommember Palermo byradius 100 km => :1
         geosearchstore t none frommember Palermo byradius 100 km => :0
         exists t => :0
         geoadd s 181 0 x => -ERR invalid longitude,latitude pair 181.000000,0.000000
         geoadd s 0 86 x => -ERR invalid longitude,latitude pair 0.000000,86.000000
         geoadd s x 0 x => -ERR value is not a valid float",
    );
}
