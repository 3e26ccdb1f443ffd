import { elasticsearch } from "./elasticsearch.ts";
import type { EngineSet } from "./engine-set.ts";
import { mongodb } from "./mongodb.ts";
import { mysql } from "./mysql.ts";
import { postgresHere, postgresThere } from "./postgres.ts";
import { redis } from "./redis.ts";

export { type EngineSet, exporterJob, type VitalRule } from "./engine-set.ts";

/** Of every engine where it may be placed and scraped; on aws the provider's own monitoring is asked. */
export const engineSets: readonly EngineSet[] = [postgresHere, postgresThere, mysql, mongodb, redis, elasticsearch];
