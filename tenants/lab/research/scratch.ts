import { Postgres } from "@nebuladb/platform";

/** The smallest declaration there is: everything that is not said has a default. */
export default new Postgres("scratch", { version: "18" });
