import { Postgres } from "@nebuladb/platform";

/** Products and their search: a fixed size by name instead of compute units, and trigram indexes for the search box. */
export default new Postgres("catalog", {
  version: "18",
  size: "db.t3.micro",
  compute: { suspendAfter: "30m" },
  extensions: ["pg_trgm"],
  tags: { team: "storefront" },
});
