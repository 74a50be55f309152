-- What programs with a window ask of PostgreSQL when they connect and show what is there, as facts: one block each, "--! PROGRAM, MARK,
-- ORIGIN" and one statement. MARK: rows = the rows must be PostgreSQL's; among = they must be among ours (which has schemas of its
-- own besides); columns = names and types of the columns must be.
-- {table} and {schema} stand for the number and the schema of a table. Long lists of words are shortened.

--! DBeaver, run, recorded with DBeaver 25.1 (JDBC driver)
SET extra_float_digits = 3
--! DBeaver, run, recorded with DBeaver 25.1
SET application_name = 'DBeaver 25.1.5 - Main <postgres>'
--! DBeaver, columns, recorded with DBeaver 25.1
SELECT current_schema(),session_user
--! DBeaver, columns, org.jkiss.dbeaver.ext.postgresql PostgreDatabase
SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname
--! DBeaver, rows, pgjdbc TypeInfoCache
SELECT n.nspname = ANY(current_schemas(true)), n.nspname, t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON t.typnamespace = n.oid WHERE t.oid = 1007
--! DBeaver, rows, pgjdbc TypeInfoCache
SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid FROM pg_catalog.pg_type LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns join ( select s.r, (current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), 1)) as s(r) ) as r using ( nspname ) ) as sp ON sp.nspoid = typnamespace WHERE pg_type.oid = 1007 ORDER BY sp.r, pg_type.oid DESC
--! DBeaver, rows, recorded with DBeaver 25.1
SHOW search_path
--! DBeaver, columns, org.jkiss.dbeaver.ext.postgresql PostgreDatabase
SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datname='postgres'
--! DBeaver, columns, pgjdbc
SELECT * FROM pg_catalog.pg_settings where name='standard_conforming_strings'
--! DBeaver, columns, pgjdbc getSQLKeywords
SELECT string_agg(word, ',' ) from pg_catalog.pg_get_keywords() where word <> ALL ('{a,abs,absolute,action,zone}'::text[])
--! DBeaver, columns, recorded with DBeaver 25.1
SELECT version()
--! DBeaver, columns, PostgreDataSource
SELECT * FROM pg_catalog.pg_enum WHERE 1<>1 LIMIT 1
--! DBeaver, columns, PostgreDataSource
SELECT reltype FROM pg_catalog.pg_class WHERE 1<>1 LIMIT 1
--! DBeaver, columns, PostgreDataTypeCache
SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C')
--! DBeaver, columns, PostgreSchema
SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass WHERE c.relnamespace='{schema}'::regnamespace AND c.relkind not in ('i','I','c')
--! DBeaver, columns, PostgreSchema
select c.oid,pg_catalog.pg_total_relation_size(c.oid) as total_rel_size,pg_catalog.pg_relation_size(c.oid) as rel_size FROM pg_class c WHERE c.relnamespace='{schema}'::regnamespace
--! DBeaver, columns, PostgreSchema
SELECT i.*,i.indkey as keys,c.relname,c.relnamespace,c.relam,c.reltablespace,tc.relname as tabrelname,dsc.description,pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr,pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr,pg_catalog.pg_relation_size(i.indexrelid) as index_rel_size,pg_catalog.pg_stat_get_numscans(i.indexrelid) as index_num_scans FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid INNER JOIN pg_catalog.pg_class tc ON tc.oid=i.indrelid LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid=dsc.objoid WHERE i.indrelid={table} ORDER BY tabrelname, c.relname
--! DBeaver, columns, PostgreSchema
SELECT c.oid,c.*,t.relname as tabrelname,rt.relnamespace as refnamespace,d.description, case when c.contype='c' then "substring"(pg_get_constraintdef(c.oid), 7) else null end consrc_copy FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid=c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid=c.confrelid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_constraint'::regclass WHERE c.conrelid={table} ORDER BY c.oid

