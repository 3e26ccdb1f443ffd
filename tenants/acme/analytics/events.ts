import { Postgres } from "@nebuladb/platform";
import { longTerm } from "../shared/backups.ts";

/** Clicks and searches, loaded every hour. Its backups follow the rule that Acme's projects share. */
export default new Postgres("events", {
  version: "18",
  compute: { min: 0.25, max: 0.5, suspendAfter: "10m" },
  storage: "20Gi",
  backups: longTerm,
  roles: [
    { name: "loader", access: "write" },
    { name: "dashboards", access: "read" },
  ],
  tags: { team: "insight" },
});
