import type { Sql } from "../../sql/index.ts";
import type { MeteredInstance } from "./sample.ts";

/** Every database that costs something now, by id. */
export const listMeteredInstances = (sql: Sql): Promise<readonly MeteredInstance[]> =>
  sql.query(
    `select id, phase, spec, commit, created_at as "createdAt", data_dir as "dataDir",
       (select coalesce(sum(stored_bytes), 0)::float8 from backup_lines where instance = instances.id) as "backupBytes"
     from instances where phase in ('Ready', 'Paused', 'Retired') order by id`,
  );
