import { Postgres } from "@nebuladb/platform";

/** Papers and their citations. Names with accents are found without them. */
export default new Postgres("papers", {
  version: "18",
  compute: { min: 0.25, max: 0.5 },
  storage: "5Gi",
  backups: { retention: "14d" },
  extensions: ["citext", "unaccent"],
  tags: { team: "library" },
});
