import { Postgres } from "@nebuladb/platform";

/** Orders and payments: the database that must not lose a row. */
export default new Postgres("orders", {
  version: "18",
  // One unit is 1 vCPU and 2 GiB. It grows to `max` under load and sleeps after five idle minutes.
  compute: { min: 0.25, max: 0.5, suspendAfter: "5m" },
  storage: "10Gi",
  // Any second of the last 30 days can be restored.
  backups: { retention: "30d", pitr: true },
  // The owner is made for you; the reporting tool gets a login that can only read.
  roles: [{ name: "reporting", access: "read" }],
  tags: { team: "checkout", data: "customer" },
});