--! pgAdmin, run, web/pgadmin/utils/driver/psycopg3/connection.py _initialize
SET DateStyle=ISO
--! pgAdmin, run, connection.py _initialize
SET client_min_messages=notice
--! pgAdmin, rows, connection.py _initialize
SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'
--! pgAdmin, run, connection.py _initialize
SET client_encoding='utf-8'
--! pgAdmin, columns, connection.py _initialize
SELECT db.oid as did, db.datname, db.datallowconn, pg_encoding_to_char(db.encoding) AS serverencoding, has_database_privilege(db.oid, 'CREATE') as cancreate, datistemplate FROM pg_catalog.pg_database db WHERE db.datname = current_database()
--! pgAdmin, rows, connection.py _initialize
SELECT gss_authenticated, encrypted FROM pg_catalog.pg_stat_gssapi WHERE pid = pg_backend_pid()
--! pgAdmin, columns, connection.py _initialize
SELECT roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser, CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreaterole END as can_create_role, CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreatedb END as can_create_db, CASE WHEN 'pg_signal_backend'=ANY(ARRAY(WITH RECURSIVE cte AS (SELECT pg_roles.oid,pg_roles.rolname FROM pg_roles WHERE pg_roles.oid = roles.oid UNION ALL SELECT m.roleid,pgr.rolname FROM cte cte_1 JOIN pg_auth_members m ON m.member = cte_1.oid JOIN pg_roles pgr ON pgr.oid = m.roleid) SELECT rolname FROM cte)) THEN True ELSE False END as can_signal_backend FROM pg_catalog.pg_roles as roles WHERE rolname = current_user
--! pgAdmin, rows, servers recovery check
SELECT CASE WHEN usesuper THEN pg_catalog.pg_is_in_recovery() ELSE FALSE END as inrecovery, CASE WHEN usesuper AND pg_catalog.pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE FALSE END as isreplaypaused FROM pg_catalog.pg_user WHERE usename=current_user
--! pgAdmin, rows, servers replication type
SELECT CASE WHEN (SELECT count(extname) FROM pg_catalog.pg_extension WHERE extname='bdr') > 0 THEN 'pgd' WHEN (SELECT COUNT(*) FROM pg_replication_slots) > 0 THEN 'log' ELSE NULL END as type
--! pgAdmin, columns, databases nodes
SELECT db.oid as did, db.datname as name, ta.spcname as spcname, db.datallowconn, db.datistemplate AS is_template, pg_catalog.has_database_privilege(db.oid, 'CREATE') as cancreate, datdba as owner, descr.description FROM pg_catalog.pg_database db LEFT OUTER JOIN pg_catalog.pg_tablespace ta ON db.dattablespace = ta.oid LEFT OUTER JOIN pg_catalog.pg_shdescription descr ON (db.oid=descr.objoid AND descr.classoid='pg_database'::regclass) ORDER BY datname
--! pgAdmin, columns, roles nodes
SELECT r.oid, r.rolname as name, r.rolcanlogin, r.rolsuper FROM pg_roles r ORDER BY r.rolcanlogin, r.rolname
--! pgAdmin, columns, dashboard sessions
SELECT pid, datname, usename, application_name, client_addr, backend_start, state, wait_event_type, query FROM pg_catalog.pg_stat_activity WHERE datname = current_database()
--! pgAdmin, columns, query tool cancel
SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE false

