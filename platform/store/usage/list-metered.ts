import type { Sql } from "../../sql/index.ts";
import type { MeteredInstance } from "./sample.ts";

/** Every database that costs something now, by id. */
export const listMeteredInstances = (sql: Sql): Promise<readonly MeteredInstance[]> =>
  sql.query(
    `select id, phase, spec, commit, created_at as "createdAt", host, port, data_dir as "dataDir"
     from instances where phase in ('Ready', 'Paused', 'Retired') order by id`,
  );
