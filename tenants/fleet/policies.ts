import { policies } from "@nebuladb/platform";

/** Rules that every database keeps, whoever declares it. */
export default policies({
  requiredTags: [],
  allowedExtensions: [
    "btree_gin",
    "btree_gist",
    "citext",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "ltree",
    "pg_stat_statements",
    "pg_trgm",
    "tablefunc",
    "unaccent",
    "vector",
  ],
  maxUnitsPerDatabase: 16,
  minBackupRetention: "1d",
  allowPublicNetwork: false,
  unreviewed: "stop",
  retireGrace: "0s", // for trying things out; leave it out for the default of an hour, or raise it
  drift: "report", // "heal" also brings a machine back that somebody changed
  prune: { databases: 1, percent: 10 },
});
