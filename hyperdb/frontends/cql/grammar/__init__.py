"""The grammar of CQL, a data file (`cql.lark`); `hyperdb.frontends.cql.parse` makes a parser of it."""
