select count(*), count(price), count(distinct name), sum(price), avg(price), min(price), max(price) from item
select sum(id), sum(big), sum(small), avg(id), avg(big), avg(small), min(made), max(seen), min(tag), max(name) from item
select sum(price), avg(price), min(name), count(*) from item where id < 0
select avg(rate * price), sum(rate * (1 - rate) * price), sum(price + 1), sum(-price), avg(abs(price - 200)) from item
select name, count(*), sum(price) filter (where good), bool_or(good), every(good) from item group by name order by name
select tag, avg(price), avg(distinct small) from item group by tag having count(*) > 3 order by tag
select sum(case when good then price * rate else 0 end), sum(case when good then price * rate else 0 end) / sum(price) from item
select sum(price) / count(*), sum(price) / 7, 100.00 * sum(rate) / sum(price), sum(price) / sum(big) from item
select coalesce(price, 0), coalesce(price, 1.5), greatest(price, rate), least(id, small), nullif(small, 3) from item order by id
select id, price / 3, price / rate, price / id, rate / price from item where rate <> 0 order by id
select id / 7, id % 7, -id / 7, (id - 150) % 7, big / 1000, id * 2 - small from item order by id
select extract(year from made), extract(month from seen), count(*) from item group by 1, 2 order by 1, 2
select made + 3, made - 3, made - date '2020-02-29', made + interval '1 month', seen - interval '1 day 2 hours' from item order by id
select name || tag, length(name), substring(name from 2 for 2), left(code, 3), replace(name, 'y', 'zz'), strpos(name, 'y') from item order by 1, 2, 4
select count(*) from item where name like 'x%y' or code like 'C-1_' or name not like '%5%'
select count(*) from item where name like '%\_%' or tag = 'ab1' or tag in ('ab2', 'ab3  ')
select count(*) from item where made between date '2020-02-01' and date '2021-01-01' and seen >= timestamp '2020-02-02 03:04:05'
select count(*) from item where id in (1, 2, 300, 301) or id = any (array[5, 6]) or small <> all (array[1, 2])
select owner.name, count(*), sum(price) from item join owner on owner.id = item.owner group by owner.name order by owner.name
select owner.id, owner.name, item.id from owner left join item on owner.id = item.owner and item.price > 300 order by 1, 3
select owner.id, item.id from owner full join item on owner.id = item.owner order by 1 nulls first, 2
select count(*) from item where exists (select 1 from owner where owner.id = item.owner and since > made)
select count(*) from item where not exists (select 1 from owner where owner.id = item.owner)
select id from item where owner in (select id from owner where since > date '2020-06-01') order by id
select id from item where owner not in (select id from owner) order by id
select id from item where price > all (select price from item x where x.id < 50 and x.price is not null) order by id
select count(*) from item where price < (select 0.2 * avg(price) from item x where x.name = item.name)
select id, (select max(price) from item x where x.owner = item.owner), (select name from owner where owner.id = item.owner) from item order by id
with sums as (select owner, sum(price) total from item group by owner) select owner from sums where total = (select max(total) from sums)
with a as (select id, name from item where good), b as (select name from a group by name) select a.id from a join b using (name) order by 1
select name from item union select name from owner order by 1
select name from item intersect select name from item where good order by 1
select name from item except all select name from item where good order by 1
select id from item where good union all select id from owner order by 1
select distinct tag, good from item order by tag, good
select id, price from item order by price desc, id limit 7 offset 3
select id, price from item order by price nulls first, id limit 30
select good, count(*) from item group by good order by good nulls first
select id, row_number() over (order by price, id), rank() over (partition by tag order by small) from item order by id
select id, sum(price) over (partition by tag), count(*) over (order by made), max(name) over (partition by good) from item order by id
select id, doc, free, half from item order by id desc limit 5
select sum(free), sum(half), avg(half), string_agg(name, ',' order by id), max(half) from item
select upper(name), lower(code), sqrt(id), half * 2 from item order by id
select round(price, 1), round(price, 3), price::integer, price::numeric(12, 1), id::numeric, id::text, small::bigint from item order by id
select id from item where good is not true and price is not null order by id
select id from item where owner is distinct from 3 and name is not distinct from 'x1y' order by id
select big / (id - 5) from item
select sum(big * 1000000000) from item
select (id * 10000000)::integer from item
select (select id from owner where id < item.id) from item
select small * 1000::smallint from item
select count(*) from item a, item b where a.id < b.id and a.id > 280
select made, count(*) from item where made < (select max(since) from owner) group by made order by 2 desc, 1 limit 4
select l.total from owner, lateral (select sum(price) total from item where item.owner = owner.id) l order by owner.id
select x.n, count(*) from (select name n, case when id > 100 then 'many' else 'few' end k from item) x where x.k = 'few' group by 1 order by 1
select count(*) from item, (values (1, 'a'), (2, 'b')) v(n, t) where v.n = item.small
select grouping(name), name, sum(price) from item group by rollup (name) order by 1, 2
select distinct on (tag) tag, id from item order by tag, id desc
select o.id, o.name, o.since, count(i.id), sum(i.price) from owner o left join item i on i.owner = o.id group by o.id order by o.id
select count(*), max(n) from (select i.id, i.name, i.half, count(o.id) as n from item i left join owner o on o.id = i.owner group by i.id) as counted
select sum(price) / count(*), avg(price) / 3, 1.0 / sum(rate), sum(price) / sum(big) from item where id < 200
select name, sum(price) / nullif(sum(small), 0) as each, avg(big) from item group by name order by each, name
select m, m / 7 from (select avg(price) as m from item group by tag) as means order by m
select i.id from item i left join owner o on o.id = i.owner where o.id is null and i.id % 3 = 0 and i.id not in (select id from owner) order by 1