--! Metabase, run, recorded with Metabase 0.55
SET extra_float_digits = 2
--! Metabase, rows, recorded with Metabase 0.55
SHOW TRANSACTION ISOLATION LEVEL
--! Metabase, run, recorded with Metabase 0.55
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ UNCOMMITTED
--! Metabase, columns, pgjdbc getSchemas
SELECT nspname AS "TABLE_SCHEM", current_database() AS "TABLE_CATALOG" FROM pg_catalog.pg_namespace WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_' OR nspname = (pg_catalog.current_schemas(true))[1]) AND (nspname !~ '^pg_toast_temp_' OR nspname = replace((pg_catalog.current_schemas(true))[1], 'pg_temp_', 'pg_toast_temp_')) ORDER BY "TABLE_SCHEM"
--! Metabase, rows, metabase.driver.postgres current-user-table-privileges
with table_privileges as (select NULL as role, t.schemaname as schema, t.objectname as table, pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'update') as update, pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'select') as select, pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'insert') as insert, pg_catalog.has_table_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'delete') as delete from (select schemaname, tablename as objectname from pg_catalog.pg_tables union select schemaname, viewname as objectname from pg_catalog.pg_views union select schemaname, matviewname as objectname from pg_catalog.pg_matviews) t where t.schemaname !~ '^pg_' and t.schemaname <> 'information_schema' and pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')) select t.* from table_privileges t order by 2, 3
--! Metabase, columns, metabase.driver.postgres describe-database
SELECT "n"."nspname" AS "schema", "c"."relname" AS "name", CASE "c"."relkind" WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END AS "type", "d"."description" AS "description", "stat"."n_live_tup" AS "estimated_row_count" FROM "pg_catalog"."pg_class" AS "c" INNER JOIN "pg_catalog"."pg_namespace" AS "n" ON "c"."relnamespace" = "n"."oid" LEFT JOIN "pg_catalog"."pg_description" AS "d" ON ("c"."oid" = "d"."objoid") AND ("d"."objsubid" = '0') AND ("d"."classoid" = 'pg_class'::regclass) LEFT JOIN "pg_stat_user_tables" AS "stat" ON ("n"."nspname" = "stat"."schemaname") AND ("c"."relname" = "stat"."relname") WHERE ("c"."relnamespace" = "n"."oid") AND ("n"."nspname" !~ '^pg_') AND ("n"."nspname" <> 'information_schema') AND c.relkind in ('r', 'p', 'v', 'f', 'm') AND ("n"."nspname" IN ('{schema}')) ORDER BY "type" ASC, "schema" ASC, "name" ASC
--! Metabase, run, recorded with Metabase 0.55
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED
--! Metabase, columns, recorded with Metabase 0.55
show timezone

--! Grafana, rows, grafana-postgresql-datasource postgresMetaQuery getVersion
SELECT current_setting('server_version_num')::int/100 as version
--! Grafana, rows, postgresMetaQuery getTimescaleDBVersion
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'
--! Grafana, among, postgresMetaQuery showSchemas
SELECT schema_name AS "name" FROM information_schema.schemata WHERE schema_name NOT IN ('information_schema', 'pg_catalog', 'pg_toast', '_timescaledb_cache') ORDER BY schema_name
--! Grafana, rows, postgresMetaQuery showTables
SELECT quote_ident(table_name) AS "table" FROM information_schema.tables WHERE quote_ident(table_schema) = '{schema}' ORDER BY 1
--! Grafana, among, postgresMetaQuery showTables
SELECT CASE WHEN quote_ident(table_schema) IN (SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END FROM generate_series(array_lower(string_to_array(current_setting('search_path'),','),1), array_upper(string_to_array(current_setting('search_path'),','),1)) as i, string_to_array(current_setting('search_path'),',') s) THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table" FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache') ORDER BY 1
--! Grafana, rows, postgresMetaQuery getSchema
SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns WHERE CASE WHEN array_length(parse_ident('{schema}.parent'),1) = 2 THEN quote_ident(table_schema) = (parse_ident('{schema}.parent'))[1] AND quote_ident(table_name) = (parse_ident('{schema}.parent'))[2] ELSE quote_ident(table_name) = 'parent' END ORDER BY ordinal_position
--! Grafana, rows, pkg/tsdb/sqleng macros timeGroup
SELECT floor(extract(epoch from at)/300)*300 AS "time", count(*) FROM (VALUES (timestamptz '2024-01-01 00:01:00Z'), ('2024-01-01 00:06:00Z')) AS t(at) WHERE at BETWEEN '2024-01-01T00:00:00Z' AND '2024-01-01T01:00:00Z' GROUP BY 1 ORDER BY 1
