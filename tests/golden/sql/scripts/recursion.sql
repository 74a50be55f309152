-- WITH RECURSIVE: terms that name later ones, terms with a WITH of their own, names that stand for something else inside.
WITH RECURSIVE a AS (SELECT n * 2 AS n FROM b), b(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM b WHERE n < 4) SELECT * FROM a ORDER BY n;
WITH RECURSIVE a AS (SELECT * FROM c), b AS (SELECT 7 AS x), c AS (SELECT x + 1 AS y FROM b) SELECT a.y, b.x FROM a, b;
WITH a AS (SELECT * FROM b), b AS (SELECT 7 AS x) SELECT * FROM a;
WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM a;
WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n FROM b), b(n) AS (SELECT 1 UNION ALL SELECT n FROM a) SELECT * FROM a;
WITH RECURSIVE t(n) AS (WITH s AS (SELECT 1 AS one) SELECT one FROM s UNION ALL SELECT n + one FROM t, s WHERE n < 5) SELECT * FROM t ORDER BY n;
WITH RECURSIVE t(n) AS (WITH s AS (SELECT n FROM t) SELECT 1 UNION ALL SELECT n FROM s) SELECT * FROM t;
WITH RECURSIVE t(n) AS (WITH RECURSIVE s(m) AS (SELECT 1 UNION ALL SELECT m + 1 FROM s WHERE m < 3) SELECT 0 UNION ALL SELECT n + m FROM t, s WHERE n < 3) SELECT n, count(*) FROM t GROUP BY n ORDER BY n;
WITH RECURSIVE t AS (WITH t AS (SELECT 5 AS five) SELECT five FROM t) SELECT * FROM t;
WITH a AS (SELECT 1), a AS (SELECT 2) SELECT * FROM a;
WITH a AS (SELECT 1 AS x) SELECT * FROM (WITH a AS (SELECT 2 AS x) SELECT * FROM a) AS inner_one, a;
CREATE TABLE tree (id int PRIMARY KEY, parent int, name text);
INSERT INTO tree VALUES (1, NULL, 'root'), (2, 1, 'left'), (3, 1, 'right'), (4, 2, 'leaf'), (5, 9, 'lost');
WITH RECURSIVE depths AS (SELECT name, array_length(path, 1) AS depth FROM paths), paths AS (SELECT id, name, ARRAY[id] AS path FROM tree WHERE parent IS NULL UNION ALL SELECT tree.id, tree.name, path || tree.id FROM tree JOIN paths ON tree.parent = paths.id) SELECT * FROM depths ORDER BY depth, name;
WITH RECURSIVE down AS (SELECT id FROM gone), gone AS (DELETE FROM tree WHERE parent = 9 RETURNING id) SELECT * FROM down;
SELECT count(*) FROM tree;
